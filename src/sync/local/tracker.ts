import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  collectPending,
  compareEverything,
  type Filling,
  KeySet,
  nativeChanges,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';
import { errorInfo } from '../status/index.ts';
import { Base, holdIfFree } from './base.ts';
import { compareLocal, isTrusted, SCAN_ATTEMPTS, tellScan } from './compare-local.ts';
import type { FillPacking } from './fill-packing.ts';
import { FillSlices } from './fill-slice.ts';
import type { Held, Within } from './held.ts';
import { LocalKnowledge } from './local-knowledge.ts';
import { type Ahead, applyAhead, lookAhead } from './look-ahead.ts';
import { applyPlan, type LockedBody, type Rebased, recordUnder } from './rebase.ts';
import { holdsNothing, RoundTeller } from './round-teller.ts';
import { done, type Steps } from './steps.ts';
import type { TrackerOptions } from './tracker-options.ts';
import { CursorViews, isPageError, openViews, type Views } from './views.ts';

/**
 * Keeps main and shadow in step and knows what of it was seen (decisions 3 to 5). `base` is the held transaction in
 * which main and shadow agree: whatever is different in a later one has changed since. All of it is synchronous; callers
 * take turns (`Exclusive`).
 */
export class Tracker {
  readonly #options: TrackerOptions;
  readonly #known: LocalKnowledge;
  #views: Views;
  readonly #teller: RoundTeller;
  readonly #base: Base;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#base = new Base(options.teller);
    this.#teller = new RoundTeller(options.report, options.schema);
    this.#views = openViews(options);
    this.#known = new LocalKnowledge(options.environment, options.clock, options.schema);
  }

  get views(): Views {
    return this.#views;
  }

  /** The transaction in which main and shadow agree; held until the next round (with cursors only its id is kept). */
  get base(): Held {
    const { held } = this.#base;
    if (!held) throw new TypeError('no round has run yet');
    return held;
  }

  get baseIfAny(): Held | undefined {
    return this.#base.held;
  }

  get knownFlags(): ReadonlyMap<string, number> {
    return this.#known.publishedFlags;
  }

  /** Keys of local changes that were recorded since `takeUnpublished`; more than those of what was written. */
  get unpublished(): KeySet {
    return this.#known.unpublished;
  }

  /** Hands over the keys of local changes, and begins a new set. */
  readonly takeUnpublished = (): KeySet => this.#known.takeUnpublished();

  learnFlags(dbiName: string, flags: number): void {
    this.#known.learnFlags(dbiName, flags);
  }

  /** Whether somebody committed since the base was taken. */
  get hasNews(): boolean {
    const { held } = this.#base;
    const lookedNano = this.#options.clock.nowNano();
    if (!held || !this.#known.pending.isEmpty || this.#views.lastTxnId() !== held.id) return true;
    this.#known.quietAt(lookedNano);
    return false;
  }

  /**
   * Notices what the application changed and, in shadow mode, writes it to the shadow. No lock at all when nothing differs.
   * @returns whether something is to be published, which the event `localChange` tells
   * @throws UnsupportedDbiError, HeaderError, LmdbError; what was noticed is kept for the next round; `fallBack`
   */
  localRound(): boolean {
    return done(this.localRoundInSteps(), this.#options.clock);
  }

  /** The same; between two steps the lock is to rest for `REST_MS`. @param packing packs what the first filling copies */
  *localRoundInSteps(packing?: FillPacking): Steps<boolean> {
    if (!this.hasNews) return false;
    const entries = yield* this.#round(packing);
    if (entries === undefined) return false;
    this.#tellChange(entries);
    return true;
  }

  /**
   * After an error in a page nothing is read from pages any more: cursors read what they can. The caller does what failed once more.
   * @returns false for any other error, or when cursors are in use already
   */
  fallBack(error: unknown): boolean {
    if (!this.#views.isPaged || !isPageError(error)) return false;
    const { environment, clock, report } = this.#options;
    report({ type: 'pagesUnreadable', error: errorInfo(error) });
    this.#base.drop();
    this.#views = new CursorViews(environment, clock, { before: this.#views });
    return true;
  }

  /** @returns entries written; undefined: nothing is to be published */
  *#round(packing?: FillPacking): Steps<number | undefined> {
    const { held } = this.#base;
    const current = this.#views.hold();
    const base = this.#trustedBase(current);
    try {
      this.#look(current);
      this.#known.started(current);
      this.#known.rememberFlags(current);
      if (this.#options.schema.native) {
        const changes = nativeChanges(base, current, { unpublished: this.#known.unpublished });
        this.#base.set(current, this.#views);
        // Nothing to compare with, and nothing there: nobody has written anything that could be published.
        const isEmpty = changes === undefined && holdsNothing(current.view);
        return changes === 0 || isEmpty ? undefined : 0;
      }
      const plan = compareLocal(base, current, this.#known, base !== undefined && this.#base.isBehind(base));
      try {
        if (!plan.isEmpty) yield* this.#writeLocal(plan, current, packing);
        else this.#base.set(current, this.#views);
        // A round that failed may have failed after its commit.
        const wasFailing = !this.#known.pending.isEmpty;
        this.#known.settled();
        this.#known.quietAt(this.base.takenNano);
        this.#teller.round(plan, current.view);
        return plan.hasChanges || wasFailing ? plan.count : undefined;
      } finally {
        plan.dispose();
      }
    } catch (error) {
      // Some slices may be written; all of it is compared later, and the filling goes on where it stopped.
      if (this.#base.held !== held) this.#known.pending.overflow();
      else this.#keepForLater(held, base, current);
      throw error;
    } finally {
      if (this.#base.held !== current) current.release();
    }
  }

  /**
   * A full comparison as a check on ourselves: without lock when nothing is wrong (I6). What the incremental way had missed is told by the
   * event `fullScan`, and repaired. None where an application always commits right behind us. @returns whether something is to be published
   */
  fullScan(): boolean {
    let hasChanged = false;
    for (let attempt = 0; attempt < SCAN_ATTEMPTS; attempt++) {
      hasChanged = this.localRound() || hasChanged;
      const differs = this.#options.schema.native ? tellScan(this.#options.report) : this.#compareWhole();
      if (differs !== undefined) return hasChanged || differs;
    }
    return hasChanged;
  }

  /** @returns whether a difference was found; undefined: the base does not show what we wrote last, which would look like one */
  #compareWhole(): boolean | undefined {
    if (this.#base.isBehind(this.base) || !this.#known.pending.isEmpty) return undefined;
    const view = this.readable();
    let plan: WritePlan | undefined;
    try {
      if (view.id !== this.base.id) return undefined;
      plan = compareEverything(view, this.#known.scope());
      if (!tellScan(this.#options.report, plan)) return false;
      done(this.#writeLocal(plan, view), this.#options.clock);
      this.#tellChange(plan.count);
      return true;
    } finally {
      plan?.dispose();
      this.doneReading(view);
    }
  }

  /**
   * Takes the lock and runs `body` on top of whatever changed since the base, which is written to the shadow first (no gap,
   * ever: the reader begun under the lock sees exactly what the writer builds on). The base moves on with the commit.
   */
  write<T>(body: LockedBody<T>): T {
    const base = this.base;
    const ahead = this.#lookAhead(base);
    try {
      const { result, rebased } = this.#locked((transaction, under) => {
        const since = this.#rebase(transaction, ahead?.view ?? base, under);
        const rebased = ahead ? applyAhead(transaction, ahead, since) : since;
        return { result: body(transaction, rebased), rebased };
      });
      if (rebased.hasLocalChanges) this.#tellChange(rebased.entries);
      return result;
    } finally {
      ahead?.dispose();
    }
  }

  #lookAhead(base: Held): Ahead | undefined {
    const isBehind = this.#base.isBehind(base) && !this.#options.schema.native;
    const view = isBehind ? holdIfFree(this.#views) : undefined;
    return view && lookAhead(base, view, this.#known, this.#look);
  }

  readonly #look = ({ view }: Snapshotted): void => {
    if (this.#teller.look(view)) this.#known.unpublished.overflow();
  };

  /**
   * Takes the lock and lets `body` write while its input is still coming: for a database that holds nothing, in which there is
   * nothing to compare and nobody reads. Committed when `body` says so; rolled back when it says no, or throws.
   * @returns false when nothing was written
   */
  async writeAsItComes(body: (transaction: WriteTransaction) => Promise<boolean>): Promise<boolean> {
    const base = this.base;
    const lock = this.#options.lock.take();
    let under: Held | Within | undefined;
    try {
      under = this.#views.under(lock.transaction);
      if (under.view.txnId !== base.id || !(await body(lock.transaction))) return false;
      if (this.#moveOn(lock.commit(), under)) under = undefined;
      return true;
    } finally {
      lock.end();
      under?.release();
    }
  }

  close(): void {
    this.#base.drop();
    this.#views.close();
  }

  #tellChange(entries: number): void {
    this.#options.report({ type: 'localChange', entries, txnId: this.base.id });
  }

  /**
   * Writes a plan, and fills the shadows that it names: in slices of `lmdb_lock_max`, between which the application may write.
   * @param view what the plan was made of
   */
  *#writeLocal(plan: WritePlan, view: Held, packing?: FillPacking): Steps<void> {
    const known = this.#known;
    this.#views.beforeLock(view);
    const slices = new FillSlices(this.#options, known, this.#views.isPaged, packing);
    known.beginFilling(plan.fills);
    for (let base = view; ; base = this.base) {
      const left = this.#locked((transaction, under) => {
        slices.begin(under.view.txnId === base.id);
        // It may fail, or run once more.
        const filling = known.filling!.copy();
        const rebase = this.#rebase(transaction, base, under, filling);
        if (base === view && !rebase.recheckAll) applyPlan(transaction, plan, rebase.touched);
        return slices.fill(transaction, filling, under.view);
      });
      if (slices.committed(left, this.base)) return;
      yield;
    }
  }

  /**
   * Brings the shadow up to date with what was committed between `base` and the lock.
   * @param filling what is being copied and need not be looked at where it is not copied yet; takes DBIs that are to be filled, too
   */
  #rebase(transaction: WriteTransaction, base: Held, under: Snapshotted, filling?: Filling): Rebased {
    const touched = new KeySet(Number.POSITIVE_INFINITY);
    if (under.view.txnId === base.id) return { touched, recheckAll: false, hasLocalChanges: false, entries: 0 };
    this.#look(under);
    if (this.#options.schema.native) {
      const changes = nativeChanges(base, under, { touched, unpublished: this.#known.unpublished });
      return { touched, recheckAll: changes === undefined, hasLocalChanges: changes !== 0, entries: 0 };
    }
    // Behind our own commit the shadow differs by what we wrote ourselves.
    const isBaseBehind = this.#base.isBehind(base);
    // A slice of a filling writes to shadows alone: main tells all that came after it, and the lock need not wait for a look at what was filled.
    const scope = { ...this.#known.scope(), filling, isBaseBehind: isBaseBehind && !filling };
    const isComparable = isBaseBehind || this.#views.canCompare(base, under);
    // Whoever writes to the shadow beside us may have written what is ahead.
    if (!isComparable && filling?.name !== undefined) filling.forget(filling.name);
    const entries = recordUnder(transaction, isComparable ? base : undefined, under, { ...scope, touched });
    return { touched, recheckAll: !isComparable, hasLocalChanges: entries > 0, entries };
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

  /** @returns whether `under` is no longer the caller's to release */
  #moveOn(txnId: number, under: Held | Within | undefined): boolean {
    try {
      const { keepsUnder, hasGap } = this.#base.moveOn(txnId, under, this.#views);
      if (hasGap) this.#known.pending.overflow();
      this.#known.quietAt(this.base.takenNano);
      return keepsUnder;
    } catch (error) {
      // After the commit: what it recorded is still to be told.
      this.#known.pending.overflow();
      throw error;
    }
  }

  /** A view of the base for finding winners; to be given back with `doneReading` before `write`. */
  readable(): Held {
    return this.#views.readable(this.base);
  }

  doneReading(view: Held): void {
    if (view !== this.#base.held) view.release();
  }

  /** A failed round must not hold the old reader for ever: the application's file would grow without bound. */
  #keepForLater(held: Held | undefined, base: Held | undefined, current: Held): void {
    if (!held || this.#base.held !== held || !current.isOpen || this.#options.schema.native) return;
    if (base) collectPending(base, current, this.#known.pending);
    // Nothing tells what changed since: everything is compared later.
    else this.#known.pending.overflow();
    this.#base.set(current, this.#views);
  }

  #trustedBase(current: Held): Held | undefined {
    const { held: base } = this.#base;
    if (!base || this.#known.pending.hasOverflowed) return undefined;
    return isTrusted(base, current, this.#views, this.#options) ? base : undefined;
  }
}
