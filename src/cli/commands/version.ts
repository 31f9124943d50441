import type { Command } from 'commander';
import type { Output } from '../output.ts';
import { version } from '../version.ts';

export function addVersionCommand(program: Command, out: Output): void {
  program
    .command('version')
    .description('Print the version')
    .action(() => out.write(`${version()}\n`));
}
