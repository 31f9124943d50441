import type { Dbi, ReadTransaction } from '../../lmdb/index.ts';
import type { Time } from '../../merge/index.ts';
import { ageOf, countKept, type EntryCounts, noEntries, type OnBadEntry, reportBad } from './marks.ts';

/** Where one look at a DBI ends, so that its read transaction never keeps LMDB's old pages, or its thread, for long. */
export interface FindLimits {
  readonly keys: number;
  readonly keyBytes: number;
  readonly durationMs: number;
}

export const FIND_LIMITS: FindLimits = { keys: 10_000, keyBytes: 4 * 1024 * 1024, durationMs: 50 };

/** Entries between two looks at the clock. */
const CLOCK_CHECK_ENTRIES = 256;

export interface FoundMarks {
  /** Keys of old marks in key order; they have yet to be looked at again under the lock. */
  readonly keys: readonly Buffer[];
  /** What was passed over. */
  readonly counts: EntryCounts;
  /** The last key looked at, from which to go on; undefined: the DBI has no more. */
  readonly resumeAfter: Buffer | undefined;
}

/** Looks for old marks after the key `after` (from the start without it), whether or not that key still exists. */
export function findOldMarks(
  transaction: ReadTransaction,
  dbi: Dbi,
  after: Buffer | undefined,
  cutoff: Time,
  monotonicMs: () => number,
  onBad: OnBadEntry,
  limits: FindLimits = FIND_LIMITS,
): FoundMarks {
  const keys: Buffer[] = [];
  const counts = noEntries();
  const deadlineMs = monotonicMs() + limits.durationMs;
  let keyBytes = 0;
  let looked = 0;
  const cursor = transaction.cursor(dbi);
  try {
    let found = after === undefined ? cursor.next() : cursor.seek(after);
    if (found && after?.equals(cursor.keyBuffer.subarray(0, cursor.keyEnd))) found = cursor.next();
    for (; found; found = cursor.next()) {
      const age = ageOf(cursor.valueBuffer, cursor.valueStart, cursor.valueEnd, cutoff);
      if (age === 'old mark') {
        const key = cursor.key();
        keys.push(key);
        keyBytes += key.length;
      } else {
        countKept(counts, age);
        if (age === 'bad') reportBad(onBad, cursor.key(), cursor.valueBuffer, cursor.valueStart, cursor.valueEnd);
      }
      const full = keys.length >= limits.keys || keyBytes >= limits.keyBytes;
      if (full || (++looked % CLOCK_CHECK_ENTRIES === 0 && monotonicMs() >= deadlineMs)) {
        return { keys, counts, resumeAfter: cursor.key() };
      }
    }
    return { keys, counts, resumeAfter: undefined };
  } finally {
    cursor.close();
  }
}
