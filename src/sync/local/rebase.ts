import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  type Beside,
  compareChanged,
  compareEverything,
  type DatabaseView,
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
  /** The entries lie in a sidecar, and the transaction is the sidecar's. */
  readonly beside?: Beside | undefined;
}

export interface Rebased extends Rebase {
  /** What was committed meanwhile is to be published; `entries` of it were written to the shadow. */
  readonly hasLocalChanges: boolean;
  readonly entries: number;
}

/** Local changes go to a sidecar alone; what the application has is seen in a view. */
export interface BesideView extends Beside {
  readonly main: undefined;
  readonly view: DatabaseView;
}

/** Writes under the lock, given what changed since the base. */
export type LockedBody<T> = (transaction: WriteTransaction, rebase: Rebase) => T;

/** Writes local changes to the shadow, but for keys that changed again after the plan was made. */
export function applyPlan(
  transaction: WriteTransaction,
  plan: WritePlan,
  touched: KeySet | undefined,
  beside?: BesideView,
): void {
  const writer = new PlanWriter(transaction, plan, { native: false, touched, ifTouched: 'drop', beside });
  writer.openDbis();
  plan.replay((record) => writer.write(record));
  // What a DBI that was made again gets back from its shadow.
  writer.finish();
  markDetached(transaction, plan.marks, beside && ((name) => beside.view.dbis.has(name)));
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
  beside?: BesideView,
): number {
  const plan = base
    ? compareChanged(base, under, scope)
    : compareEverything(under, { ...scope, touched: undefined, pending: undefined });
  try {
    if (scope.filling) scope.filling.add(plan.fills);
    else fillWhole(transaction, plan.fills, under.view, scope, beside);
    applyPlan(transaction, plan, undefined, beside);
    return plan.count;
  } finally {
    plan.dispose();
  }
}
