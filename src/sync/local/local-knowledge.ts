import type { Environment } from '../../lmdb/index.ts';
import { commitTime, timeOf } from '../../merge/index.ts';
import {
  Filling,
  hasFillMarker,
  isPrivate,
  KeySet,
  type LocalScope,
  readFillMarker,
  rememberedFlags,
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
  /** undefined: nothing of the database was seen yet. */
  #isFirstMigration: boolean | undefined;
  /** DBIs whose copying into the shadow has begun; also after a failure or a kill in the middle of it. */
  filling: Filling | undefined;
  /** The LMDB holds a marker of a first filling that has not ended (decision 4), or one that is out of date. */
  isMarked = false;
  /** Everything committed by then is recorded; ns since 1970. */
  #lastQuietLookNano = 0n;

  constructor(environment: Environment, clock: Clock, schema: Schema) {
    this.#environment = environment;
    this.#clock = clock;
    this.#schema = schema;
  }

  /** To be told what is there before anything is compared; only the first time counts. */
  started({ view }: Snapshotted): void {
    if (this.#isFirstMigration !== undefined) return;
    const { native } = this.#schema;
    const marker = native ? undefined : readFillMarker(view);
    this.filling = marker && new Filling([marker.dbiName], marker.lastKey);
    this.isMarked = hasFillMarker(view);
    const isNew = storeOf(false).dbiNames(view).length === 0;
    this.#isFirstMigration = !native && (isNew || marker !== undefined);
    for (const [name, flags] of rememberedFlags(view)) this.#knownFlags.set(name, flags);
  }

  beginFilling(names: readonly string[]): void {
    this.filling ??= new Filling([]);
    this.filling.add(names);
  }

  /** A slice of the filling is committed. @param left what is left to do; undefined: all is copied */
  filled(left: Filling | undefined): void {
    this.filling = left;
    this.isMarked = left !== undefined;
  }

  /** Nothing of this database was ever recorded to its end. */
  get isFirstMigration(): boolean {
    return this.#isFirstMigration ?? false;
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

  /**
   * By this time nothing had been committed that is not recorded: what is found later was committed after it. Not to be moved on
   * while something that was noticed is still to be recorded: that was committed before.
   */
  quietAt(nano: bigint): void {
    if (this.pending.isEmpty && this.filling === undefined && nano > this.#lastQuietLookNano)
      this.#lastQuietLookNano = nano;
  }

  /** Nobody has looked yet: what differs was changed while we did not run. */
  get isFirstLook(): boolean {
    return this.#lastQuietLookNano === 0n;
  }

  /**
   * What changed while we did not run was changed after our last commit, and that was not before the newest entry of the shadow; unless
   * that came from a clock that is ahead of ours.
   */
  changedAfter(newestNano: bigint): void {
    if (newestNano <= this.#clock.nowNano()) this.quietAt(newestNano);
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
   * then that of its commit or a later one, never an earlier one's (decision 5), but for a mapping that is written to
   * (MDB_WRITEMAP), where it may be any earlier time.
   */
  scope(): LocalScope {
    return {
      schema: this.#schema,
      times: {
        commit: timeOf(this.commitNano()),
        isFirstMigration: this.isFirstMigration,
      },
      knownFlags: this.#knownFlags,
      unpublished: this.#unpublished,
      pending: this.pending.isEmpty ? undefined : this.pending,
      filling: this.filling,
    };
  }

  /** The time that a change noticed now gets; ns since 1970. */
  commitNano(): bigint {
    const mtimeNano = this.#environment.mtimeNano();
    return commitTime({ mtimeNano, nowNano: this.#clock.nowNano(), lastQuietLookNano: this.#lastQuietLookNano });
  }

  /** Everything noticed so far is recorded. @param hasGap but for what nobody has looked at (I4): all is compared again */
  settled(hasGap = false): void {
    this.pending.clear();
    if (hasGap) this.pending.overflow();
    this.filling = undefined;
    this.#isFirstMigration = false;
  }
}
