import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  collectPending,
  compareEverything,
  type KeySet,
  nativeChanges,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';
import { errorInfo } from '../status/index.ts';
import { Base, holdIfFree } from './base.ts';
import { compareLocal, foundFrom, isComparable, isProtected, SCAN_ATTEMPTS, tellScan } from './compare-local.ts';
import type { FillPacking } from './fill-packing.ts';
import type { Held } from './held.ts';
import { InlineWrites } from './inline-writes.ts';
import { JoinedViews } from './joined-views.ts';
import { refill, seenBeside } from './keep-values.ts';
import { LocalKnowledge } from './local-knowledge.ts';
import { type Ahead, applyAhead, lookAhead } from './look-ahead.ts';
import type { LockedBody } from './rebase.ts';
import { Rebaser } from './rebaser.ts';
import { holdsNothing, RoundTeller } from './round-teller.ts';
import { SidecarNeedsPagesError } from './sidecar-errors.ts';
import { SidecarWrites } from './sidecar-writes.ts';
import { done, type Steps } from './steps.ts';
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
  readonly #rebaser: Rebaser;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.#base = new Base(options.teller);
    this.#teller = new RoundTeller(options.report, options.schema);
    const views = openViews(options);
    this.#known = new LocalKnowledge(options.environment, options.clock, options.schema);
    const context: WritesContext = {
      options,
      base: this.#base,
      known: this.#known,
      views: () => this.#views,
      rebase: (...args) => this.#rebaser.rebase(...args),
    };
    this.#rebaser = new Rebaser(context, this.#look, (held) => this.isProtected(held));
    this.#inline = new InlineWrites(context);
    if (!options.sidecar) {
      this.#views = views;
      this.#writes = this.#inline;
      return;
    }
    if (!views.isPaged) throw new SidecarNeedsPagesError();
    const joined = new JoinedViews(views, options.sidecar);
    this.#views = joined;
    this.#writes = new SidecarWrites(context, options.sidecar, joined);
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
    // What looked like an error was another transaction's page: pages can be read on.
    const isTrue = this.#isTrue(this.#base.held);
    if (isTrue && this.isBeside) return false;
    this.#dropBase();
    if (!isTrue) return true;
    report({ type: 'pagesUnreadable', error: errorInfo(error) });
    this.#views = new CursorViews(environment, clock, { before: this.#views });
    return true;
  }

  /** @returns entries written; undefined: nothing is to be published */
  *#round(packing?: FillPacking): Steps<number | undefined> {
    this.#writes.prepare();
    const { held } = this.#base;
    if (held && !this.isProtected(held)) this.#dropBase();
    const current = this.#views.hold();
    const base = this.#comparableBase(current);
    try {
      this.#look(current);
      this.#known.started(current);
      this.#known.rememberFlags(current);
      if (this.#options.schema.native) {
        const keys = { unpublished: this.#known.unpublished };
        const changes = foundFrom(base, this.#isTrue, (from) => nativeChanges(from, current, keys));
        this.#base.set(current, this.#views);
        this.#known.settled();
        // Nothing to compare with, and nothing there: nobody has written anything that could be published.
        const isEmpty = changes === undefined && holdsNothing(current.view);
        return changes === 0 || isEmpty ? undefined : 0;
      }
      const isBehind = base !== undefined && this.#base.isBehind(base);
      const compare = (from?: Held): WritePlan =>
        compareLocal(from, current, this.#known, from !== undefined && isBehind);
      const plan = foundFrom(base, this.#isTrue, compare, (untrue) => untrue.dispose());
      try {
        // A round that failed may have failed after its commit.
        const wasFailing = !this.#known.pending.isEmpty;
        let written = 0;
        if (plan.isEmpty) this.#moveTo(current);
        else written = yield* this.#writes.record(plan, current, packing);
        this.#known.settled(this.#writes.hasGap);
        this.#known.quietAt(this.base.takenNano);
        this.#teller.round(plan, current.view);
        if (this.isBeside && plan.refills.size > 0) refill(this, plan, this.#writes, this.#options);
        return plan.hasChanges || wasFailing || written > 0 ? written : undefined;
      } finally {
        plan.dispose();
      }
    } catch (error) {
      // Some slices may be written; all of it is compared later, and the filling goes on where it stopped.
      if (this.#base.held !== held) this.#known.pending.overflow();
      else this.#keepForLater(held, base, current);
      // A cleared one was given back. Beside a sidecar main as it is now does not agree with the entries yet.
      if (held && !this.#base.held && current.isOpen) this.#base.set(current, this.#views);
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
      this.#tellChange(done(this.#writes.record(plan, view), this.#options.clock));
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
        const since = this.#rebaser.rebase(
          transaction,
          ahead?.view ?? base,
          under,
          undefined,
          seen(ahead?.view ?? base),
        );
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
    const ahead = view && lookAhead(base, view, this.#known, this.#look);
    if (!ahead || this.isProtected(base)) return ahead;
    ahead.dispose();
    return undefined;
  }

  readonly #look = ({ view }: Snapshotted): void => {
    if (this.#teller.look(view)) this.#known.unpublished.overflow();
  };

  /**
   * Takes the lock and lets `body` write while its input is still coming: for a database that holds nothing, in which there is
   * nothing to compare and nobody reads. Committed when `body` says so; rolled back when it says no, or throws.
   * @returns false when nothing was written
   */
  writeAsItComes(body: (transaction: WriteTransaction) => Promise<boolean>): Promise<boolean> {
    return this.#inline.asItComes(this.base, body);
  }

  close(): void {
    this.#base.drop();
    this.#views.close();
  }

  #tellChange(entries: number): void {
    this.#options.report({ type: 'localChange', entries, txnId: this.base.id });
  }

  /** Writes to entries alone: main does not notice, and beside a sidecar its lock is not taken. */
  writeEntries<T>(body: (transaction: WriteTransaction) => T): T {
    return this.isBeside ? this.#writes.entries(body) : this.write(body);
  }

  /** What may be published: main and entries of one moment, also after a round that left no base. To be given back with `doneReading`. */
  capturable(): Held {
    if (!this.#writes.agrees || !this.#base.held) this.localRound();
    return this.#writes.capturable();
  }

  #dropBase(): void {
    this.#base.drop();
    this.#writes.lost();
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

  #comparableBase(current: Held): Held | undefined {
    const { held: base } = this.#base;
    if (!base || this.#known.pending.hasOverflowed) return undefined;
    return isComparable(base, current, this.#options.schema) ? base : undefined;
  }

  /** Whether what was read of a held view is true; tells when it is not. */
  isProtected(held: Held): boolean {
    return isProtected(held, this.#views, this.#options.report);
  }

  readonly #isTrue = (base: Held | undefined): boolean => !base || this.isProtected(base);
}
