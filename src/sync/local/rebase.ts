import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  compareChanged,
  compareEverything,
  type KeySet,
  type LocalScope,
  markDetached,
  PlanWriter,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';
import { fillWhole } from './fill-slice.ts';

/** Local changes that were found under the lock while something else was being written. */
export interface Rebase {
  /** Keys of which a plan made against the base no longer speaks truly. */
  readonly touched: KeySet;
  /** The base does not tell: everything must be decided again. */
  readonly recheckAll: boolean;
}

export interface Rebased extends Rebase {
  /** What was committed meanwhile is to be published; `entries` of it were written to the shadow. */
  readonly hasLocalChanges: boolean;
  readonly entries: number;
}

/** Writes under the lock, given what changed since the base. */
export type LockedBody<T> = (transaction: WriteTransaction, rebase: Rebase) => T;

/** Writes local changes to the shadow, but for keys that changed again after the plan was made. */
export function applyPlan(transaction: WriteTransaction, plan: WritePlan, touched: KeySet | undefined): void {
  const writer = new PlanWriter(transaction, plan, { native: false, touched, ifTouched: 'drop' });
  writer.openDbis();
  plan.replay((record) => writer.write(record));
  // What a DBI that was made again gets back from its shadow.
  writer.finish();
  markDetached(transaction, plan.marks);
}

/**
 * Writes to the shadow what the application committed between `base` and the lock.
 * @param base undefined: it does not tell, and everything is compared
 * @returns entries written
 */
export function recordUnder(
  transaction: WriteTransaction,
  base: Snapshotted | undefined,
  under: Snapshotted,
  scope: LocalScope,
): number {
  const plan = base
    ? compareChanged(base, under, scope)
    : compareEverything(under, { ...scope, touched: undefined, pending: undefined });
  try {
    if (scope.filling) scope.filling.add(plan.fills);
    else fillWhole(transaction, plan.fills, under.view, scope);
    applyPlan(transaction, plan, undefined);
    return plan.count;
  } finally {
    plan.dispose();
  }
}
