import { LmdbstreamError } from '../../errors/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';
import type { FailureReport } from './repeated-failure.ts';

/** Where a database is in its life. */
export type DatabasePhase = 'opening' | 'listing' | 'joining' | 'running' | 'stopped' | 'failed';

/** An error as it crosses a thread. */
export interface ErrorInfo {
  /** Stable, upper case (`LmdbstreamError.code`); `INTERNAL` for a defect of ours. */
  readonly code: string;
  readonly message: string;
  /** What the operator can do. */
  readonly hint: string | undefined;
  /** Of a defect of ours only. */
  readonly stack: string | undefined;
}

/** The object that an event speaks of. */
export interface ObjectRef {
  /** The full name in the bucket. */
  readonly name: string;
  readonly instanceId: string;
  /** The time that the name claims. */
  readonly timestampNano: bigint;
  readonly kind: 'snapshot' | 'delta';
}

export function refOf({ full: name, instanceId, timestampNano, kind }: SnapshotName): ObjectRef {
  return { name, instanceId, timestampNano, kind };
}

/** What LMDB tells of an environment, and the size of the data file in use. */
export interface EnvironmentStats {
  readonly mapSizeBytes: number;
  readonly usedBytes: number;
  readonly lastTxnId: number;
  readonly readers: number;
  readonly maxReaders: number;
}

/** A DBI, as LMDB counts it. */
export interface DbiStats {
  /** For people: bytes that are not UTF-8 as `\\xff`. */
  readonly name: string;
  /** As the configuration names them (`MDB_DUPSORT`); empty for a plain DBI. */
  readonly flags: readonly string[];
  readonly entries: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
}

/** The file that the entries lie in, where that is not the LMDB itself. */
export interface SidecarStats {
  /** Absolute path of the data file. */
  readonly path: string;
  readonly fileSizeBytes: number;
  /** Of all DBIs, deletion marks included; 0 before the first look. */
  readonly entries: number;
}

/** All that LMDB tells of an environment. */
export interface LmdbStats extends EnvironmentStats {
  /** Absolute path of the data file. */
  readonly path: string;
  readonly pageSizeBytes: number;
  readonly fileSizeBytes: number;
  /** None before the first look. */
  readonly dbis: readonly DbiStats[];
  readonly sidecar?: SidecarStats | undefined;
}

/** `download`: objects on their way, or waiting to be merged; `decompress`: objects that are read and merged. */
export type LimitName = 'download' | 'decompress';

/** What happened, without whose and when. Durations are in ms by the monotonic clock. */
export type SyncEventBody =
  /** The LMDB was opened. */
  | { readonly type: 'opened'; readonly path: string; readonly stats: EnvironmentStats }
  | { readonly type: 'phase'; readonly phase: DatabasePhase }
  /** The path no longer leads to the data file that was open: that one is closed, and what is there is opened when it can be. */
  | { readonly type: 'dataFileReplaced'; readonly error: ErrorInfo }
  /** There is no data file yet, and nothing in the bucket to put into one: it is the application's to make. */
  | { readonly type: 'waitingForFile'; readonly path: string }
  /** There is no data file to open, or not yet a whole one; looked for again. */
  | { readonly type: 'dataFileMissing'; readonly path: string; readonly tell?: FailureReport | undefined }
  /** The application's changes were recorded; they are to be published. `entries`: written to the shadow. */
  | { readonly type: 'localChange'; readonly entries: number; readonly txnId: number }
  /** Recording local changes failed, and is tried again. `failures`: with the same error, in a row. */
  | { readonly type: 'recordFailed'; readonly error: ErrorInfo; readonly failures: number }
  | { readonly type: 'recordRecovered' }
  /** A view was taken to be published. */
  | { readonly type: 'captured'; readonly txnId: number; readonly timestampNano: bigint }
  /** The bucket said yes. */
  | {
      readonly type: 'stored';
      readonly object: ObjectRef;
      readonly sizeBytes: number;
      readonly txnId: number;
      readonly encodeMs: number;
      readonly storeMs: number;
    }
  /** `retryMs` undefined: the configured attempts are used up; the change stays due and is tried again after a pause. */
  | {
      readonly type: 'storeFailed';
      readonly name: string | undefined;
      readonly error: ErrorInfo;
      readonly failures: number;
      readonly retryMs: number | undefined;
    }
  /** What could not be published before a stop; it goes out at the next start. */
  | { readonly type: 'leftUnpublished'; readonly error: ErrorInfo }
  /** `objects`, `sizeBytes`: all of this database in the bucket. `recovered`: the listing before it had failed. */
  | {
      readonly type: 'listed';
      readonly objects: number;
      readonly sizeBytes: number;
      readonly instances: number;
      readonly durationMs: number;
      readonly recovered: boolean;
      /** What had failed before. */
      readonly over?: FailureReport | undefined;
    }
  /** All instances that have objects of this database in the bucket, when that has changed. */
  | { readonly type: 'instances'; readonly instanceIds: readonly string[] }
  /** The newest object of a peer in the bucket, when it is another one than before. */
  | { readonly type: 'seen'; readonly object: ObjectRef }
  /** `tell`: what the log is to say of it; undefined: nothing this time. */
  | {
      readonly type: 'listFailed';
      readonly error: ErrorInfo;
      readonly failures: number;
      readonly tell?: FailureReport | undefined;
    }
  /** How far a large download is, twice a second. `totalBytes`: as it was listed. `tell`: it is time for a line of the log. */
  | {
      readonly type: 'downloading';
      readonly name: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly tell: boolean;
    }
  /** The same of the filling of a large DBI's shadow. `entries`: of the DBI. */
  | {
      readonly type: 'filling';
      readonly dbi: string;
      readonly filled: number;
      readonly entries: number;
      readonly tell: boolean;
    }
  /** The same of a large merge. `total` undefined: entries are still read and compared; else so many have won, and are written. */
  | {
      readonly type: 'merging';
      readonly name: string;
      readonly done: number;
      readonly total: number | undefined;
      readonly tell: boolean;
    }
  /** An object was merged. `written`: its entries that won. */
  | {
      readonly type: 'loaded';
      readonly object: ObjectRef;
      readonly shortHash: string;
      readonly sizeBytes: number;
      readonly entries: number;
      readonly written: number;
      readonly downloadMs: number;
      readonly mergeMs: number;
    }
  /** An object is bad or not for us: it is never used (I7). */
  | { readonly type: 'refused'; readonly object: ObjectRef; readonly error: ErrorInfo }
  /** Tried again. `cause`: the bucket failed, or our own database did (a full map or disk). */
  | {
      readonly type: 'loadFailed';
      readonly object: ObjectRef;
      readonly error: ErrorInfo;
      readonly cause: 'storage' | 'database';
      readonly tell?: FailureReport | undefined;
    }
  /** An object was removed from the bucket before it was loaded. */
  | { readonly type: 'gone'; readonly object: ObjectRef }
  /** An object whose name is not ours; told once. */
  | { readonly type: 'foreignObject'; readonly name: string }
  /** An object that is older than deletions are remembered is not loaded; told once. */
  | { readonly type: 'outdatedObject'; readonly name: string }
  /** One write lock of LMDB: the wait for it, and how long it was held. */
  | { readonly type: 'lock'; readonly waitMs: number; readonly heldMs: number }
  | { readonly type: 'mapEnlarged'; readonly fromBytes: number; readonly toBytes: number }
  /** `differences`: what the incremental way had missed, a defect of ours (I6). */
  | { readonly type: 'fullScan'; readonly differences: number; readonly dbis: readonly string[] }
  /** The held reader was no longer in the lock table: everything is compared. */
  | { readonly type: 'distrustedReader'; readonly txnId: number }
  /** A kill, or a failed commit, had left announced writes in the sidecar: what became of them is found (decision 16). */
  | { readonly type: 'sidecarResolved'; readonly intents: number; readonly isCommitted: boolean }
  /**
   * The sidecar was missing or an old one, and knows again what objects of the bucket know (decision 16). `entries` were learned; of
   * `undecided` ones nothing tells who wrote what the LMDB has: what peers have wins.
   */
  | {
      readonly type: 'sidecarRebuilt';
      readonly wasMissing: boolean;
      readonly objects: number;
      readonly entries: number;
      readonly undecided: number;
    }
  /** The LMDB is older than what was seen of it already: all times are forgotten, and our own objects are merged again. */
  | { readonly type: 'sidecarForgotten'; readonly txnId: number; readonly seenTxnId: number }
  /** Nobody has the values of entries of a DBI any more that the application has dropped. */
  | { readonly type: 'valuesForgotten'; readonly dbi: string; readonly entries: number }
  /** The pages of the data file cannot be read: cursors are used from now on. */
  | { readonly type: 'pagesUnreadable'; readonly error: ErrorInfo }
  /** The reader table has so few slots that cursors are used, one transaction at a time. */
  | { readonly type: 'fewReaderSlots'; readonly slots: number; readonly wanted: number }
  /** The application deleted more than half of a large DBI in one round. `entries`: before. */
  | { readonly type: 'massDeletion'; readonly dbi: string; readonly deleted: number; readonly entries: number }
  /** PowerDNS's schema version, as found or when it has changed; native mode only. */
  | { readonly type: 'schemaVersion'; readonly version: number }
  /** Entries of this object are stamped far in the future. */
  | { readonly type: 'futureTimestamps'; readonly name: string; readonly newestNano: bigint }
  /** Another process publishes under our instance name. */
  | { readonly type: 'duplicateInstance'; readonly name: string; readonly instanceId: string }
  /** LMDB's own counts, taken by the worker that owns the environment. */
  | { readonly type: 'lmdbStats'; readonly stats: LmdbStats }
  /** What is under way of what is limited, when that has changed. */
  | {
      readonly type: 'limit';
      readonly limit: LimitName;
      readonly max: number;
      readonly active: number;
      readonly waiting: number;
    }
  /** A turn of a limit ended: how long it was waited for, and how long it took. */
  | { readonly type: 'turn'; readonly limit: LimitName; readonly waitMs: number; readonly activeMs: number }
  /** Deltas since our last full snapshot, when their number has changed. */
  | { readonly type: 'chain'; readonly length: number }
  /** A stretch of an instance's history is in no listed object; `afterNano`: all up to here is merged. */
  | {
      readonly type: 'chainGap';
      readonly instanceId: string;
      readonly afterNano: bigint | undefined;
      readonly openMs: number;
    }
  /** The missing stretch came, with this object. */
  | { readonly type: 'chainGapHealed'; readonly instanceId: string; readonly openMs: number; readonly by: string }
  /** The bucket took an object of ours, and so many listings do not show it: it is published again (decision 12). */
  | { readonly type: 'ownMissing'; readonly name: string; readonly listings: number }
  /** What the bucket gives of an object of ours is not what it was given: it is withdrawn, and what it was made of stays. */
  | { readonly type: 'storedWrong'; readonly name: string }
  /** Old deltas of ours were made into a larger one. */
  | { readonly type: 'compacted' }
  /** All DBIs that the application dropped and that only the shadow keeps, when that has changed. */
  | { readonly type: 'detached'; readonly dbis: readonly string[] }
  /** All zones of PowerDNS that exist twice, made on two machines, when that has changed. */
  | { readonly type: 'duplicateZones'; readonly zones: readonly string[] }
  /** One sweep of old deletion marks has ended. */
  | {
      readonly type: 'swept';
      readonly totalEntries: number;
      readonly deletedEntries: number;
      readonly cleanedEntries: number;
      readonly badEntries: number;
      readonly transactions: number;
      readonly durationMs: number;
    }
  | { readonly type: 'cleanerListed'; readonly failed: boolean }
  | { readonly type: 'cleaned'; readonly reason: string; readonly failed: boolean }
  /**
   * One request to a remote bucket; `errorLabel` undefined: it succeeded (`StorageObserver`). The databases of a thread share
   * a client, so it is told of the first of them.
   */
  | {
      readonly type: 'storageCall';
      readonly storage: 's3' | 'azure';
      readonly method: string;
      readonly errorLabel: string | undefined;
      readonly durationMs: number;
      readonly bytes: number;
    }
  /** The database's loop ended with this error. */
  | { readonly type: 'error'; readonly error: ErrorInfo };

/** A moment in the life of a database. Plain data: workers post it to the main thread. */
export type SyncEvent = SyncEventBody & {
  /** The database's name in the configuration. */
  readonly db: string;
  /** ms since 1970 UTC. */
  readonly atMs: number;
};

/** Tells of a moment; whose and when is added by who receives it. */
export type Report = (event: SyncEventBody) => void;

export function errorInfo(error: unknown): ErrorInfo {
  if (error instanceof LmdbstreamError) {
    return { code: error.code, message: error.message, hint: error.hint, stack: undefined };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: undefined, stack };
}

/** One line: the message and the hint. */
export function errorText({ message, hint }: ErrorInfo): string {
  return hint ? `${message} (${hint})` : message;
}
