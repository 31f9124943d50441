import { DbiFlag } from '../lmdb/index.ts';
import { readU32 } from './layout.ts';

/** Below zero: a before b; zero: equal; above: after. Of a only `[aStart, aEnd)`, of b only `[bStart, bEnd)`. */
export type KeyOrder = (
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
) => number;

/** `mdb_cmp_memn`: bytes, then length. */
const byBytes: KeyOrder = (a, aStart, aEnd, b, bStart, bEnd) => {
  const aSize = aEnd - aStart;
  const bSize = bEnd - bStart;
  const size = Math.min(aSize, bSize);
  for (let i = 0; i < size; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aSize - bSize;
};

/** `mdb_cmp_memnr`: bytes from the last to the first, then length. */
const byReversedBytes: KeyOrder = (a, aStart, aEnd, b, bStart, bEnd) => {
  let i = aEnd;
  let j = bEnd;
  while (i > aStart && j > bStart) {
    const difference = a[--i]! - b[--j]!;
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
};

/**
 * `mdb_cmp_cint`: one unsigned little-endian integer of any size. LMDB asks for 4 or 8 bytes, all keys alike; where an
 * application mixes sizes, the shorter comes first (LMDB itself would read past the end of one of them).
 */
const byInteger: KeyOrder = (a, aStart, aEnd, b, bStart, bEnd) => {
  const size = aEnd - aStart;
  if (size !== bEnd - bStart) return size - (bEnd - bStart);
  for (let i = size - 1; i >= 0; i--) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
};

/** DUPFIXED integers: `mdb_cmp_long` for 8 bytes, else `mdb_cmp_int`, which looks at the first 4 bytes alone. */
const byFixedInteger: KeyOrder = (a, aStart, aEnd, b, bStart, bEnd) => {
  const size = aEnd - aStart;
  if (size === 8 || size < 4 || size !== bEnd - bStart) return byInteger(a, aStart, aEnd, b, bStart, bEnd);
  return readU32(a, aStart) - readU32(b, bStart);
};

/** The order of a DBI's keys, from its persistent flags (`mdb_default_cmp`). */
export function compareKeys(flags: number): KeyOrder {
  if (flags & DbiFlag.reverseKey) return byReversedBytes;
  return flags & DbiFlag.integerKey ? byInteger : byBytes;
}

/** The order of the duplicates of one key of a DUPSORT DBI. */
export function compareDuplicates(flags: number): KeyOrder {
  if (flags & DbiFlag.integerDup) return flags & DbiFlag.dupFixed ? byFixedInteger : byInteger;
  return flags & DbiFlag.reverseDup ? byReversedBytes : byBytes;
}

/** Below this a loop is faster than the call into native code. */
const NATIVE_COMPARE_BYTES = 48;

/** Whether two ranges hold the same bytes. */
export function sameBytes(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): boolean {
  const size = aEnd - aStart;
  if (size !== bEnd - bStart) return false;
  if (size >= NATIVE_COMPARE_BYTES) return a.compare(b, bStart, bEnd, aStart, aEnd) === 0;
  for (let i = 0; i < size; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}
