import { LmdbError } from '../../lmdb/index.ts';
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
 * Whether what was read of a held reader is true: one that is no longer in the lock table may have shown pages that were used again
 * (decision 3). Asked after reading, since a process in another PID namespace can clear it at any time.
 */
export function isProtected(held: Held, views: Views, report: Report): boolean {
  if (!views.isTrusted(held)) {
    report({ type: 'distrustedReader', txnId: held.id });
    return false;
  }
  return true;
}

/** What is found from the base on; or without it, where that was cleared meanwhile. */
export function foundFrom<T>(
  base: Held | undefined,
  isTrue: (base: Held | undefined) => boolean,
  find: (base: Held | undefined) => T,
  undo: (untrue: T) => void = () => {},
): T {
  const found = find(base);
  if (isTrue(base)) return found;
  undo(found);
  return find(undefined);
}

/** The pages of a capture may have been used again while they were read; the next attempt takes a new view. Passing. */
export function readerCleared(): LmdbError {
  const text = 'another process has cleared our reader from the lock table';
  const hint = 'let all containers on one LMDB share a PID namespace; what was read is read once more';
  return new LmdbError('READER_CLEARED', 'read a transaction', 0, text, hint);
}

/** Whether `current` may be compared with the base: not with one whose shadow is gone since. We drop none, drop-shadow does. */
export function isComparable(base: Held, current: Held, { native }: Schema): boolean {
  if (native) return true;
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
