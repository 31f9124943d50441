import { compareKeys } from '../btree/index.ts';
import type { Entry } from './entry.ts';

/**
 * Who wins (docs/format.md): pure functions over bytes and 64-bit times split into two u32 halves, so that a merge of a
 * million entries makes no BigInt. Order-free by construction: `incomingWins` is a strict total order (I1).
 */

/** -1, 0, 1: unsigned comparison of two 64-bit times. */
export function compareTimes(aHi: number, aLo: number, bHi: number, bLo: number): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  if (aLo !== bLo) return aLo < bLo ? -1 : 1;
  return 0;
}

/** Unsigned bytes, then length: LMDB's own plain order. */
export const compareBytes = compareKeys(0);

/**
 * Whether an incoming entry replaces the present one of its key: the later time; in a tie the lower value; in a tie of
 * both the deleted one; of two equal entries the present one stays.
 */
export function incomingWins(present: Entry, incoming: Entry): boolean {
  const byTime = compareTimes(incoming.timestampHi, incoming.timestampLo, present.timestampHi, present.timestampLo);
  if (byTime !== 0) return byTime > 0;
  const byValue = compareBytes(
    incoming.valueBuffer,
    incoming.valueStart,
    incoming.deleted ? incoming.valueStart : incoming.valueEnd,
    present.valueBuffer,
    present.valueStart,
    present.deleted ? present.valueStart : present.valueEnd,
  );
  if (byValue !== 0) return byValue < 0;
  return incoming.deleted && !present.deleted;
}

/** A remote deletion of a key that is unknown here and older than the cut-off would only be swept again: not added. */
export function isStaleDeletion(incoming: Entry, cutoff: Time): boolean {
  return incoming.deleted && compareTimes(incoming.timestampHi, incoming.timestampLo, cutoff.hi, cutoff.lo) < 0;
}

/** A time as two u32 halves. */
export interface Time {
  readonly hi: number;
  readonly lo: number;
}

export const TIME_ZERO: Time = { hi: 0, lo: 0 };

export function timeOf(nano: bigint): Time {
  return { hi: Number((nano >> 32n) & 0xffff_ffffn), lo: Number(nano & 0xffff_ffffn) };
}

export function nanoOf(time: Time): bigint {
  return (BigInt(time.hi) << 32n) | BigInt(time.lo);
}

/**
 * The time of a local change (decision 5): the commit's time, never above now, and always above the entry it
 * replaces, since the application saw that entry. At the end of time it stays there.
 */
export function stampOf(commit: Time, replacedHi: number, replacedLo: number): Time {
  if (compareTimes(commit.hi, commit.lo, replacedHi, replacedLo) > 0) return commit;
  if (replacedLo < 0xffff_ffff) return { hi: replacedHi, lo: replacedLo + 1 };
  if (replacedHi < 0xffff_ffff) return { hi: replacedHi + 1, lo: 0 };
  return { hi: replacedHi, lo: replacedLo };
}

/** What is known of the moment of a local commit; ns since 1970. */
export interface CommitEvidence {
  /** Of the data file. It may be late (MDB_WRITEMAP, network file systems), coarse, ahead, or set back (`touch`, `cp -p`). */
  readonly mtimeNano: bigint;
  readonly nowNano: bigint;
  /** The last look by which nothing had been committed that is not recorded; 0n: nobody has looked yet. */
  readonly lastQuietLookNano: bigint;
}

/**
 * The commit's time: the file's mtime, but never before the last look that saw no change (the commit came after it), and never
 * above now.
 */
export function commitTime({ mtimeNano, nowNano, lastQuietLookNano }: CommitEvidence): bigint {
  const knownNano = mtimeNano > lastQuietLookNano ? mtimeNano : lastQuietLookNano;
  return knownNano < nowNano ? knownNano : nowNano;
}

/** What a stored entry's age is measured against: deletions before it are swept, or not loaded. */
export function deletionCutoff(nowNano: bigint, retentionNano: bigint, bufferNano: bigint): bigint {
  const age = retentionNano - bufferNano;
  return nowNano > age ? nowNano - age : 0n;
}
