import type { Config } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import type { ObjectStorage } from '../../storage/index.ts';
import { Cleaner } from '../clean/index.ts';
import type { LocalDatabase } from '../local/index.ts';
import type { RemoteIndex } from '../remote/index.ts';
import type { Report } from '../status/index.ts';
import { sweepOften } from '../sweep/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

export interface UpkeepOptions {
  readonly config: Config;
  readonly databaseName: string;
  readonly instanceId: string;
  /** Never deletes from the bucket. */
  readonly receiveOnly: boolean;
  readonly storage: ObjectStorage;
  readonly local: LocalDatabase;
  readonly index: RemoteIndex;
  /** Per instance what our last stored full snapshot includes (I10). */
  readonly included: () => ReadonlyMap<string, bigint>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly report: Report;
}

/** Cleaner, sweeper and statistics, as configured, until aborted. */
export function upkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void>[] {
  const { config, databaseName, instanceId, storage, clock, random, log, included, index, report } = options;
  const tasks: Promise<void>[] = [];
  if (config.storage.cleanup.enabled && !options.receiveOnly) {
    const cleaner = new Cleaner({
      storage,
      databaseName,
      instanceId,
      config: config.storage.cleanup,
      committed: included,
      refused: () => index.refused,
      log,
      random,
      now: () => nowMs(clock),
      sleep: (ms, until) => clock.sleep(ms, until),
      observer: {
        listCalled: () => report({ type: 'cleanerListed', failed: false }),
        listFailed: () => report({ type: 'cleanerListed', failed: true }),
        deleted: (reason) => report({ type: 'cleaned', reason, failed: false }),
        deleteFailed: () => report({ type: 'cleaned', reason: '', failed: true }),
      },
    });
    tasks.push(cleaner.run(signal));
  }
  if (config.sweeper.enabled) {
    const sweep = (until: AbortSignal): Promise<void> => options.local.sweep(until);
    const sleep = (ms: number, until: AbortSignal): Promise<void> => clock.sleep(ms, until);
    tasks.push(sweepOften({ config: config.sweeper, sweep, sleep, log }, signal));
  }
  if (config.lmdbLogStatsIntervalMs > 0) tasks.push(logStats(options, signal));
  if (config.http.address !== '') tasks.push(reportStats(options, signal));
  return tasks;
}

async function logStats({ config, local, clock, log }: UpkeepOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(config.lmdbLogStatsIntervalMs, signal);
    if (signal.aborted) return;
    const stats = local.stats();
    const { mapSizeBytes, usedBytes, lastTxnId: lastTxnID, readers } = stats;
    const used = `${((100 * usedBytes) / mapSizeBytes).toFixed(1)} %`;
    log.info('LMDB stats', { mapSizeBytes, usedBytes, used, lastTxnID, readers });
  }
}

/** For the status page and `/metrics`. */
const STATS_INTERVAL_MS = 10_000;

async function reportStats({ local, clock, log, report }: UpkeepOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      report({ type: 'lmdbStats', stats: await local.lmdbStats() });
    } catch (error) {
      // A full reader table, or pages that changed under us: what is wrong is told by who needs it.
      log.debug('LMDB cannot be counted now', { error: describeError(error) });
    }
    await clock.sleep(STATS_INTERVAL_MS, signal);
  }
}
