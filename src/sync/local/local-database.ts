import type { KeySet } from '../../shadow/index.ts';
import type { DbiSource, SnapshotHeader, SnapshotName } from '../../snapshot/index.ts';
import type { ObjectBody } from '../../storage/index.ts';
import type { EnvironmentStats, LmdbStats } from '../status/index.ts';
import type { FileWatch } from './data-file.ts';

/** What an object brought. */
export interface MergeResult {
  readonly header: SnapshotHeader | undefined;
  readonly entries: number;
  /** Entries of the object that won. */
  readonly written: number;
}

/** An object to be merged. */
export interface MergeObject {
  readonly name: string;
  readonly body: ObjectBody;
}

/** What becomes visible together; a full snapshot comes alone, and may be written in slices (`lmdb_lock_max`). */
export interface MergeBatch {
  readonly kind: 'snapshot' | 'deltas';
  readonly objects: readonly MergeObject[];
}

/** The state that an object of ours shows. */
export interface ShownState {
  readonly txnId: number;
  /** ns since 1970. */
  readonly timestampNano: bigint;
}

/** What one turn took of the database to be published. */
export interface Capture {
  readonly txnId: number;
  /** ns since 1970: everything committed by then is in the view (I3). */
  readonly timestampNano: bigint;
  /** Per instance the time of its newest object that the view includes. */
  readonly included: ReadonlyMap<string, bigint>;
  /**
   * Keys of local changes that nothing published carries yet, the view's included. Whoever could not publish them gives them back
   * (`LocalDatabase.giveBack`).
   */
  readonly unpublished: KeySet;
  /** To be called before an object of this capture is stored, with the newest time that names one, ns since 1970. */
  named(nano: bigint): void;
  /** How many entries `deltaSources` would give, at most. */
  countOf(keys: KeySet): number;
  /** All entries of the view, for a full snapshot; to be read before `use` resolves. */
  sources(): readonly DbiSource[];
  /** The entries of some keys, for a delta; likewise. @throws TypeError when the set has overflowed */
  deltaSources(keys: KeySet): readonly DbiSource[];
  /** To be called when all was read. @throws LmdbError `READER_CLEARED`: nothing of it may be used; passing */
  assertProtected(): void;
}

/**
 * What is known of the entries, where it can be lost (decision 16). For one attempt at start, before the first round; the calls come in this
 * order, and one at a time.
 */
export interface Memory {
  /**
   * @param own all objects under our own name
   * @returns `whole`: there is nothing to do. `rebuild`: objects of ours are to be adopted
   * @throws SidecarMismatchError, ShadowInsideError
   */
  begin(own: readonly SnapshotName[]): Promise<'whole' | 'rebuild'>;
  /**
   * Learns of objects what they know of the entries; the database of the application is left alone.
   * @throws CorruptSnapshotError, RefusedSnapshotError, which name the object: nothing of it was used
   */
  adopt(batch: MergeBatch, isOwn: boolean, signal: AbortSignal): Promise<readonly MergeResult[]>;
  /**
   * All of our own that can be read was adopted.
   * @param unreadable names of the others
   * @returns whether those of peers are to be adopted, too; if not, it is done
   * @throws SidecarMismatchError
   */
  ownAdopted(unreadable: readonly string[]): Promise<boolean>;
  /** Everything was adopted: the next round finds what the application has changed since. */
  finish(): Promise<void>;
}

/**
 * The database of the application, as the sync loop sees it: a port, so that a simulator can bring its own. Every call takes its
 * turn: no two of them look or write at the same time. That there are local changes to publish is told in one way, by the event
 * `localChange`.
 */
export interface LocalDatabase {
  /** Whether somebody committed, or a failed round left something to do. */
  readonly hasNews: boolean;
  /** To be asked at every poll. @throws DataFileReplacedError when the path names another file, or none; close this one then */
  assertSameFile(): void;
  /** Id of the transaction in which main and shadow last agreed; 0 while the database is empty, or a round that failed has left none. */
  readonly txnId: number;
  /** Records what the application changed. @throws what only the operator can mend; LmdbError, SpoolError may pass by themselves */
  localRound(): Promise<void>;
  /** Compares everything, as a check on ourselves (I6). */
  fullScan(): Promise<void>;
  /**
   * Takes what is to be published, in one turn, and has `use` read it; the view is held until `use` has ended.
   * `use` runs once more with a new capture when the pages turn out to be unreadable.
   */
  capture<T>(use: (capture: Capture) => Promise<T>): Promise<T>;
  /** Keys that were captured, but not published. */
  giveBack(unpublished: KeySet): void;
  /**
   * At start: adds to the unpublished keys whatever was here before and is not surely in an object of ours. More than needed is
   * harmless; where nothing tells, the set overflows.
   * @param shown the newest of our objects that is merged; undefined: there is none
   */
  collectUnpublished(shown: ShownState | undefined): Promise<void>;
  /**
   * Merges objects, one after the other: a full snapshot, or deltas, which become one transaction (I9).
   * @returns what each brought
   * @throws CorruptSnapshotError, RefusedSnapshotError, which name the object: nothing of any was used (I7)
   */
  merge(objects: MergeBatch, signal: AbortSignal): Promise<readonly MergeResult[]>;
  /** One sweep of old deletion marks; what it did is told by the event `swept`. */
  sweep(signal: AbortSignal): Promise<void>;
  /** What is known of the entries, where it lies beside the database and can be lost; undefined: it is part of it. */
  readonly memory: Memory | undefined;
  /** The newest time of an entry, ns since 1970; undefined: there is none. */
  newestNano(): Promise<bigint | undefined>;
  stats(): EnvironmentStats;
  /** All that LMDB counts, for an operator. @throws as a look at the database does */
  lmdbStats(): Promise<LmdbStats>;
  /** A hint at every commit of anybody, where the system can tell. */
  watch(onTouched: () => void): FileWatch;
  /** Resolves when everything asked for so far has ended. */
  idle(): Promise<unknown>;
  /** After `idle`. */
  close(): void;
}
