import type { WriteTransaction } from '../../lmdb/index.ts';
import { compareChanged, KeySet, type WritePlan } from '../../shadow/index.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';
import { applyPlan, type BesideView, type Rebased } from './rebase.ts';

/** What followed our own last commit, found before the lock: a look at all that the commit wrote would be too long for it. */
export interface Ahead {
  readonly view: Held;
  readonly plan: WritePlan;
  readonly touched: KeySet;
  dispose(): void;
}

/**
 * @param base behind our own last commit
 * @param view after it; released with the result
 * @param look at what every view is looked at for
 * @returns undefined: a shadow is to be filled, which belongs under the lock
 */
export function lookAhead(
  base: Held,
  view: Held,
  known: LocalKnowledge,
  look: (view: Held) => void,
): Ahead | undefined {
  const touched = new KeySet(Number.POSITIVE_INFINITY);
  try {
    look(view);
    const plan = compareChanged(base, view, { ...known.scope(), touched, isBaseBehind: true });
    const dispose = (): void => {
      plan.dispose();
      view.release();
    };
    if (plan.fills.length === 0) return { view, plan, touched, dispose };
    dispose();
    return undefined;
  } catch (error) {
    view.release();
    throw error;
  }
}

/** @param since what was committed between the view and the lock, written already */
export function applyAhead(
  transaction: WriteTransaction,
  { plan, touched }: Ahead,
  since: Rebased,
  beside?: BesideView,
): Rebased {
  // Everything was compared, what was found ahead as well.
  if (since.recheckAll) return since;
  applyPlan(transaction, plan, since.touched, beside);
  since.touched.addAll(touched);
  const entries = since.entries + plan.count;
  return { ...since, hasLocalChanges: since.hasLocalChanges || plan.hasChanges, entries };
}
