import type { Config } from '../config/index.ts';
import type { Environment } from '../lmdb/index.ts';
import type { Log } from '../log/index.ts';
import type { ObjectStorage } from '../storage/index.ts';
import { Cleaner } from './clean/index.ts';
import type { Exclusive } from './local/exclusive.ts';
import type { Tracker } from './local/tracker.ts';
import type { RemoteIndex } from './remote/remote-index.ts';
import { Sweeper } from './sweep/index.ts';
import type { Clock } from './time/clock.ts';

export interface UpkeepOptions {
  readonly config: Config;
  readonly databaseName: string;
  readonly instanceId: string;
  readonly native: boolean;
  /** Never deletes from the bucket. */
  readonly receiveOnly: boolean;
  readonly storage: ObjectStorage;
  readonly environment: Environment;
  readonly tracker: Tracker;
  readonly turns: Exclusive;
  readonly index: RemoteIndex;
  /** Per instance what our last stored full snapshot includes (I10). */
  readonly included: () => ReadonlyMap<string, bigint>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** The sweep came upon local changes, which are to be published. */
  readonly onLocalChanges: () => void;
}

/** Cleaner, sweeper and the statistics in the log, as configured, until aborted. */
export function upkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void>[] {
  const { config, databaseName, instanceId, storage, clock, random, log } = options;
  const shared = {
    log,
    now: () => Number(clock.nowNano() / 1_000_000n),
    sleep: (ms: number, until: AbortSignal) => clock.sleep(ms, until),
  };
  const tasks: Promise<void>[] = [];
  if (config.storage.cleanup.enabled && !options.receiveOnly) {
    const { included: committed, index } = options;
    const cleanup = { storage, databaseName, instanceId, config: config.storage.cleanup, committed, random };
    tasks.push(new Cleaner({ ...shared, ...cleanup, refused: () => index.refused }).run(signal));
  }
  if (config.sweeper.enabled) {
    const { environment, tracker, turns, native, onLocalChanges } = options;
    const sweeper = new Sweeper({
      ...shared,
      environment,
      mode: native ? 'native' : 'shadow',
      config: config.sweeper,
      monotonicMs: () => clock.monotonicMs(),
      write: (body) =>
        turns.run(() => {
          if (tracker.localRound()) onLocalChanges();
          const { result, hasLocalChanges } = tracker.write((transaction) => body(transaction));
          if (hasLocalChanges) onLocalChanges();
          return result;
        }),
    });
    tasks.push(sweeper.run(signal));
  }
  if (config.lmdbLogStatsIntervalMs > 0) tasks.push(logStats(options, signal));
  return tasks;
}

async function logStats({ config, environment, clock, log }: UpkeepOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(config.lmdbLogStatsIntervalMs, signal);
    if (signal.aborted) return;
    const { mapSizeBytes, lastPageNumber, lastTxnId, numReaders } = environment.info();
    const usedBytes = (lastPageNumber + 1) * environment.pageSizeBytes;
    const percent = `${((100 * usedBytes) / mapSizeBytes).toFixed(1)} %`;
    log.info('LMDB stats', { mapSizeBytes, usedBytes, used: percent, lastTxnID: lastTxnId, readers: numReaders });
  }
}
