import type { Command } from 'commander';
import type { RunOptions } from '../../sync/index.ts';
import type { Session, SessionRunner } from '../session.ts';
import { version } from '../version.ts';

interface SyncFlags {
  readonly onlyOnce?: boolean;
  readonly onlyDb?: readonly string[];
  readonly waitForMarkerFile?: string;
  readonly acceptStale?: boolean;
}

export function addSyncCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('sync')
    .description('Keep the databases in step with the bucket, both ways')
    .option('--only-db <name>', 'only this database (may be given again for more)', (name, before: string[] = []) => [
      ...before,
      name,
    ]);
  addRun(command, runner, 'sync');
}

export function addReceiveCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('receive')
    .description('Bring the databases up to date from the bucket, and never write to it');
  addRun(command, runner, 'receive');
}

/** What `sync` and `receive` have in common. Surplus words are ignored, as in the reference. */
function addRun(command: Command, runner: SessionRunner, mode: RunOptions['mode']): void {
  command
    .option('--only-once', 'merge what is there, publish, and exit')
    .option('--wait-for-marker-file <name>', 'before anything else, wait until the bucket has an object of this name')
    .option('--accept-stale', 'join although this instance was away for longer than deletions are remembered')
    .allowExcessArguments(true)
    .action(() => {
      const { onlyOnce, acceptStale, ...flags }: SyncFlags = command.opts();
      return runner.run((session) => run(session, mode, flags), {
        flags: { onlyOnce, acceptStale },
        stopsOnSignal: true,
      });
    });
}

async function run(session: Session, mode: RunOptions['mode'], flags: SyncFlags): Promise<void> {
  const { config, log, signal, io } = session;
  const onlyDatabases = flags.onlyDb ?? [];
  for (const name of onlyDatabases) {
    if (!config.lmdbs.has(name)) log.warn('--only-db names a database that is not configured', { db: name });
  }
  const outcome = await io.runSync({
    config,
    mode,
    onlyDatabases,
    log,
    signal,
    version: version(),
    ...(flags.waitForMarkerFile ? { waitForMarkerFile: flags.waitForMarkerFile } : {}),
  });
  log.info(outcome === 'stopped' ? 'stopped as requested' : 'done');
}
