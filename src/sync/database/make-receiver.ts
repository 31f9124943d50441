import { Receiver, type ReceiverOptions } from '../remote/index.ts';
import { sweepCutoff } from '../sweep/index.ts';
import type { DatabaseOptions } from './ports.ts';

type Given = 'index' | 'instanceId' | 'report' | 'merge' | 'onMerged' | 'onSettled' | 'onFatal' | 'onRefused';

/** The receiver of a database, as its configuration and its ports say. */
export function makeReceiver(options: DatabaseOptions, given: Pick<ReceiverOptions, Given>): Receiver {
  return new Receiver({ ...receiverOptions(options), ...given });
}

/** Of any receiver of a database. */
export function receiverOptions({ config, lmdb, ports }: DatabaseOptions): Omit<ReceiverOptions, Given> {
  const { storage, clock, spool } = ports;
  return {
    databaseName: lmdb.name,
    storage,
    concurrency: config.memoryDownloadedSnapshots,
    retryIntervalMs: config.storageRetryIntervalMs,
    forgottenBefore: () => (config.acceptStale ? 0n : sweepCutoff(clock.nowNano(), config.sweeper)),
    onlyOnce: config.onlyOnce,
    attempts: config.storageRetryForever ? Number.POSITIVE_INFINITY : config.storageRetryCount,
    clock,
    spool,
  };
}
