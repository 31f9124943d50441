import fc from 'fast-check';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { KINDS, type Kind, u32, u64 } from '../../btree/fixture.ts';
import type { ApplicationWrite } from '../application/application.ts';

/**
 * Random writes of applications that share a database: few keys, so that they meet. Every DBI is named after its kind. Kept
 * within what dupsort_hack can carry: keys of 1 to 255 bytes, never two pairs with one shadow key.
 */
export const ALL_KINDS = Object.keys(KINDS) as Kind[];
export const NATIVE_KINDS: Kind[] = ['plain', 'reversekey', 'integerkey'];

const key = fc.nat(9);
const value = fc.nat(6);

export const Write = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), kind: fc.nat(), key, value }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), kind: fc.nat(), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deletePair' as const), kind: fc.nat(), key, value }) },
  // A pair whose value is longer than a shadow key can hold.
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('replaceCut' as const), kind: fc.nat(), key: fc.nat(1), value }),
  },
  // More than one slice of `lmdb_lock_max`, more than one page.
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fill' as const),
      kind: fc.nat(),
      key: fc.nat(40),
      count: fc.integer({ min: 60, max: 200 }),
      value,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('deleteMany' as const),
      kind: fc.nat(),
      key: fc.nat(40),
      count: fc.integer({ min: 20, max: 200 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), kind: fc.nat(), remove: fc.boolean() }) },
);
export type Write = typeof Write extends fc.Arbitrary<infer T> ? T : never;

const writes = fc.array(Write, { minLength: 1, maxLength: 5 });
const peer = fc.nat(1);

export const Step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), peer, writes }) },
  // The application commits between our read view and our write lock.
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('writeBeforeLock' as const),
      peer,
      /** What the lock is taken for. */
      cause: writes,
      writes,
      during: fc.constantFrom('round' as const, 'merge' as const),
      /** Before which of the locks of that round or merge. */
      skip: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('round' as const), peer }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('publish' as const), peer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('merge' as const), peer, object: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failedRound' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('distrust' as const), peer }) },
);
export type Step = typeof Step extends fc.Arbitrary<infer T> ? T : never;

export function keyOf(kind: Kind, id: number): Buffer {
  if (KINDS[kind] & DbiFlag.integerKey) return kind === 'integerkey' ? u64(id * 0x1_0001) : u32(id * 0x101);
  // Keys of which one begins another, with NULs as in a shadow key's separator; some as long as dupsort_hack takes.
  if (id === 3) return Buffer.from('k\0\0\0\0');
  if (id === 4) return Buffer.from('k');
  if (id === 5) return Buffer.alloc(255, 'k');
  return Buffer.from(`k${id}`);
}

export function valueFor(kind: Kind, id: number): Buffer {
  const flags = KINDS[kind];
  if (flags & DbiFlag.integerDup) return kind === 'integerdup' ? u64(id * 0x1_0000_0003) : u32(id * 0x1_0003);
  if (flags & DbiFlag.dupFixed) return Buffer.from(String(id).padStart(12, '0'));
  switch (id % 7) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return Buffer.from('x');
    case 2:
      return Buffer.from('x\0');
    case 3:
      return Buffer.from([1, 0, 0, 0, 0, 255]);
    case 4:
      return flags & DbiFlag.dupSort ? Buffer.alloc(200, 'v') : Buffer.alloc(9000, 'v');
    default:
      return Buffer.from(`value ${id}`);
  }
}

function cutValueOf(id: number): Buffer {
  return Buffer.concat([Buffer.alloc(504, 'c'), Buffer.from(`tail ${id}`).subarray(0, 7)]);
}

/** The application's writes; `wrap` gives native values their header. */
export function applicationWrites(
  write: Write,
  kinds: readonly Kind[],
  isThere: (dbi: string) => boolean,
  wrap: (value: Buffer) => Buffer = (value) => value,
): ApplicationWrite[] {
  const dbi = kinds[write.kind % kinds.length]!;
  const flags = KINDS[dbi];
  const isDupSort = (flags & DbiFlag.dupSort) !== 0;
  const put = (id: number, value: number): ApplicationWrite[] => {
    const key = keyOf(dbi, id);
    const bytes = wrap(valueFor(dbi, value));
    const write: ApplicationWrite = { op: 'put', dbi, key, value: bytes, flags };
    // LMDB takes an empty duplicate only as the first of its key.
    return isDupSort && bytes.length === 0 && isThere(dbi) ? [{ op: 'del', dbi, key }, write] : [write];
  };
  switch (write.do) {
    case 'put':
      return put(write.key, write.value);
    case 'fill':
      return range(write.count).flatMap((i) => put(write.key + i, isDupSort ? (i % 6) + 1 : write.value));
    case 'replaceCut': {
      if (!isDupSort || flags & (DbiFlag.dupFixed | DbiFlag.integerDup)) return put(write.key, write.value);
      // A key of its own, which has only this one pair.
      const cutKey = flags & DbiFlag.integerKey ? u32(0xffff - write.key) : Buffer.from(`cut${write.key}`);
      const pair: ApplicationWrite = { op: 'put', dbi, key: cutKey, value: cutValueOf(write.value), flags };
      return isThere(dbi) ? [{ op: 'del', dbi, key: cutKey }, pair] : [pair];
    }
    default:
  }
  if (!isThere(dbi)) return [];
  switch (write.do) {
    case 'delete':
      return [{ op: 'del', dbi, key: keyOf(dbi, write.key) }];
    case 'deletePair': {
      const value = valueFor(dbi, write.value);
      // The application's binding takes an empty value for "all duplicates".
      if (!isDupSort || value.length === 0) return [{ op: 'del', dbi, key: keyOf(dbi, write.key) }];
      return [{ op: 'del', dbi, key: keyOf(dbi, write.key), value }];
    }
    case 'deleteMany':
      return range(write.count).map((i) => ({ op: 'del', dbi, key: keyOf(dbi, write.key + i) }));
    case 'drop':
      return [{ op: 'drop', dbi, remove: write.remove }];
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
