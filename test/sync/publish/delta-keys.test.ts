import { expect, it } from 'vitest';
import { KeySet } from '../../../src/shadow/index.ts';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import type { ListedObject } from '../../../src/sync/chain/index.ts';
import { DeltaKeys } from '../../../src/sync/publish/delta-keys.ts';

function delta(second: number): ListedObject {
  const time = (at: number): string => `20260101-0000${String(at).padStart(2, '0')}-000000000`;
  const name = parseSnapshotName(`main__a__${time(second)}__GX__F${time(second - 1)}.delta.pb.gz`);
  return { name, sizeBytes: 100, modifiedMs: undefined };
}

function keysOf(...keys: string[]): KeySet {
  const set = new KeySet(Number.POSITIVE_INFINITY);
  for (const key of keys) set.add('d', Buffer.from(key), 0, key.length);
  return set;
}

const deltas = [1, 2, 3, 4].map(delta);

it('only the deltas after the last one of unknown keys can be compacted, for all keys of a stretch are needed', () => {
  const keys = new DeltaKeys();
  for (const index of [0, 2, 3]) keys.add(deltas[index]!.name.full, keysOf(`${index}`));
  expect(keys.known(deltas)).toEqual(deltas.slice(2));
  expect(keys.union(deltas.slice(2), keysOf('now'))!.count).toBe(3);
});

it('the keys of what is not in the chain any more are forgotten', () => {
  const keys = new DeltaKeys();
  for (const [index, { name }] of deltas.entries()) keys.add(name.full, keysOf(`${index}`));
  keys.known(deltas.slice(2));
  expect(keys.known(deltas)).toEqual(deltas.slice(2));
});

it('memory is bounded: the keys of the oldest go first', () => {
  const keys = new DeltaKeys();
  const many = keysOf(...Array.from({ length: 20_000 }, (_, at) => `${at}`.padStart(400, '0')));
  for (const { name } of deltas) keys.add(name.full, many);
  expect(many.sizeBytes).toBeGreaterThan(8 * 2 ** 20);
  expect(keys.known(deltas)).toEqual(deltas.slice(3));
});

it('more keys than a set holds make no compacted delta', () => {
  const keys = new DeltaKeys();
  const half = (letter: string) =>
    keysOf(...Array.from({ length: 12_000 }, (_, at) => letter + `${at}`.padStart(400, '0')));
  keys.add(deltas[3]!.name.full, half('a'));
  expect(keys.union([deltas[3]!], half('b'))).toBeUndefined();
});
