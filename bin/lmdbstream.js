#!/usr/bin/env node
import module from 'node:module';

// Node's own answer to SIGUSR1 is to open the debugger's port. A signal that some log rotation sends must not do that.
process.on('SIGUSR1', () => {});
// From Node 22.1 on: compiled code is kept between starts. Imports that stand at the top would be compiled before this line.
/** @type {{ enableCompileCache?: () => unknown }} */ (module).enableCompileCache?.();

const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
