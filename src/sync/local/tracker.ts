import { CorruptPageError, UnknownFormatError } from '../../btree/index.ts';
import type { Environment, WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import {
  assertSupported,
  compareChanged,
  compareEverything,
  DirectWriter,
  fillShadows,
  nativeChanges,
  PlanWriter,
  type Schema,
  type Snapshotted,
  TouchedKeys,
  type WritePlan,
} from '../../shadow/index.ts';
import type { DatabaseStatus } from '../status/status.ts';
import type { Clock } from '../time/clock.ts';
import { type Held, Views } from './held.ts';
import { LocalKnowledge, sameShadows } from './local-knowledge.ts';
import type { WriteLock } from './write-lock.ts';

export interface TrackerOptions {
  readonly environment: Environment;
  readonly schema: Schema;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: DatabaseStatus;
  readonly lock: WriteLock;
}

/** Local changes that were found under the lock while something else was being written. */
export interface Rebase {
  /** Keys of which a plan made against the base no longer speaks truly. */
  readonly touched: TouchedKeys;
  /** The base does not tell: everything must be decided again. */
  readonly recheckAll: boolean;
  readonly hasLocalChanges: boolean;
}

/** Writes under the lock, given what changed since the base. */
export type LockedBody<T> = (transaction: WriteTransaction, rebase: Rebase) => T;

/**
 * Keeps main and shadow in step and knows what of it was seen (decisions 3 to 5). `base` is the held transaction in
 * which main and shadow agree: whatever is different in a later one has changed since. All of it is synchronous; callers
 * take turns (`Exclusive`).
 */
export class Tracker {
  readonly views: Views;
  readonly #options: TrackerOptions;
  readonly #known: LocalKnowledge;
  #base: Held | undefined;

  constructor(options: TrackerOptions) {
    this.#options = options;
    this.views = new Views(options.environment, options.log, () => options.clock.nowNano());
    const held = this.views.hold();
    this.#known = new LocalKnowledge(options.environment, options.clock, options.schema, held);
    held.release();
  }

  /** The transaction in which main and shadow agree; held until the next round (with cursors only its id is kept). */
  get base(): Held {
    if (!this.#base) throw new TypeError('no round has run yet');
    return this.#base;
  }

  get knownFlags(): ReadonlyMap<string, number> {
    return this.#known.knownFlags;
  }

  /** Remembers the kind of a DBI that is missing here, as a snapshot tells it. */
  learnFlags(dbiName: string, flags: number): void {
    this.#known.learnFlags(dbiName, flags);
  }

  /** Whether somebody committed since the base was taken. */
  get hasNews(): boolean {
    return !this.#base || !this.#known.pending.isEmpty || this.views.lastTxnId() !== this.#base.id;
  }

  /**
   * Notices what the application changed and, in shadow mode, writes it to the shadow. No lock at all when nothing differs.
   * @returns whether something is to be published
   * @throws UnsupportedDbiError, HeaderError, LmdbError; what was noticed is kept for the next round
   */
  localRound(): boolean {
    if (!this.hasNews) return false;
    try {
      return this.#round();
    } catch (error) {
      if (!this.fallBack(error)) throw error;
      return this.#round();
    }
  }

  /**
   * After an error in a page nothing is read from pages any more, for as long as we run: cursors read what they can.
   * @returns false for any other error, or when cursors are in use already
   */
  fallBack(error: unknown): boolean {
    if (!this.views.isPaged || !(error instanceof CorruptPageError || error instanceof UnknownFormatError))
      return false;
    this.views.distrustPages(error);
    this.#base?.release();
    this.#base = undefined;
    return true;
  }

  #round(): boolean {
    const { status } = this.#options;
    const held = this.#base;
    const base = this.#trustedBase();
    const now = this.views.hold();
    let isBase = false;
    try {
      assertSupported(now.view, this.#options.schema);
      this.#known.rememberFlags(now);
      if (this.#options.schema.native) {
        const changes = nativeChanges(base, now);
        this.#setBase(now);
        isBase = true;
        return changes ? changes.count > 0 : true;
      }
      const scope = this.#known.scope();
      const plan = base ? compareChanged(base, now, scope) : compareEverything(now, scope);
      try {
        if (plan.isEmpty) {
          // A round that failed may have failed after its commit.
          const wasFailing = !this.#known.pending.isEmpty;
          this.#setBase(now);
          isBase = true;
          this.#known.settled();
          return wasFailing;
        }
        status.localRounds++;
        status.localEntries += plan.count;
        this.#writeLocal(plan, now);
        this.#known.settled();
        return true;
      } finally {
        plan.dispose();
      }
    } catch (error) {
      this.#keepForLater(held, base, now);
      isBase = isBase || this.#base === now;
      throw error;
    } finally {
      if (!isBase && this.#base !== now) now.release();
    }
  }

  /**
   * A full comparison as a check on ourselves: without lock when nothing is wrong (I6).
   * What the incremental way had missed is counted in the status, and repaired.
   * @returns whether something is to be published
   */
  fullScan(): boolean {
    const { status, schema, log } = this.#options;
    const hasChanged = this.localRound();
    status.fullScans++;
    // With cursors every round is a full comparison.
    if (schema.native || !this.base.pages) return hasChanged;
    let plan: WritePlan;
    try {
      plan = compareEverything(this.base, this.#known.scope());
    } catch (error) {
      if (!this.fallBack(error)) throw error;
      return this.#round() || hasChanged;
    }
    try {
      if (plan.isEmpty) return hasChanged;
      status.fullScanDifferences += plan.count;
      log.error('A full scan found changes that had not been noticed; they are repaired now. Please report this', {
        entries: plan.count,
        dbis: plan.dbis.map(({ name }) => name).join(' '),
      });
      this.#writeLocal(plan, this.base);
      return true;
    } finally {
      plan.dispose();
    }
  }

  /**
   * Takes the lock and runs `body` on top of whatever changed since the base, which is written to the shadow first (no gap,
   * ever: the reader begun under the lock sees exactly what the writer builds on). The base moves on with the commit.
   */
  write<T>(body: LockedBody<T>): { result: T; hasLocalChanges: boolean } {
    const base = this.base;
    return this.#locked(base, (transaction, under) => {
      const rebase = this.#rebase(transaction, base, under);
      return { result: body(transaction, rebase), hasLocalChanges: rebase.hasLocalChanges };
    });
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
      under = this.views.hold();
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
    this.views.close();
  }

  #writeLocal(plan: WritePlan, now: Held): void {
    if (!now.pages) now.release();
    this.#locked(now, (transaction, under) => {
      // Whole copies first: they are made of what is there now, so whatever changed since `now` is in them already.
      this.#fill(transaction, plan, under);
      const rebase = this.#rebase(transaction, now, under);
      if (rebase.recheckAll) return;
      this.#apply(transaction, plan, rebase.touched);
    });
  }

  /** Brings the shadow up to date with what was committed between `base` and the lock. */
  #rebase(transaction: WriteTransaction, base: Held, under: Snapshotted): Rebase {
    const touched = new TouchedKeys();
    if (under.view.txnId === base.id && base.pages) return { touched, recheckAll: false, hasLocalChanges: false };
    assertSupported(under.view, this.#options.schema);
    if (this.#options.schema.native) {
      const changes = nativeChanges(base, under);
      if (!changes) return { touched, recheckAll: true, hasLocalChanges: true };
      return { touched: changes.touched, recheckAll: false, hasLocalChanges: changes.count > 0 };
    }
    const scope = this.#known.scope();
    const isComparable = base.pages !== undefined && under.pages !== undefined && sameShadows(base, under);
    const plan = isComparable
      ? compareChanged(base, under, { ...scope, touched })
      : compareEverything(under, { ...scope, pending: undefined });
    try {
      this.#fill(transaction, plan, under);
      this.#apply(transaction, plan, undefined);
      return { touched, recheckAll: !isComparable, hasLocalChanges: plan.count > 0 };
    } finally {
      plan.dispose();
    }
  }

  #fill(transaction: WriteTransaction, plan: WritePlan, under: Snapshotted): void {
    if (plan.fills.length === 0) return;
    fillShadows(plan.fills, under.view, this.#known.scope(), new DirectWriter(transaction));
  }

  #apply(transaction: WriteTransaction, plan: WritePlan, touched: TouchedKeys | undefined): void {
    const writer = new PlanWriter(transaction, plan, { native: false, touched, ifTouched: 'drop' });
    writer.openDbis();
    plan.replay((record) => writer.write(record));
  }

  #locked<T>(base: Held, body: (transaction: WriteTransaction, under: Snapshotted) => T): T {
    let under: Held | undefined;
    try {
      const { result, txnId } = this.#options.lock.run((transaction) => {
        under?.release();
        under = undefined;
        if (!base.pages) return body(transaction, this.views.within(transaction));
        under = this.views.hold();
        return body(transaction, under);
      });
      if (this.#moveOn(txnId, under)) under = undefined;
      return result;
    } finally {
      under?.release();
    }
  }

  /** @returns whether `under` is the base now */
  #moveOn(txnId: number, under: Held | undefined): boolean {
    const after = this.views.hold();
    // A reader begun right after our commit that has its id saw nobody else, and is the better base.
    if (under && after.id !== txnId) {
      after.release();
      this.#setBase(under);
      return true;
    }
    this.#setBase(after);
    // Cursor views begun before the commit cannot tell what came after it.
    if (after.id !== txnId) this.#known.pending.isOverflown = true;
    return false;
  }

  #setBase(held: Held): void {
    if (this.#base !== held) this.#base?.release();
    this.#base = held;
    // DBI handles of a cursor view must not stay open beside those of a write transaction (ReadTransaction).
    if (!held.pages) held.release();
  }

  /** A view of the base for finding winners; to be given back with `doneReading` before `write`. */
  readable(): Held {
    return this.base.pages ? this.base : this.views.hold();
  }

  doneReading(held: Held): void {
    if (held !== this.#base) held.release();
  }

  /** A failed round must not hold the old reader for ever: the application's file would grow without bound. */
  #keepForLater(held: Held | undefined, base: Held | undefined, now: Held): void {
    if (!held || this.#base !== held || !now.isOpen || this.#options.schema.native) return;
    if (base) this.#known.pending.collect(base, now);
    // Nothing tells what changed since: everything is compared later.
    else this.#known.pending.isOverflown = true;
    this.#setBase(now);
  }

  #trustedBase(): Held | undefined {
    const base = this.#base;
    if (!base || this.#known.pending.isOverflown) return undefined;
    if (!base.pages) return undefined;
    if (this.views.isTrusted(base)) return base;
    this.#options.status.distrustedReaders++;
    this.#options.log.warn('The held reader is no longer in the lock table: comparing everything', { txnId: base.id });
    return undefined;
  }
}
