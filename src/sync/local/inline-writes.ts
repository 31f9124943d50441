import type { WriteTransaction } from '../../lmdb/index.ts';
import type { WritePlan } from '../../shadow/index.ts';
import type { FillPacking } from './fill-packing.ts';
import { FillSlices } from './fill-slice.ts';
import type { Held, Within } from './held.ts';
import { applyPlan } from './rebase.ts';
import type { Steps } from './steps.ts';
import type { UnderLock, Writes, WritesContext } from './writes.ts';

/** Entries in the application's LMDB: everything is one transaction with what they speak of, and needs its lock. */
export class InlineWrites implements Writes {
  readonly agrees = true;
  #hasGap = false;
  readonly #context: WritesContext;

  constructor(context: WritesContext) {
    this.#context = context;
  }

  get hasGap(): boolean {
    return this.#hasGap;
  }

  prepare(): void {
    this.#hasGap = false;
  }

  agreed(): void {}

  lost(): void {}

  capturable(): Held {
    return this.#context.views().hold();
  }

  entries<T>(body: (transaction: WriteTransaction) => T): T {
    return this.locked(body);
  }

  /** In slices of `lmdb_lock_max`, between which the application may write. */
  *record(plan: WritePlan, view: Held, packing?: FillPacking): Steps<number> {
    const { known, views, options, base: held, rebase } = this.#context;
    views().beforeLock(view);
    const slices = new FillSlices(options, known, views().isPaged, packing);
    known.beginFilling(plan.fills);
    let written = 0;
    for (let base = view; ; base = held.held!) {
      const { left, entries } = this.locked((transaction, under) => {
        slices.begin(under.view.txnId === base.id);
        // It may fail, or run once more.
        const filling = known.filling!.copy();
        const rebased = rebase(transaction, base, under, filling);
        const isTrue = base === view && !rebased.recheckAll;
        const applied = isTrue ? applyPlan(transaction, plan, rebased.touched) : 0;
        const left = slices.fill(transaction, filling, under.view);
        return { left, entries: rebased.entries + applied };
      });
      written += entries;
      if (slices.committed(left, held.held!)) return written;
      yield;
    }
  }

  locked<T>(body: UnderLock<T>): T {
    const { options, views } = this.#context;
    let under: Held | Within | undefined;
    try {
      const { result, txnId } = options.lock.run((transaction) => {
        // It runs once more in a new transaction when the map was full.
        under?.release();
        under = undefined;
        under = views().under(transaction);
        return body(transaction, under, undefined);
      });
      if (this.#moveOn(txnId, under)) under = undefined;
      return result;
    } finally {
      under?.release();
    }
  }

  /** See `Tracker.writeAsItComes`. */
  async asItComes(base: Held, body: (transaction: WriteTransaction) => Promise<boolean>): Promise<boolean> {
    const { options, views } = this.#context;
    const lock = options.lock.take();
    let under: Held | Within | undefined;
    try {
      under = views().under(lock.transaction);
      if (under.view.txnId !== base.id || !(await body(lock.transaction))) return false;
      if (this.#moveOn(lock.commit(), under)) under = undefined;
      return true;
    } finally {
      lock.end();
      under?.release();
    }
  }

  /** @returns whether `under` is no longer the caller's to release */
  #moveOn(txnId: number, under: Held | Within | undefined): boolean {
    const { base, known, views } = this.#context;
    try {
      const { keepsUnder, hasGap } = base.moveOn(txnId, under, views());
      if (hasGap) known.pending.overflow();
      this.#hasGap ||= hasGap;
      known.quietAt(base.held!.takenNano);
      return keepsUnder;
    } catch (error) {
      // After the commit: what it recorded is still to be told.
      known.pending.overflow();
      throw error;
    }
  }
}
