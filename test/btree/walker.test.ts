import { describe, expect, it } from 'vitest';
import { TreeWalker } from '../../src/btree/index.ts';
import { PutFlag } from '../../src/lmdb/index.ts';
import { cursorScan, KIND_NAMES, KINDS, keyFor, openDatabase, pairAt, valueFor, walkAll } from './fixture.ts';

describe('TreeWalker', () => {
  it.each(KIND_NAMES)('yields what a cursor yields: %s', (kind) => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
      for (let id = 0; id < 700; id++) {
        const size = id % 50 === 7 ? 9000 : (id * 31) % 200;
        transaction.put(dbi, keyFor(kind, id), valueFor(kind, id, size));
      }
      if (kind.includes('dup')) {
        // One key with a sub-page, one with a sub-database of several levels.
        for (let id = 0; id < 6; id++) transaction.put(dbi, keyFor(kind, 3), valueFor(kind, id, id + 1));
        for (let id = 0; id < 5000; id++) transaction.put(dbi, keyFor(kind, 8), valueFor(kind, id, 60 + (id % 400)));
      }
    });
    const { transaction, view } = hold();
    const tree = view.dbi(kind)!;
    const expected = cursorScan(transaction, kind);
    expect(expected.length).toBeGreaterThanOrEqual(700);
    expect(tree.entries).toBe(expected.length);
    expect(walkAll(tree)).toEqual(expected);
  });

  it.each(KIND_NAMES)('seeks the first entry at or after a key: %s', (kind) => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
      for (let id = 0; id < 800; id += 2) {
        transaction.put(dbi, keyFor(kind, id), valueFor(kind, id, 20));
        if (id % 10 === 0) transaction.put(dbi, keyFor(kind, id), valueFor(kind, id + 1, 20));
      }
    });
    const { transaction, view } = hold();
    const walker = new TreeWalker(view.dbi(kind)!);
    const cursor = transaction.cursor(transaction.openDbi(kind)!);
    for (const id of [0, 1, 2, 399, 401, 400, 798, 799, 800, 5000, 7]) {
      const key = keyFor(kind, id);
      const found = cursor.seek(key);
      expect(walker.seek(key)).toBe(found);
      for (let more = found; more; ) {
        expect(pairAt(walker)).toEqual([cursor.key().toString('latin1'), cursor.value().toString('latin1')]);
        more = cursor.next();
        expect(walker.next()).toBe(more);
      }
      expect(walker.next()).toBe(false);
    }
  });

  it('copies values that straddle two windows', () => {
    const { environment, hold } = openDatabase();
    const sizes = [5_000, 70_000, 200_000, 65_520, 65_521, 1];
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('plain', 0);
      for (const [i, size] of sizes.entries()) transaction.put(dbi, Buffer.from(`${i}`), valueFor('plain', i, size));
    });
    const { transaction, view } = hold();
    expect(walkAll(view.dbi('plain'))).toEqual(cursorScan(transaction, 'plain'));
    expect(view.dbi('plain')!.overflowPages).toBeGreaterThan(80);
  });

  it('walks a tree of many levels', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('deep', 0);
      for (let id = 0; id < 6000; id++) {
        transaction.put(dbi, Buffer.from(String(id).padStart(500, '0')), Buffer.alloc(0), PutFlag.append);
      }
    });
    const { transaction, view } = hold();
    expect(view.dbi('deep')!.depth).toBeGreaterThanOrEqual(4);
    expect(walkAll(view.dbi('deep'))).toEqual(cursorScan(transaction, 'deep'));
  });

  it('has nothing to say about an empty tree', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      transaction.openOrCreateDbi('empty', 0);
      transaction.openOrCreateDbi('empty dup', KINDS.dup);
    });
    const { view } = hold();
    for (const name of ['empty', 'empty dup']) {
      const walker = new TreeWalker(view.dbi(name)!);
      expect(view.dbi(name)!.depth).toBe(0);
      expect(walker.next()).toBe(false);
      expect(walker.seek(Buffer.from('a'))).toBe(false);
      expect(walker.next()).toBe(false);
    }
  });
});
