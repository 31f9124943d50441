import type { DbiStats, SyncEvent } from '../sync/index.ts';

/** What the server is told, by whom it does not know: no LMDB and no worker is touched from here. */
export interface StatusSource {
  /** The databases that are kept in step, in the order of the configuration. */
  readonly databases: readonly string[];
  /** Calls `listener` for every event from now on. @returns what ends that */
  subscribe(listener: (event: SyncEvent) => void): () => void;
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
