import type { Command } from 'commander';
import type { SessionRunner } from '../session.ts';

export function addDumpCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('dump')
    .description('Print the contents of the LMDBs')
    .option('-H, --hide', 'leave out the DBIs of lmdbstream itself (_sync...)')
    .option('-n, --name <database>', 'only the database of this name')
    .option('--json', 'print JSON, one line an entry, bytes in hex')
    .allowExcessArguments(true)
    .action(() => runner.run(async (session) => (await import('../actions/dump.ts')).dump(session, command.opts())));
}
