import type { DeliveryOutcome } from '../events/index.ts';
import type { ChangeEvent, DbiStats, SyncEvent } from '../sync/index.ts';

/** What the server is told, by whom it does not know: no LMDB and no worker is touched from here. */
export interface StatusSource {
  /** The databases that are kept in step, in the order of the configuration. */
  readonly databases: readonly string[];
  /** Calls `listener` for every event from now on. @returns what ends that */
  subscribe(listener: (event: SyncEvent) => void): () => void;
  /** Calls `listener` with everything that changes in the databases from now on. @returns what ends that */
  subscribeChanges(listener: (event: ChangeEvent) => void): () => void;
  /** Calls `listener` whenever a consumer of change events was told something, or could not be. @returns what ends that */
  subscribeOutcomes(listener: (outcome: DeliveryOutcome) => void): () => void;
  /** Change events that wait to be told, by consumer. */
  eventsWaiting(): ReadonlyMap<string, number>;
  /** Since when a worker waits for the write lock, in ms since 1970: it is blocked and posts no event meanwhile. */
  lockWaitingSinceMs(db: string): number | undefined;
  /** Lists the bucket of a database at once. */
  listNow(db: string): void;
  /** Every object of the bucket, whosever it is. */
  listObjects(signal: AbortSignal): AsyncIterable<{ readonly name: string; readonly sizeBytes: number }>;
}

export function usedBytes(dbi: DbiStats, pageSizeBytes: number): number {
  return (dbi.branchPages + dbi.leafPages + dbi.overflowPages) * pageSizeBytes;
}

/** ms since 1970, with a fraction. */
export function nanoToMs(timestampNano: bigint): number {
  return Number(timestampNano / 1000n) / 1000;
}
