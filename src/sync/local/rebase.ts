import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  FillWriter,
  fillShadows,
  type KeySet,
  type LocalScope,
  PlanWriter,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';

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

/** Copies the DBIs whose shadow is still empty straight from what the writer builds on: a plan of it would only be a second copy. */
export function fillFromPlan(
  transaction: WriteTransaction,
  plan: WritePlan,
  { view }: Snapshotted,
  scope: LocalScope,
): void {
  if (plan.fills.length > 0) fillShadows(plan.fills, view, scope, new FillWriter(transaction));
}

/** Writes local changes to the shadow, but for keys that changed again after the plan was made. */
export function applyPlan(transaction: WriteTransaction, plan: WritePlan, touched: KeySet | undefined): void {
  const writer = new PlanWriter(transaction, plan, { native: false, touched, ifTouched: 'drop' });
  writer.openDbis();
  plan.replay((record) => writer.write(record));
}
