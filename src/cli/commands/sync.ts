import type { Command } from 'commander';
import type { SyncFlags } from '../actions/sync.ts';
import type { SessionRunner } from '../session.ts';

interface RunFlags extends SyncFlags {
  readonly onlyOnce?: boolean;
  readonly acceptStale?: boolean;
}

export function addSyncCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('sync')
    .description('Keep the databases in step with the bucket, both ways')
    .option('--only-db <name>', 'only this database (may be given again for more)', (name, before: string[] = []) => [
      ...before,
      name,
    ])
    .option('--only-once', 'merge what is there, publish, and exit');
  addRun(command, runner, 'sync');
}

export function addReceiveCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('receive')
    .description('Bring the databases up to date from the bucket, and never write to it')
    .option('--only-once', 'merge what is there, and exit');
  addRun(command, runner, 'receive');
}

/** What `sync` and `receive` have in common. Surplus words are ignored, as in the reference. */
function addRun(command: Command, runner: SessionRunner, mode: 'sync' | 'receive'): void {
  command
    .option('--wait-for-marker-file <name>', 'before anything else, wait until the bucket has an object of this name')
    .option('--accept-stale', 'join although this instance was away for longer than deletions are remembered')
    .allowExcessArguments(true)
    .action(() => {
      runner.prepareSync();
      const { onlyOnce, acceptStale, ...flags }: RunFlags = command.opts();
      return runner.run(async (session) => (await import('../actions/sync.ts')).sync(session, mode, flags), {
        flags: { onlyOnce, acceptStale },
        stopsOnSignal: true,
      });
    });
}
