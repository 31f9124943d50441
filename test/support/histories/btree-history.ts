import fc from 'fast-check';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { KIND_NAMES, KINDS, type Kind, keyFor, LONG_KEYS, valueFor } from '../../btree/fixture.ts';
import type { ApplicationWrite } from '../application/application.ts';

/** Random histories of an application: what it writes, transaction by transaction, into DBIs of every kind. */

const kind = fc.constantFrom(...KIND_NAMES);
const id = fc.oneof(
  { weight: 3, arbitrary: fc.nat(160) },
  { weight: 1, arbitrary: fc.integer({ min: LONG_KEYS, max: LONG_KEYS + 160 }) },
);
/** Mostly small; some that fill half a page, some on overflow pages, some over two windows of 64 KiB. */
const sizeBytes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(60) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 2000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2030, max: 70_000 }) },
);

const Operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), kind, id, duplicate: fc.nat(9), sizeBytes }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), kind, id }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('deletePair' as const), kind, id, duplicate: fc.nat(9), sizeBytes }),
  },
  // Page splits: many keys, or many duplicates of one key.
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fill' as const),
      kind,
      id,
      count: fc.integer({ min: 1, max: 90 }),
      sizeBytes: fc.nat(300),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fillKey' as const),
      kind,
      id: fc.nat(4),
      count: fc.integer({ min: 1, max: 400 }),
      sizeBytes: fc.constantFrom(20, 420),
    }),
  },
  // Page merges.
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('deleteMany' as const), kind, id, count: fc.integer({ min: 1, max: 160 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), kind, remove: fc.boolean() }) },
  // Another kind of DBI under the same name.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('recreate' as const), kind, as: kind }) },
);
export type Operation = typeof Operation extends fc.Arbitrary<infer T> ? T : never;

const Transaction = fc.record({
  operations: fc.array(Operation, { maxLength: 10 }),
  abort: fc.constantFrom(false, false, false, false, true),
});

/** What happens between two readers; `keepBase`: the older reader stays for the next history too. */
export const History = fc.record({
  transactions: fc.array(Transaction, { maxLength: 3 }),
  keepBase: fc.constantFrom(false, false, true),
  growMap: fc.constantFrom(false, false, false, true),
});
export type History = typeof History extends fc.Arbitrary<infer T> ? T : never;

/** The writes of an operation on the DBIs that there are; keeps account of which there are then. */
export function writesOf(operation: Operation, kinds: Map<string, Kind>): ApplicationWrite[] {
  const dbi = operation.kind;
  const current = kinds.get(dbi);
  if (operation.do === 'drop') {
    if (current === undefined) return [];
    if (operation.remove) kinds.delete(dbi);
    return [{ op: 'drop', dbi, remove: operation.remove }];
  }
  if (operation.do === 'recreate') {
    kinds.set(dbi, operation.as);
    const flags = KINDS[operation.as];
    const create: ApplicationWrite[] = [
      { op: 'create', dbi, flags },
      { op: 'put', dbi, ...entry(operation.as, 1, 1, 20), flags },
    ];
    return current === undefined ? create : [{ op: 'drop', dbi, remove: true }, ...create];
  }
  if (operation.do === 'delete')
    return current === undefined ? [] : [{ op: 'del', dbi, key: keyFor(current, operation.id) }];
  if (operation.do === 'deletePair') {
    if (current === undefined || !(KINDS[current] & DbiFlag.dupSort)) return [];
    return [{ op: 'del', dbi, ...entry(current, operation.id, operation.duplicate, operation.sizeBytes) }];
  }
  if (operation.do === 'deleteMany') {
    if (current === undefined) return [];
    return range(operation.count).map((i) => ({ op: 'del', dbi, key: keyFor(current, operation.id + i) }));
  }
  const as = current ?? dbi;
  const create: ApplicationWrite[] = current === undefined ? [{ op: 'create', dbi, flags: KINDS[as] }] : [];
  kinds.set(dbi, as);
  const put = (id: number, duplicate: number, size: number): ApplicationWrite => ({
    op: 'put',
    dbi,
    ...entry(as, id, duplicate, size),
    flags: KINDS[as],
  });
  const { id } = operation;
  if (operation.do === 'put') return [...create, put(id, operation.duplicate, operation.sizeBytes)];
  const puts = range(operation.count).map((i) =>
    operation.do === 'fill' ? put(id + i, i % 3, operation.sizeBytes) : put(id, i, operation.sizeBytes + (i % 70)),
  );
  return [...create, ...puts];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function entry(as: Kind, id: number, duplicate: number, size: number): { key: Buffer; value: Buffer } {
  return { key: keyFor(as, id), value: valueFor(as, duplicate, size) };
}
