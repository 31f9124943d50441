import { type Command, InvalidArgumentError } from 'commander';
import type { MigratePowerdnsFlags } from '../actions/migrate-powerdns.ts';
import type { GlobalFlags } from '../global-flags.ts';
import type { SessionRunner } from '../session.ts';

export function addMigrateCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('migrate')
    .description('Move a fleet to a newer schema of its application')
    .command('powerdns')
    .description('From PowerDNS 4.7 to 4.8 or newer: before the upgrade check, after it move the times of all changes')
    .option('--dry-run', 'only say what would be done')
    .option('-o, --output <file>', 'the new configuration (default: the present one with .native.yaml at the end)')
    .option('--new-prefix <text>', 'part of the name of the new place in the bucket', parsePrefix, 'native')
    .option('--json', 'print JSON')
    .action(() =>
      runner.run(async (session) => {
        const { migratePowerdns } = await import('../actions/migrate-powerdns.ts');
        const { config } = program.opts<GlobalFlags>();
        await migratePowerdns(session, config, command.opts<MigratePowerdnsFlags>());
      }),
    );
}

function parsePrefix(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) {
    throw new InvalidArgumentError('letters, digits, dots, dashes and underscores are expected.');
  }
  return text;
}
