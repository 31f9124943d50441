#!/usr/bin/env node
import { statSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';

// Node's own answer to SIGUSR1 is to open the debugger's port. A signal that some log rotation sends must not do that.
process.on('SIGUSR1', () => {});
keepCompiledCode();
// Imports that stand at the top would be compiled before the line above.
const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2));

/**
 * From Node 22.1 on, compiled code is kept between starts. Never in Node's default folder, which lies in /tmp: whoever makes it
 * first decides what we run. systemd's `CacheDirectory=` comes first, then the user's own cache, if it is that user's.
 */
function keepCompiledCode() {
  const enable = /** @type {{ enableCompileCache?: (folder: string) => unknown }} */ (module).enableCompileCache;
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  const parent = CACHE_DIRECTORY || XDG_CACHE_HOME || HOME;
  if (!enable || !parent || ownerOf(parent) !== process.getuid?.()) return;
  const home = CACHE_DIRECTORY || XDG_CACHE_HOME || join(parent, '.cache');
  enable(CACHE_DIRECTORY ? home : join(home, 'lmdbstream'));
}

/**
 * @param {string} folder
 * @returns {number} -1: it is missing, or this user may not look at it
 */
function ownerOf(folder) {
  try {
    return statSync(folder).uid;
  } catch {
    return -1;
  }
}
