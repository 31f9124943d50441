import type { Command } from 'commander';
import { UsageError } from '../errors.ts';

/** Instead of commander's own, which looks one level deep only: `help snapshots list`. */
export function addHelpCommand(program: Command): void {
  program.helpCommand(false);
  program
    .command('help')
    .description('Show the help of a command')
    .argument('[command...]', 'the command, e.g. snapshots list')
    .action((path: string[]) => {
      let command = program;
      for (const word of path) {
        const next = command.commands.find((candidate) => candidate.name() === word);
        if (next === undefined)
          throw new UsageError(`there is no command "${path.join(' ')}"`, 'see lmdbstream --help');
        command = next;
      }
      command.outputHelp();
    });
}
