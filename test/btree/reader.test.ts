import { describe, expect, it } from 'vitest';
import { TreeReader } from '../../src/btree/index.ts';
import { cursorScan, KIND_NAMES, KINDS, keyFor, openDatabase, valueFor } from './fixture.ts';

/** The orders in which callers probe: sorted, backwards, and all over the place. */
const ORDERS: Record<string, (i: number, count: number) => number> = {
  sorted: (i) => i,
  backwards: (i, count) => count - 1 - i,
  scattered: (i, count) => (i * 7919) % count,
  'the same twice': (i) => i >> 1,
  'with gaps': (i, count) => (i * 3) % count,
};

describe('TreeReader', () => {
  it.each(KIND_NAMES)('finds what is there and nothing else: %s', (kind) => {
    const { environment, hold } = openDatabase();
    const count = 1501;
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
      for (let id = 0; id < count; id += id % 7 === 0 ? 1 : 2) {
        transaction.put(dbi, keyFor(kind, id), valueFor(kind, id, id % 100 === 4 ? 6000 : id % 90));
        if (kind.includes('dup') && id % 3 === 0) transaction.put(dbi, keyFor(kind, id), valueFor(kind, id + 1, 30));
      }
    });
    const { transaction, view } = hold();
    const first = new Map<string, string>();
    for (const [key, value] of cursorScan(transaction, kind)) if (!first.has(key)) first.set(key, value);
    const tree = view.dbi(kind)!;
    const sorted = Array.from({ length: count }, (_, id) => keyFor(kind, id)).sort((a, b) =>
      tree.keyOrder(a, 0, a.length, b, 0, b.length),
    );
    for (const [name, order] of Object.entries(ORDERS)) {
      const reader = new TreeReader(tree);
      for (let i = 0; i < count; i++) {
        const key = sorted[order(i, count)]!;
        const expected = first.get(key.toString('latin1'));
        if (reader.get(key) !== (expected !== undefined)) throw new Error(`${name}: ${key}`);
        if (expected !== undefined) {
          expect(reader.valueBuffer.toString('latin1', reader.valueStart, reader.valueEnd)).toBe(expected);
        }
      }
    }
  });

  it.each(KIND_NAMES.filter((kind) => kind.includes('dup')))('finds pairs: %s', (kind) => {
    const { environment, hold } = openDatabase();
    // Keys with one duplicate, a sub-page, and a sub-database.
    const counts = [1, 5, 3000, 2, 400];
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
      for (const [key, count] of counts.entries()) {
        for (let id = 0; id < count; id++)
          transaction.put(dbi, keyFor(kind, key), valueFor(kind, id * 2, 25 + (id % 30)));
      }
    });
    const { transaction, view } = hold();
    const present = new Set(cursorScan(transaction, kind).map(([key, value]) => `${key}=${value}`));
    const tree = view.dbi(kind)!;
    expect(present.size).toBe(tree.entries);
    for (const [name, order] of Object.entries(ORDERS)) {
      const reader = new TreeReader(tree);
      let hits = 0;
      for (let key = 0; key < counts.length + 1; key++) {
        const probes = Math.min(6100, (counts[key] ?? 1) * 2 + 4);
        for (let i = 0; i < probes; i++) {
          const id = order(i, probes);
          const [k, v] = [keyFor(kind, key), valueFor(kind, id, 25 + ((id >> 1) % 30))];
          const found = reader.getPair(k, 0, k.length, v, 0, v.length);
          if (found !== present.has(`${k.toString('latin1')}=${v.toString('latin1')}`))
            throw new Error(`${name}: ${key}, ${id}`);
          if (!found) continue;
          hits++;
          expect(reader.valueBuffer.compare(v, 0, v.length, reader.valueStart, reader.valueEnd)).toBe(0);
        }
      }
      if (name === 'sorted') expect(hits).toBe(present.size);
    }
  });

  it('refuses pairs of a tree without duplicates', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => transaction.openOrCreateDbi('plain', 0));
    const reader = new TreeReader(hold().view.dbi('plain')!);
    expect(() => reader.getPair(Buffer.from('a'), 0, 1, Buffer.from('a'), 0, 1)).toThrow(TypeError);
    expect(reader.get(Buffer.from('a'))).toBe(false);
  });
});
