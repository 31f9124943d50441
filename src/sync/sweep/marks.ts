import {
  applicationStart,
  compareTimes,
  headerProblem,
  isDeleted,
  type Time,
  timestampHiOf,
  timestampLoOf,
} from '../../merge/index.ts';

/** What the sweeper makes of one stored entry. */
export type EntryAge = 'live' | 'mark' | 'old mark' | 'bad';

/** `buffer[start, end)` is a stored value with its header; marks strictly before the cut-off are old (SWP-02). */
export function ageOf(buffer: Uint8Array, start: number, end: number, cutoff: Time): EntryAge {
  if (applicationStart(buffer, start, end) < 0) return 'bad';
  if (!isDeleted(buffer, start)) return 'live';
  const byTime = compareTimes(timestampHiOf(buffer, start), timestampLoOf(buffer, start), cutoff.hi, cutoff.lo);
  return byTime < 0 ? 'old mark' : 'mark';
}

/** Entries counted by age. What is swept counts as `cleaned` only; a bad entry stays, and counts as an entry. */
export interface EntryCounts {
  totalEntries: number;
  deletedEntries: number;
  cleanedEntries: number;
  badEntries: number;
}

export function noEntries(): EntryCounts {
  return { totalEntries: 0, deletedEntries: 0, cleanedEntries: 0, badEntries: 0 };
}

/** Counts an entry that stays. */
export function countKept(counts: EntryCounts, age: EntryAge): void {
  counts.totalEntries++;
  if (age === 'bad') counts.badEntries++;
  else if (age !== 'live') counts.deletedEntries++;
}

export function addCounts(sum: EntryCounts, more: EntryCounts): void {
  sum.totalEntries += more.totalEntries;
  sum.deletedEntries += more.deletedEntries;
  sum.cleanedEntries += more.cleanedEntries;
  sum.badEntries += more.badEntries;
}

/** Told about an entry without a valid header; `key` and `reason` may be kept. */
export type OnBadEntry = (key: Buffer, reason: string) => void;

export function reportBad(onBad: OnBadEntry, key: Buffer, value: Uint8Array, start: number, end: number): void {
  onBad(key, headerProblem(value, start, end));
}
