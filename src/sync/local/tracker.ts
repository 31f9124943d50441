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
import type { Held, Within } from './held.ts';
import { InlineWrites } from './inline-writes.ts';
import { JoinedViews } from './joined-views.ts';
import { refill, seenBeside } from './keep-values.ts';
import { LocalKnowledge } from './local-knowledge.ts';
import { type Ahead, applyAhead, lookAhead } from './look-ahead.ts';
import { type BesideView, type LockedBody, type Rebased, recordUnder } from './rebase.ts';
import { holdsNothing, RoundTeller } from './round-teller.ts';
import { SidecarNeedsPagesError } from './sidecar-errors.ts';
import { SidecarWrites } from './sidecar-writes.ts';
import type { TrackerOptions } from './tracker-options.ts';
import { CursorViews, isPageError, openViews, type Views } from './views.ts';
import type { Writes, WritesContext } from './writes.ts';

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
  readonly #writes: Writes;
  readonly #inline: InlineWrites;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#base = new Base(options.teller);
    this.#teller = new RoundTeller(options.report, options.schema);
    const { sidecar } = options;
    const views = openViews(options);
    this.#known = new LocalKnowledge(options.environment, options.clock, options.schema);
    const context: WritesContext = {
      options,
      base: this.#base,
      known: this.#known,
      views: () => this.#views,
      rebase: (...args) => this.#rebase(...args),
    };
    this.#inline = new InlineWrites(context);
    if (!sidecar) {
      this.#views = views;
      this.#writes = this.#inline;
      return;
    }
    if (!views.isPaged) throw new SidecarNeedsPagesError();
    const joined = new JoinedViews(views, sidecar);
    this.#views = joined;
    this.#writes = new SidecarWrites(context, sidecar, joined);
  }

  /** The entries lie in a sidecar. */
  get isBeside(): boolean {
    return this.#options.sidecar !== undefined;
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
    if (!this.hasNews) return false;
    const entries = this.#round();
    if (entries === undefined) return false;
    this.#tellChange(entries);
    return true;
  }

  /**
   * After an error in a page nothing is read from pages any more: cursors read what they can. The caller does what failed once more.
   * @returns false for any other error, or when cursors are in use already
   */
  fallBack(error: unknown): boolean {
    if (this.isBeside || !this.#views.isPaged || !isPageError(error)) return false;
    const { environment, clock, report } = this.#options;
    report({ type: 'pagesUnreadable', error: errorInfo(error) });
    this.#base.drop();
    this.#views = new CursorViews(environment, clock, { before: this.#views });
    return true;
  }

  /** @returns entries written; undefined: nothing is to be published */
  #round(): number | undefined {
    this.#writes.prepare();
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
        if (!plan.isEmpty) this.#writes.record(plan, current);
        else this.#moveTo(current);
        // A round that failed may have failed after its commit.
        const wasFailing = !this.#known.pending.isEmpty;
        this.#known.settled();
        this.#known.quietAt(this.base.takenNano);
        this.#teller.round(plan, current.view);
        if (this.isBeside && plan.refills.size > 0) refill(this, plan, this.#writes, this.#options);
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
      this.#writes.record(plan, view);
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
    // A sidecar keeps what was recorded before the map was full, and then it is found no more.
    let recorded = 0;
    try {
      const { result, rebased } = this.#writes.locked((transaction, under, beside) => {
        const seen = (before: Held) => (beside ? seenBeside(under, before, this.#options) : undefined);
        const since = this.#rebase(transaction, ahead?.view ?? base, under, undefined, seen(ahead?.view ?? base));
        const rebased = ahead ? applyAhead(transaction, ahead, since, seen(base)) : since;
        if (ahead && ahead.plan.refills.size > 0) this.#known.pending.overflow();
        recorded = Math.max(recorded, rebased.entries);
        return { result: body(transaction, { ...rebased, beside }), rebased };
      });
      if (rebased.hasLocalChanges || recorded > 0) this.#tellChange(Math.max(recorded, rebased.entries));
      return result;
    } finally {
      ahead?.dispose();
    }
  }

  #lookAhead(base: Held): Ahead | undefined {
    if (!this.#base.isBehind(base) || this.#options.schema.native) return undefined;
    // Intents of a commit whose end was not noted are not what it wrote.
    this.#writes.prepare();
    const view = holdIfFree(this.#views);
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
      if (this.#inline.moveOn(lock.commit(), under)) under = undefined;
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
   * Brings the shadow up to date with what was committed between `base` and the lock.
   * @param filling what is being copied and need not be looked at where it is not copied yet; takes DBIs that are to be filled, too
   */
  #rebase(
    transaction: WriteTransaction,
    base: Held,
    under: Snapshotted,
    filling?: Filling,
    beside?: BesideView,
  ): Rebased {
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
    const done = recordUnder(transaction, isComparable ? base : undefined, under, { ...scope, touched }, beside);
    // What a DBI that was made again gets back is found when everything is compared.
    if (beside && done.refills.size > 0) this.#known.pending.overflow();
    return { touched, recheckAll: !isComparable, hasLocalChanges: done.count > 0, entries: done.count };
  }

  /** Writes to entries alone: main does not notice, and beside a sidecar its lock is not taken. */
  writeEntries<T>(body: (transaction: WriteTransaction) => T): T {
    return this.isBeside ? this.#writes.entries(body) : this.write(body);
  }

  /** What may be published: main and entries of one moment. To be given back with `doneReading`. */
  capturable(): Held {
    if (!this.#writes.agrees) this.localRound();
    return this.#writes.capturable();
  }

  #moveTo(current: Held): void {
    this.#base.set(current, this.#views);
    this.#writes.agreed();
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
    // Beside a sidecar the base stays: what is published is main as the base shows it.
    if (!held || this.#base.held !== held || !current.isOpen || this.#options.schema.native || this.isBeside) return;
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
