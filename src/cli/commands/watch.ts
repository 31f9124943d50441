import type { Command } from 'commander';
import type { WatchFlags } from '../actions/watch.ts';
import type { SessionRunner } from '../session.ts';

export function addWatchCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('watch')
    .description('Print what changes in the databases of the running process, one line a key, until stopped')
    .option('--json', 'print JSON, one line a transaction')
    .action(() =>
      runner.run(async (session) => (await import('../actions/watch.ts')).watch(session, command.opts<WatchFlags>()), {
        stopsOnSignal: true,
      }),
    );
}
