import type { Environment } from '../../lmdb/index.ts';
import { commitTime, timeOf } from '../../merge/index.ts';
import {
  Filling,
  hasFillMarker,
  isPrivate,
  KeySet,
  type LocalScope,
  readFillMarker,
  type Schema,
  type Snapshotted,
  storeOf,
} from '../../shadow/index.ts';
import type { Clock } from '../time/index.ts';

/** What is known of the application's side beside the pages themselves: times, kinds of DBIs, and what is still to be recorded. */
export class LocalKnowledge {
  /** Keys that were noticed in rounds that failed; over its bound everything is compared instead. */
  readonly pending = new KeySet();
  #unpublished = new KeySet();
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #schema: Schema;
  readonly #knownFlags = new Map<string, number>();
  #isFirstMigration: boolean;
  /** DBIs whose copying into the shadow has begun; also after a failure or a kill in the middle of it. */
  filling: Filling | undefined;
  /** The LMDB holds a marker of a first filling that has not ended (decision 4), or one that is out of date. */
  isMarked: boolean;

  /** @param start what is there when we start */
  constructor(environment: Environment, clock: Clock, schema: Schema, start: Snapshotted) {
    this.#environment = environment;
    this.#clock = clock;
    this.#schema = schema;
    const marker = schema.native ? undefined : readFillMarker(start.view);
    this.filling = marker && new Filling([marker.dbiName], marker.lastKey);
    this.isMarked = hasFillMarker(start.view);
    const isNew = storeOf(false).dbiNames(start.view).length === 0;
    this.#isFirstMigration = !schema.native && (isNew || marker !== undefined);
  }

  /** Nothing of this database was ever recorded to its end. */
  get isFirstMigration(): boolean {
    return this.#isFirstMigration;
  }

  /** Flags of DBIs as last seen, also of those that were dropped since. */
  get knownFlags(): ReadonlyMap<string, number> {
    return this.#knownFlags;
  }

  /** The same, where what was dropped is to be published (decision 9). */
  get publishedFlags(): ReadonlyMap<string, number> {
    return this.#schema.droppedDbis === 'delete' ? this.#knownFlags : new Map();
  }

  /** Keys of recorded local changes that nothing published carries yet. */
  get unpublished(): KeySet {
    return this.#unpublished;
  }

  takeUnpublished(): KeySet {
    const taken = this.#unpublished;
    this.#unpublished = new KeySet();
    return taken;
  }

  /** Remembers the kind of a DBI that is missing here, as a snapshot tells it. */
  learnFlags(dbiName: string, flags: number): void {
    if (!this.#knownFlags.has(dbiName)) this.#knownFlags.set(dbiName, flags);
  }

  rememberFlags({ view }: Snapshotted): void {
    for (const dbi of view.dbis.values()) if (!isPrivate(dbi.name)) this.#knownFlags.set(dbi.name, dbi.flags);
  }

  /**
   * How changes are to be looked at. To be asked for after the transaction was begun in which they are: the file's mtime is
   * then that of its commit or a later one, never an earlier one's (decision 5).
   */
  scope(): LocalScope {
    return {
      schema: this.#schema,
      times: {
        commit: timeOf(commitTime(this.#environment.mtimeNano(), this.#clock.nowNano())),
        isFirstMigration: this.#isFirstMigration,
      },
      knownFlags: this.#knownFlags,
      unpublished: this.#unpublished,
      pending: this.pending.isEmpty ? undefined : this.pending,
      filling: this.filling,
    };
  }

  /** Everything noticed so far is recorded. */
  settled(): void {
    this.pending.clear();
    this.filling = undefined;
    this.#isFirstMigration = false;
  }
}
