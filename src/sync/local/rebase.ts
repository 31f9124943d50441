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
  /** Keeps the values of a DBI that the application has dropped; undefined: they are not wanted, or kept already. */
  readonly keep?: ((transaction: WriteTransaction, dbiName: string) => void) | undefined;
}

/** Writes under the lock, given what changed since the base. */
export type LockedBody<T> = (transaction: WriteTransaction, rebase: Rebase) => T;

/** Who takes the lock for a body: the tracker. */
export interface LockedWriter {
  write<T>(body: LockedBody<T>): T;
}

/**
 * Writes local changes to the shadow, but for keys that changed again after the plan was made.
 * @returns how many entries of the plan are written, those that it only fills included
 */
export function applyPlan(
  transaction: WriteTransaction,
  plan: WritePlan,
  touched: KeySet | undefined,
  beside?: BesideView,
): number {
  const writer = new PlanWriter(transaction, plan, { native: false, touched, ifTouched: 'drop', beside });
  writer.openDbis();
  plan.replay((record) => writer.write(record));
  // What a DBI that was made again gets back from its shadow.
  writer.finish();
  const written = plan.count - writer.dropped;
  if (!beside) {
    markDetached(transaction, plan.marks);
    return written;
  }
  const isThere = (name: string): boolean => beside.view.dbis.has(name);
  for (const name of plan.marks.keys()) if (!isThere(name)) beside.keep?.(transaction, name);
  // Until all of it is back a DBI counts as dropped.
  const marks = [...plan.marks].filter(([name]) => !plan.refills.has(name));
  markDetached(transaction, new Map(marks), isThere);
  return written;
}

/**
 * Writes to the shadow what the application committed between `base` and the lock.
 * @param base undefined: it does not tell, and everything is compared
 * @returns how many entries were written, and which DBIs are to get entries back
 */
export function recordUnder(
  transaction: WriteTransaction,
  base: Snapshotted | undefined,
  under: Snapshotted,
  scope: LocalScope,
  beside?: BesideView,
): Pick<WritePlan, 'count' | 'refills'> {
  const plan = base
    ? compareChanged(base, under, scope)
    : compareEverything(under, { ...scope, touched: undefined, pending: undefined });
  try {
    if (scope.filling) scope.filling.add(plan.fills);
    else fillWhole(transaction, plan.fills, under.view, scope, beside);
    applyPlan(transaction, plan, undefined, beside);
    return { count: plan.count, refills: plan.refills };
  } finally {
    plan.dispose();
  }
}
