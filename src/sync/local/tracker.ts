import { type Environment, ReadersFullError, type WriteTransaction } from '../../lmdb/index.ts';
import {
  assertSupported,
  collectPending,
  compareChanged,
  compareEverything,
  KeySet,
  nativeChanges,
  type Schema,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';
import { errorInfo, type Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import { compareLocal, lostShadow } from './compare-local.ts';
import type { Held, Within } from './held.ts';
import { LocalKnowledge } from './local-knowledge.ts';
import { applyPlan, fillFromPlan, type LockedBody, type Rebased } from './rebase.ts';
import type { SameFile } from './same-file.ts';
import { CursorViews, isPageError, openViews, type Views } from './views.ts';
import type { WriteLock } from './write-lock.ts';

export interface TrackerOptions {
  readonly environment: Environment;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly report: Report;
  readonly lock: WriteLock;
  readonly sameFile: SameFile;
}

/**
 * Keeps main and shadow in step and knows what of it was seen (decisions 3 to 5). `base` is the held transaction in
 * which main and shadow agree: whatever is different in a later one has changed since. All of it is synchronous; callers
 * take turns (`Exclusive`).
 */
export class Tracker {
  readonly #options: TrackerOptions;
  readonly #known: LocalKnowledge;
  #views: Views;
  #base: Held | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#views = openViews(options);
    this.#known = new LocalKnowledge(options.environment, options.clock, options.schema);
  }

  get views(): Views {
    return this.#views;
  }

  /** The transaction in which main and shadow agree; held until the next round (with cursors only its id is kept). */
  get base(): Held {
    if (!this.#base) throw new TypeError('no round has run yet');
    return this.#base;
  }

  get knownFlags(): ReadonlyMap<string, number> {
    return this.#known.knownFlags;
  }

  /** Keys of local changes that were recorded since `takeUnpublished`; more than those of what was written. */
  get unpublished(): KeySet {
    return this.#known.unpublished;
  }

  /** Hands over the keys of local changes, and begins a new set. */
  takeUnpublished(): KeySet {
    return this.#known.takeUnpublished();
  }

  /** Remembers the kind of a DBI that is missing here, as a snapshot tells it. */
  learnFlags(dbiName: string, flags: number): void {
    this.#known.learnFlags(dbiName, flags);
  }

  /** Whether somebody committed since the base was taken. */
  get hasNews(): boolean {
    const lookedNano = this.#options.clock.nowNano();
    if (!this.#base || !this.#known.pending.isEmpty || this.#views.lastTxnId() !== this.#base.id) return true;
    this.#known.quietAt(lookedNano);
    return false;
  }

  /**
   * Notices what the application changed and, in shadow mode, writes it to the shadow. No lock at all when nothing differs.
   * What is to be published is told by the event `localChange`.
   * @returns whether something is to be published
   * @throws UnsupportedDbiError, HeaderError, LmdbError; what was noticed is kept for the next round. An error in a page: see
   * `fallBack`
   */
  localRound(): boolean {
    if (!this.hasNews) return false;
    const entries = this.#round();
    if (entries === undefined) return false;
    this.#tellChange(entries);
    return true;
  }

  /**
   * After an error in a page nothing is read from pages any more, for as long as we run: cursors read what they can. The caller
   * does what failed once more, from its start.
   * @returns false for any other error, or when cursors are in use already
   */
  fallBack(error: unknown): boolean {
    if (!this.#views.isPaged || !isPageError(error)) return false;
    const { environment, clock, report } = this.#options;
    report({ type: 'pagesUnreadable', error: errorInfo(error) });
    this.#base?.release();
    this.#base = undefined;
    this.#views = new CursorViews(environment, clock, { before: this.#views });
    return true;
  }

  /** @returns entries written to the shadow; undefined: nothing is to be published */
  #round(): number | undefined {
    const held = this.#base;
    const current = this.#views.hold();
    const base = this.#trustedBase(current);
    try {
      assertSupported(current.view, this.#options.schema);
      this.#known.started(current);
      this.#known.rememberFlags(current);
      if (this.#options.schema.native) {
        const changes = nativeChanges(base, current, { unpublished: this.#known.unpublished });
        this.#setBase(current);
        return changes === 0 ? undefined : 0;
      }
      const plan = compareLocal(base, current, this.#known);
      try {
        if (!plan.isEmpty) this.#writeLocal(plan, current);
        else this.#setBase(current);
        // A round that failed may have failed after its commit.
        const wasFailing = !this.#known.pending.isEmpty;
        this.#known.settled();
        return plan.isEmpty && !wasFailing ? undefined : plan.count;
      } finally {
        plan.dispose();
      }
    } catch (error) {
      this.#keepForLater(held, base, current);
      throw error;
    } finally {
      if (this.#base !== current) current.release();
    }
  }

  /**
   * A full comparison as a check on ourselves: without lock when nothing is wrong (I6). What the incremental way had missed is
   * told by the event `fullScan`, and repaired.
   * @returns whether something is to be published
   */
  fullScan(): boolean {
    const { schema, report } = this.#options;
    const hasChanged = this.localRound();
    if (schema.native) {
      report({ type: 'fullScan', differences: 0, dbis: [] });
      return hasChanged;
    }
    const view = this.readable();
    try {
      const plan = compareEverything(view, this.#known.scope());
      try {
        report({ type: 'fullScan', differences: plan.count, dbis: plan.dbis.map(({ name }) => name) });
        if (plan.isEmpty) return hasChanged;
        this.#writeLocal(plan, view);
        this.#tellChange(plan.count);
        return true;
      } finally {
        plan.dispose();
      }
    } finally {
      this.doneReading(view);
    }
  }

  /**
   * Takes the lock and runs `body` on top of whatever changed since the base, which is written to the shadow first (no gap,
   * ever: the reader begun under the lock sees exactly what the writer builds on). The base moves on with the commit.
   */
  write<T>(body: LockedBody<T>): T {
    const base = this.base;
    const { result, rebased } = this.#locked((transaction, under) => {
      const rebased = this.#rebase(transaction, base, under);
      return { result: body(transaction, rebased), rebased };
    });
    if (rebased.hasLocalChanges) this.#tellChange(rebased.entries);
    return result;
  }

  /**
   * Takes the lock and lets `body` write while its input is still coming: for a database that holds nothing, in which there is
   * nothing to compare and nobody reads. Committed when `body` says so; rolled back when it says no, or throws.
   * @returns false when nothing was written
   */
  async writeAsItComes(body: (transaction: WriteTransaction) => Promise<boolean>): Promise<boolean> {
    const base = this.base;
    const lock = this.#options.lock.take();
    let under: Held | undefined;
    try {
      under = this.#views.hold();
      if (under.id !== base.id || !(await body(lock.transaction))) return false;
      if (this.#moveOn(lock.commit(), under)) under = undefined;
      return true;
    } finally {
      lock.end();
      under?.release();
    }
  }

  close(): void {
    this.#base?.release();
    this.#views.close();
  }

  #tellChange(entries: number): void {
    this.#options.report({ type: 'localChange', entries, txnId: this.base.id });
  }

  /** @param view what the plan was made of */
  #writeLocal(plan: WritePlan, view: Held): void {
    this.#views.beforeLock(view);
    this.#locked((transaction, under) => {
      // Whole copies first: they are made of what is there now, so whatever changed since `view` is in them already.
      fillFromPlan(transaction, plan, under, this.#known.scope());
      const rebase = this.#rebase(transaction, view, under);
      if (rebase.recheckAll) return;
      applyPlan(transaction, plan, rebase.touched);
    });
  }

  /** Brings the shadow up to date with what was committed between `base` and the lock. */
  #rebase(transaction: WriteTransaction, base: Held, under: Snapshotted): Rebased {
    const touched = new KeySet(Number.POSITIVE_INFINITY);
    if (under.view.txnId === base.id) return { touched, recheckAll: false, hasLocalChanges: false, entries: 0 };
    assertSupported(under.view, this.#options.schema);
    if (this.#options.schema.native) {
      const changes = nativeChanges(base, under, { touched, unpublished: this.#known.unpublished });
      return { touched, recheckAll: changes === undefined, hasLocalChanges: changes !== 0, entries: 0 };
    }
    const scope = this.#known.scope();
    const isComparable = this.#views.canCompare(base, under);
    const plan = isComparable
      ? compareChanged(base, under, { ...scope, touched })
      : compareEverything(under, { ...scope, pending: undefined });
    try {
      fillFromPlan(transaction, plan, under, this.#known.scope());
      applyPlan(transaction, plan, undefined);
      return { touched, recheckAll: !isComparable, hasLocalChanges: plan.count > 0, entries: plan.count };
    } finally {
      plan.dispose();
    }
  }

  #locked<T>(body: (transaction: WriteTransaction, under: Snapshotted) => T): T {
    let under: Held | Within | undefined;
    try {
      const { result, txnId } = this.#options.lock.run((transaction) => {
        // It runs once more in a new transaction when the map was full.
        under?.release();
        under = undefined;
        under = this.#views.under(transaction);
        return body(transaction, under);
      });
      if (this.#moveOn(txnId, under)) under = undefined;
      return result;
    } finally {
      under?.release();
    }
  }

  /**
   * The next base, after our commit `txnId`. A reader begun right after it that has its id saw nobody else, and is the better one.
   * With another id somebody has committed in between: the reader from under the lock is the base then, so that the next round
   * looks at that commit.
   * @returns whether `under` is no longer the caller's to release
   */
  #moveOn(txnId: number, under: Held | Within | undefined): boolean {
    if (!under?.canBeBase) {
      const after = this.#views.hold();
      // Nothing was held that could tell what came between.
      if (after.id !== txnId) this.#known.pending.overflow();
      this.#setBase(after);
      return false;
    }
    // At once: it gives a slot of the reader table back before another one is taken.
    this.#setBase(under);
    let after: Held;
    try {
      after = this.#views.hold();
    } catch (error) {
      if (error instanceof ReadersFullError) return true;
      this.#known.pending.overflow();
      throw error;
    }
    if (after.id === txnId) this.#setBase(after);
    else after.release();
    return true;
  }

  #setBase(held: Held): void {
    if (this.#base !== held) this.#base?.release();
    this.#base = held;
    this.#known.quietAt(held.takenNano);
    this.#views.keep(held);
  }

  /** A view of the base for finding winners; to be given back with `doneReading` before `write`. */
  readable(): Held {
    return this.#views.readable(this.base);
  }

  doneReading(view: Held): void {
    if (view !== this.#base) view.release();
  }

  /** A failed round must not hold the old reader for ever: the application's file would grow without bound. */
  #keepForLater(held: Held | undefined, base: Held | undefined, current: Held): void {
    if (!held || this.#base !== held || !current.isOpen || this.#options.schema.native) return;
    if (base) collectPending(base, current, this.#known.pending);
    // Nothing tells what changed since: everything is compared later.
    else this.#known.pending.overflow();
    this.#setBase(current);
  }

  /**
   * A held reader that is no longer in the lock table is never compared with: its pages may have been used again. Nor is one whose
   * shadow is gone since (drop-shadow): we drop none.
   */
  #trustedBase(current: Held): Held | undefined {
    const base = this.#base;
    if (!base || this.#known.pending.hasOverflowed) return undefined;
    if (!this.#views.isTrusted(base)) {
      this.#options.report({ type: 'distrustedReader', txnId: base.id });
      return undefined;
    }
    return !this.#options.schema.native && lostShadow(base, current) ? undefined : base;
  }
}
