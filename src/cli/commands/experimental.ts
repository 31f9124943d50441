import type { Command } from 'commander';
import { NotAvailableError } from '../errors.ts';

const COMMANDS = ['migrate-timestamps', 'pdns-v5-fix-duplicate-domains'];

/** Named here so that whoever calls them is told, instead of being shown a list in which they are missing. */
export function addExperimentalCommand(program: Command): void {
  const experimental = program.command('experimental').description('Commands of the reference that are not there yet');
  for (const name of COMMANDS) {
    experimental
      .command(name)
      .description('Not available yet')
      .allowUnknownOption(true)
      .allowExcessArguments(true)
      .action(() => {
        throw new NotAvailableError(`experimental ${name}`, "use the reference's command; it works on the same LMDB");
      });
  }
}
