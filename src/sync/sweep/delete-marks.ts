import type { WriteTransaction } from '../../lmdb/index.ts';
import type { Time } from '../../merge/index.ts';
import { ageOf, countKept, type EntryCounts, noEntries, type OnBadEntry, reportBad } from './marks.ts';

/** Keys between two looks at the clock while the write lock is held. */
const CLOCK_CHECK_KEYS = 64;

export interface DeletedMarks {
  /** Index of the first key that was not looked at; the number of keys when all were. */
  readonly next: number;
  readonly counts: EntryCounts;
}

/**
 * One slice under the write lock: looks again at every key from `first` on and deletes what is still an old mark, until
 * `durationMs` is over. An application may have written, or a merge replaced, any of them since they were found.
 */
export function deleteOldMarks(
  transaction: WriteTransaction,
  dbiName: string,
  keys: readonly Buffer[],
  first: number,
  cutoff: Time,
  durationMs: number,
  monotonicMs: () => number,
  onBad: OnBadEntry,
): DeletedMarks {
  const counts = noEntries();
  const deadlineMs = monotonicMs() + durationMs;
  const dbi = transaction.openDbi(dbiName);
  if (dbi === undefined) return { next: keys.length, counts };
  let next = first;
  while (next < keys.length) {
    const key = keys[next++]!;
    const value = transaction.get(dbi, key);
    if (value !== undefined) {
      const age = ageOf(value, 0, value.length, cutoff);
      if (age === 'old mark') {
        transaction.delete(dbi, key);
        counts.cleanedEntries++;
      } else {
        countKept(counts, age);
        if (age === 'bad') reportBad(onBad, key, value, 0, value.length);
      }
    }
    if ((next - first) % CLOCK_CHECK_KEYS === 0 && monotonicMs() >= deadlineMs) break;
  }
  return { next, counts };
}
