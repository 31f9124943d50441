import { expect, it } from 'vitest';
import { byInstance, objectsThatCount } from '../../src/inspect/bucket-objects.ts';
import { FingerprintSet } from '../../src/inspect/fingerprints.ts';
import { Entry } from '../../src/merge/index.ts';

function entry(key: string, value: string, lo = 1): Entry {
  const made = new Entry();
  made.setKey(Buffer.from(key), 0, key.length);
  made.setTime(0, lo);
  made.setValue(Buffer.from(value), 0, value.length);
  return made;
}

it('a set of fingerprints knows every entry, and no other, beyond its first size', () => {
  const set = new FingerprintSet();
  const count = 5000;
  for (let index = 0; index < count; index++) set.addEntry('data', entry(`key ${index}`, 'v'));
  expect(set.size).toBe(count);
  for (let index = 0; index < count; index++) {
    expect(set.hasEntry('data', entry(`key ${index}`, 'v'))).toBe(true);
    expect(set.hasEntry('data', entry(`key ${index}`, 'w'))).toBe(false);
    expect(set.hasEntry('data', entry(`key ${index}`, 'v', 2))).toBe(false);
    expect(set.hasEntry('other', entry(`key ${index}`, 'v'))).toBe(false);
  }
  const deleted = entry('key 1', '');
  deleted.setDeleted();
  expect(set.hasEntry('data', deleted)).toBe(false);
});

it('the newest full snapshot of an instance and the deltas after it count, without a full one all', () => {
  const info = (name: string) => ({ name, sizeBytes: 1, modifiedMs: undefined });
  const at = (second: number): string => `20261123-1200${second.toString().padStart(2, '0')}-000000000`;
  const full = (instance: string, second: number): string => `main__${instance}__${at(second)}__GX.pb.gz`;
  const delta = (instance: string, second: number): string =>
    `main__${instance}__${at(second)}__GX__F${at(second - 1)}.delta.pb.gz`;
  const listing = [
    full('a', 1),
    full('a', 5),
    delta('a', 4),
    delta('a', 6),
    delta('b', 3),
    full('other', 1),
    'strange',
  ];
  listing.push(`elsewhere__a__${at(9)}__GX.pb.gz`);
  const instances = byInstance('main', listing.map(info));
  const counted = instances.map((each) => [each.instance, objectsThatCount(each).map(({ name }) => name.full)]);
  expect(counted).toEqual([
    ['a', [full('a', 5), delta('a', 6)]],
    ['b', [delta('b', 3)]],
    ['other', [full('other', 1)]],
  ]);
});
