import type { Command } from 'commander';
import type { FixDuplicateDomainsFlags } from '../actions/experimental/fix-duplicate-domains.ts';
import type { MigrateTimestampsFlags } from '../actions/experimental/migrate-timestamps.ts';
import type { SessionRunner } from '../session.ts';

/** Names and flags are the reference's. */
export function addExperimentalCommand(program: Command, runner: SessionRunner): void {
  const experimental = program
    .command('experimental')
    .description("Lightning Stream's commands for moving PowerDNS to a newer schema");
  addMigrateTimestamps(experimental, runner);
  addFixDuplicateDomains(experimental, runner);
}

function addMigrateTimestamps(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('migrate-timestamps')
    .description('Copy the times of changes from one DBI to another, key by key, where they are newer')
    .requiredOption('-d, --database <name>', 'the database of the configuration')
    .requiredOption('--src-dbi <name>', 'the DBI that has the times, e.g. _sync_shadow_records')
    .requiredOption('--dst-dbi <name>', 'the DBI that gets them, e.g. records_v5')
    .option('--add-delete-entries', 'also mark as deleted what is deleted in the source and missing in the destination')
    .option('--ignore-src-dbi-not-present', 'do nothing, and succeed, when the source does not exist')
    .action(() =>
      runner.run(async (session) => {
        const { migrateTimestampsOf } = await import('../actions/experimental/migrate-timestamps.ts');
        await migrateTimestampsOf(session, command.opts<MigrateTimestampsFlags>());
      }),
    );
}

function addFixDuplicateDomains(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('pdns-v5-fix-duplicate-domains')
    .description('Find zones of PowerDNS (schemas 5 and 6) that exist twice, and rename the newer ones')
    .requiredOption('-d, --database <name>', 'the database of the main file of PowerDNS')
    .option('--dangerous-do-rename', 'rename the newer ones to NAME.dup-ID.invalid; without it nothing is written')
    .action(() =>
      runner.run(async (session) => {
        const { fixDuplicateDomains } = await import('../actions/experimental/fix-duplicate-domains.ts');
        await fixDuplicateDomains(session, command.opts<FixDuplicateDomainsFlags>());
      }),
    );
}
