import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  compareChanged,
  compareEverything,
  type Filling,
  KeySet,
  markDetached,
  nativeChanges,
  PlanWriter,
  type Schema,
  type Snapshotted,
  type WritePlan,
} from '../../shadow/index.ts';
import { fillWhole } from './fill-slice.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';

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

export interface RebaseOptions {
  readonly schema: Schema;
  readonly known: LocalKnowledge;
  /** Whether what changed since the base tells everything. Behind our own commit the shadow differs by what we wrote ourselves. */
  readonly isComparable: () => boolean;
  /** @throws what is refused before anything of it is recorded */
  readonly assertSupported: () => void;
  /** What is being copied and need not be looked at where it is not copied yet; takes DBIs that are to be filled, too. */
  readonly filling: Filling | undefined;
}

/** Brings the shadow up to date with what was committed between `base` and the lock. */
export function rebase(
  transaction: WriteTransaction,
  base: Held,
  under: Snapshotted,
  { schema, known, isComparable, assertSupported, filling }: RebaseOptions,
): Rebased {
  const touched = new KeySet(Number.POSITIVE_INFINITY);
  if (under.view.txnId === base.id) return { touched, recheckAll: false, hasLocalChanges: false, entries: 0 };
  assertSupported();
  if (schema.native) {
    const changes = nativeChanges(base, under, { touched, unpublished: known.unpublished });
    return { touched, recheckAll: changes === undefined, hasLocalChanges: changes !== 0, entries: 0 };
  }
  const scope = { ...known.scope(), filling };
  const canCompare = isComparable();
  // Whoever writes to the shadow beside us may have written what is ahead.
  if (!canCompare && filling?.name !== undefined) filling.forget(filling.name);
  const plan = canCompare
    ? compareChanged(base, under, { ...scope, touched })
    : compareEverything(under, { ...scope, pending: undefined });
  try {
    if (filling) filling.add(plan.fills);
    else fillWhole(transaction, plan.fills, under.view, scope);
    applyPlan(transaction, plan, undefined);
    return { touched, recheckAll: !canCompare, hasLocalChanges: plan.count > 0, entries: plan.count };
  } finally {
    plan.dispose();
  }
}
