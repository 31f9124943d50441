import type { Command } from 'commander';
import type { SessionRunner } from '../session.ts';

export function addDropShadowCommand(program: Command, runner: SessionRunner): void {
  program
    .command('drop-shadow')
    .description('Drop all shadow DBIs and what else lmdbstream keeps in the LMDBs; stop sync first')
    .allowExcessArguments(true)
    .action(() => runner.run(async (session) => (await import('../actions/drop-shadow.ts')).dropShadow(session)));
}
