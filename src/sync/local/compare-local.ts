import { nanoOf } from '../../merge/index.ts';
import {
  compareChanged,
  compareEverything,
  newestTime,
  type Schema,
  storeOf,
  type WritePlan,
} from '../../shadow/index.ts';
import type { Report } from '../status/index.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';
import type { Views } from './views.ts';

/**
 * What the application changed, as writes to the shadow. Without a base everything is compared. The caller disposes the plan.
 * @param isBaseBehind see `LocalScope`
 */
export function compareLocal(
  base: Held | undefined,
  current: Held,
  known: LocalKnowledge,
  isBaseBehind: boolean,
): WritePlan {
  const scope = known.scope();
  if (base) return compareChanged(base, current, { ...scope, isBaseBehind });
  const plan = compareEverything(current, scope);
  if (plan.isEmpty || !known.isFirstLook) return plan;
  // The file's mtime may have been set back while we did not run (decision 5).
  known.changedAfter(newestTime(current.view, false) ?? 0n);
  const later = known.scope();
  if (nanoOf(later.times.commit) === nanoOf(scope.times.commit)) return plan;
  plan.dispose();
  return compareEverything(current, later);
}

/**
 * Whether `current` may be compared with the base. A held reader that is no longer in the lock table is never compared with: its pages
 * may have been used again. Nor is one whose shadow is gone since: we drop none, drop-shadow does.
 */
export function isTrusted(
  base: Held,
  current: Held,
  views: Views,
  { schema, report }: { readonly schema: Schema; readonly report: Report },
): boolean {
  if (!views.isTrusted(base)) {
    report({ type: 'distrustedReader', txnId: base.id });
    return false;
  }
  if (schema.native) return true;
  const { dbiNames } = storeOf(false);
  const left = new Set(dbiNames(current.view));
  return dbiNames(base.view).every((name) => left.has(name));
}

/** So often a full comparison looks for a moment in which nobody has committed between our commit and the reader after it. */
export const SCAN_ATTEMPTS = 16;

/** Tells what a full comparison found. @returns whether that is anything */
export function tellScan(report: Report, plan?: WritePlan): boolean {
  const dbis = plan?.dbis.map(({ name }) => name) ?? [];
  report({ type: 'fullScan', differences: plan?.count ?? 0, dbis });
  return plan !== undefined && !plan.isEmpty;
}
