import { nanoOf } from '../../merge/index.ts';
import { compareChanged, compareEverything, newestTime, storeOf, type WritePlan } from '../../shadow/index.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';

/** What the application changed, as writes to the shadow. Without a base everything is compared. The caller disposes the plan. */
export function compareLocal(base: Held | undefined, current: Held, known: LocalKnowledge): WritePlan {
  const scope = known.scope();
  if (base) return compareChanged(base, current, scope);
  const plan = compareEverything(current, scope);
  if (plan.isEmpty || !known.isFirstLook) return plan;
  // The file's mtime may have been set back while we did not run (decision 5).
  known.changedAfter(newestTime(current.view, false) ?? 0n);
  const later = known.scope();
  if (nanoOf(later.times.commit) === nanoOf(scope.times.commit)) return plan;
  plan.dispose();
  return compareEverything(current, later);
}

/** Whether a shadow that the base had is gone: nothing known of it holds, and the base is not compared with. We drop none; drop-shadow does. */
export function lostShadow(base: Held, current: Held): boolean {
  const { dbiNames } = storeOf(false);
  const left = new Set(dbiNames(current.view));
  return dbiNames(base.view).some((name) => !left.has(name));
}
