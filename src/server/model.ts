import type { SyncEvent } from '../sync/index.ts';

/** What the server is told, by whom it does not know: no LMDB and no worker is touched from here. */
export interface StatusSource {
  /** The databases that are kept in step, in the order of the configuration. */
  readonly databases: readonly string[];
  /** Calls `listener` for every event from now on. @returns what ends that */
  subscribe(listener: (event: ServerEvent) => void): () => void;
  /** Since when a worker waits for the write lock, in ms since 1970: it is blocked and posts no event meanwhile. */
  lockWaitingSinceMs(db: string): number | undefined;
  /** Every object of the bucket, whosever it is. */
  listObjects(signal: AbortSignal): AsyncIterable<{ readonly name: string; readonly sizeBytes: number }>;
}

/** What happened to a database: the events of the sync, and those that only an operator asks for. */
export type ServerEvent = SyncEvent | OperatorEvent;

export type LimitName = 'download' | 'decompress';

type OperatorEventBody =
  /** All objects of this database in the bucket, after a listing. */
  | { readonly type: 'inStorage'; readonly objects: number; readonly sizeBytes: number }
  /** The newest object of a peer in the bucket, when it is a new one. `timestampNano`: the time in its name. */
  | { readonly type: 'seen'; readonly instanceId: string; readonly name: string; readonly timestampNano: bigint }
  /** All instances that have objects of this database in the bucket, when that has changed. */
  | { readonly type: 'instances'; readonly instanceIds: readonly string[] }
  /** LMDB's own counts, taken by the worker that owns the environment. */
  | ({ readonly type: 'lmdbStats' } & LmdbStats)
  | {
      readonly type: 'limit';
      readonly limit: LimitName;
      readonly max: number;
      readonly active: number;
      readonly waiting: number;
    }
  /** A turn of a limit ended: how long it was waited for, and how long it took. */
  | { readonly type: 'turn'; readonly limit: LimitName; readonly waitMs: number; readonly activeMs: number }
  /** Deltas since our last full snapshot. */
  | { readonly type: 'chain'; readonly length: number }
  /** Deltas of a peer are missing. */
  | { readonly type: 'chainGap'; readonly instanceId: string }
  | { readonly type: 'compacted' }
  /** All DBIs that the application dropped and that only the shadow keeps. */
  | { readonly type: 'detached'; readonly dbis: readonly string[] };

export type OperatorEvent = OperatorEventBody & {
  readonly db: string;
  /** ms since 1970 UTC. */
  readonly atMs: number;
};

export interface LmdbStats {
  /** Absolute path of the data file. */
  readonly path: string;
  readonly pageSizeBytes: number;
  readonly mapSizeBytes: number;
  readonly fileSizeBytes: number;
  readonly lastTxnId: number;
  readonly readers: number;
  readonly maxReaders: number;
  readonly dbis: readonly DbiStats[];
}

export interface DbiStats {
  readonly name: string;
  /** Names such as `DupSort`; empty for a plain DBI. */
  readonly flags: readonly string[];
  readonly entries: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
}

export function usedBytes(dbi: DbiStats, pageSizeBytes: number): number {
  return (dbi.branchPages + dbi.leafPages + dbi.overflowPages) * pageSizeBytes;
}

/** ms since 1970, with a fraction. */
export function nanoToMs(timestampNano: bigint): number {
  return Number(timestampNano / 1000n) / 1000;
}
