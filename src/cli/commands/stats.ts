import type { Command } from 'commander';
import type { SessionRunner } from '../session.ts';

export function addStatsCommand(program: Command, runner: SessionRunner): void {
  program
    .command('stats')
    .description('Print sizes and counts of the LMDBs')
    .allowExcessArguments(true)
    .action(() => runner.run(async (session) => (await import('../actions/stats.ts')).stats(session)));
}
