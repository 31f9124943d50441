import type { Command } from 'commander';
import type { SessionRunner } from '../session.ts';

export function addStatsCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('stats')
    .description('Print sizes and counts of the LMDBs')
    .option('--json', 'print JSON')
    .allowExcessArguments(true)
    .action(() => runner.run(async (session) => (await import('../actions/stats.ts')).stats(session, command.opts())));
}
