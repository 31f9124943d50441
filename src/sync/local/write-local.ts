import type { WriteTransaction } from '../../lmdb/index.ts';
import { Filling, type Snapshotted, type WritePlan } from '../../shadow/index.ts';
import type { Base } from './base.ts';
import { fillProgress, fillSlice } from './fill-slice.ts';
import type { Held, Within } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';
import { applyPlan, type Rebased } from './rebase.ts';
import { SliceTime } from './slice-time.ts';
import type { TrackerOptions } from './tracker-options.ts';
import type { Views } from './views.ts';

/** What writing a plan needs of the tracker. */
export interface LocalWriting {
  readonly options: TrackerOptions;
  readonly known: LocalKnowledge;
  readonly views: Views;
  /** As the last commit has left it. */
  readonly base: () => Held;
  readonly locked: <T>(body: (transaction: WriteTransaction, under: Snapshotted) => T) => T;
  readonly rebase: (transaction: WriteTransaction, base: Held, under: Snapshotted, filling: Filling) => Rebased;
}

/**
 * Writes a plan, and fills the shadows that it names: in slices of `lmdb_lock_max`, between which the application may write.
 * @param view what the plan was made of
 */
export function writeLocal(plan: WritePlan, view: Held, writing: LocalWriting): void {
  const { known, views, options } = writing;
  known.filling ??= new Filling([]);
  known.filling.add(plan.fills);
  // Without pages nothing tells what the application changed between two slices.
  const time = new SliceTime(options.clock, views.isPaged ? options.lockMaxMs : 0);
  const tell = fillProgress(options.clock, options.report);
  for (let base = view; ; base = writing.base()) {
    const left = writing.locked((transaction, under) => {
      time.begin();
      // It may fail, or run once more.
      const filling = known.filling!.copy();
      const rebase = writing.rebase(transaction, base, under, filling);
      if (base === view && !rebase.recheckAll) applyPlan(transaction, plan, rebase.touched);
      const left = fillSlice(transaction, filling, under.view, known, () => time.isUp);
      time.written();
      return left;
    });
    known.filling = left;
    known.isMarked = left !== undefined;
    if (!left) return;
    tell(left, writing.base().view);
    time.rest();
  }
}

/** The base after our commit `txnId`. @returns whether `under` is no longer the caller's to release */
export function moveOn(
  base: Base,
  known: LocalKnowledge,
  txnId: number,
  under: Held | Within | undefined,
  views: Views,
): boolean {
  try {
    const { keepsUnder, hasGap } = base.moveOn(txnId, under, views);
    if (hasGap) known.pending.overflow();
    known.quietAt(base.held!.takenNano);
    return keepsUnder;
  } catch (error) {
    // After the commit: what it recorded is still to be told.
    known.pending.overflow();
    throw error;
  }
}
