import { describeError } from '../../errors/index.ts';
import { toInstanceId } from '../../snapshot/index.ts';
import { Cleaner } from '../clean/index.ts';
import type { LocalDatabase } from '../local/index.ts';
import type { Report } from '../status/index.ts';
import { sweepOften } from '../sweep/index.ts';
import { nowMs } from '../time/index.ts';
import type { DatabaseOptions } from './ports.ts';

export interface UpkeepOptions extends DatabaseOptions {
  readonly local: LocalDatabase;
  /** Whether an object stands for what it holds (I10). */
  readonly isProven: (full: string) => boolean;
  /** Per instance what our last stored full snapshot includes (I10). */
  readonly included: () => ReadonlyMap<string, bigint>;
  readonly report: Report;
}

/** Cleaner, sweeper and statistics, as configured, until aborted. */
export function upkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void>[] {
  const { config, lmdb, mode, ports, log, included, isProven, report } = options;
  const { storage, clock, random } = ports;
  const tasks: Promise<void>[] = [];
  if (config.storage.cleanup.enabled && mode === 'sync') {
    const cleaner = new Cleaner({
      storage,
      databaseName: lmdb.name,
      instanceId: toInstanceId(config.instance),
      config: config.storage.cleanup,
      included,
      isProven,
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

async function logStats({ config, ports, local, log }: UpkeepOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await ports.clock.sleep(config.lmdbLogStatsIntervalMs, signal);
    if (signal.aborted) return;
    const stats = local.stats();
    const { mapSizeBytes, usedBytes, lastTxnId: lastTxnID, readers } = stats;
    const used = `${((100 * usedBytes) / mapSizeBytes).toFixed(1)} %`;
    log.info('LMDB stats', { mapSizeBytes, usedBytes, used, lastTxnID, readers });
  }
}

/** For the status page and `/metrics`. */
const STATS_INTERVAL_MS = 10_000;

async function reportStats({ local, ports, log, report }: UpkeepOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      report({ type: 'lmdbStats', stats: await local.lmdbStats() });
    } catch (error) {
      // A full reader table, or pages that changed under us: what is wrong is told by who needs it.
      log.debug('LMDB cannot be counted now', { error: describeError(error) });
    }
    await ports.clock.sleep(STATS_INTERVAL_MS, signal);
  }
}
