import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../../src/btree/index.ts';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { KeySet } from '../../src/shadow/index.ts';

const bytesOrder = compareKeys(0);

function add(set: KeySet, dbi: string, key: string): void {
  const bytes = Buffer.from(`<${key}>`, 'latin1');
  set.add(dbi, bytes, 1, bytes.length - 1);
  bytes.fill(0xee);
}

function has(set: KeySet, dbi: string, key: string): boolean {
  const bytes = Buffer.from(`..${key}`, 'latin1');
  return set.has(dbi, bytes, 2, bytes.length);
}

function keysOf(set: KeySet, dbi: string, order = bytesOrder): string[] {
  const list = set.sorted(dbi, order);
  return Array.from({ length: list.length }, (_, at) =>
    list.buffer.toString('latin1', list.startOf(at), list.endOf(at)),
  );
}

describe('KeySet', () => {
  it('holds what was added, once, in the order of the DBI, as a set of strings does', () => {
    const key = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array).toString('latin1'));
    const entry = fc.record({
      dbi: fc.constantFrom('a', 'b', 'ÿ'),
      key: fc.oneof(key, fc.constantFrom('', 'k', 'k\0')),
    });
    const property = fc.property(fc.array(entry, { maxLength: 200 }), fc.array(entry), (added, asked) => {
      const set = new KeySet();
      const model = new Map<string, Set<string>>();
      for (const one of added) {
        add(set, one.dbi, one.key);
        model.set(one.dbi, (model.get(one.dbi) ?? new Set()).add(one.key));
      }
      const copy = new KeySet();
      copy.addAll(set);
      for (const either of [set, copy]) {
        expect(either.dbiNames).toEqual([...model.keys()].sort());
        expect(either.count).toBe([...model.values()].reduce((sum, keys) => sum + keys.size, 0));
        for (const [dbi, keys] of model) expect(keysOf(either, dbi)).toEqual([...keys].sort());
        for (const { dbi, key: text } of [...added, ...asked]) {
          expect(has(either, dbi, text)).toBe(model.get(dbi)?.has(text) ?? false);
        }
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('lists integer keys as LMDB orders them, and a list stays as it was made', () => {
    const set = new KeySet();
    for (const number of [3, 0x0100, 1, 0xffff]) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(number);
      set.add('d', bytes, 0, 4);
    }
    const list = set.sorted('d', compareKeys(DbiFlag.integerKey));
    for (let i = 0; i < 1000; i++) add(set, 'd', `later ${i}`);
    set.clear();
    const numbers = Array.from({ length: list.length }, (_, at) => list.buffer.readUInt32LE(list.startOf(at)));
    expect(numbers).toEqual([1, 3, 0x0100, 0xffff]);
    expect(set.isEmpty).toBe(true);
  });

  it('a whole DBI has every key, and none of them one by one', () => {
    const set = new KeySet();
    add(set, 'd', 'k');
    set.addWhole('d');
    add(set, 'd', 'l');
    expect([set.isWhole('d'), has(set, 'd', 'anything'), set.count, set.isEmpty]).toEqual([true, true, 0, false]);
    expect([set.dbiNames, keysOf(set, 'd'), has(set, 'other', 'k')]).toEqual([['d'], [], false]);
    const other = new KeySet();
    add(other, 'd', 'k');
    other.addAll(set);
    expect([other.isWhole('d'), other.count]).toEqual([true, 0]);
  });

  it('over its bound it knows only that it overflowed, until it is cleared', () => {
    const set = new KeySet(10_000);
    for (let i = 0; i < 1000 && !set.hasOverflowed; i++) add(set, 'd', `key ${i}`);
    expect([set.hasOverflowed, set.isEmpty, set.count, set.dbiNames]).toEqual([true, false, 0, []]);
    add(set, 'd', 'k');
    set.addWhole('e');
    expect([set.count, set.dbiNames, has(set, 'd', 'anything')]).toEqual([0, [], true]);
    const other = new KeySet();
    other.addAll(set);
    expect(other.hasOverflowed).toBe(true);
    set.clear();
    expect([set.isEmpty, has(set, 'd', 'k')]).toEqual([true, false]);
  });

  it('keys that became a whole DBI no longer count against the bound', () => {
    const set = new KeySet(1000);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) add(set, `d${round}`, `key ${i}`);
      set.addWhole(`d${round}`);
    }
    expect(set.hasOverflowed).toBe(false);
  });
});
