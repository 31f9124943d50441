import { describe, expect, it } from 'vitest';
import { assertOrdered, CustomOrderError, diffTrees } from '../../src/btree/index.ts';
import { customOrder } from '../support/application/custom-order.ts';
import { KIND_NAMES, KINDS, keyFor, openDatabase, valueFor } from './fixture.ts';

const IGNORE = { candidate: () => {}, pair: () => {} };

describe.each(['keys', 'duplicates'] as const)('%s in an order of the application’s own', (kind) => {
  it.each([
    ['in one page', 20],
    ['in a deep tree', 5000],
  ])('%s: found by a look at all, and by a difference', (_, to) => {
    const { folder, hold } = openDatabase({ mapSizeBytes: 64 * 2 ** 20 });
    customOrder(folder, { kind, what: 'put', from: 1, to: 9 });
    const before = hold();
    const few = before.view.dbi('data')!;
    // One digit each: both orders agree, and nothing can tell them apart.
    assertOrdered(few);
    customOrder(folder, { kind, what: 'put', from: 9, to });
    const after = hold();
    const many = after.view.dbi('data')!;
    const told = expect.objectContaining({ code: 'CUSTOM_ORDER', dbiName: 'data' });
    expect(() => assertOrdered(many)).toThrow(told);
    expect(() => assertOrdered(many)).toThrow(CustomOrderError);
    expect(() => diffTrees(few, many, IGNORE)).toThrow(told);
    expect(() => diffTrees(undefined, many, IGNORE)).toThrow(told);
    before.transaction.abort();
    after.transaction.abort();
  });
});

describe('LMDB’s own orders', () => {
  it.each(KIND_NAMES)('%s: nothing is found, whatever the keys', (kind) => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
      for (let id = 0; id < 3000; id++) transaction.put(dbi, keyFor(kind, id), valueFor(kind, id, id % 700));
      if (!kind.includes('dup')) return;
      for (let id = 0; id < 9; id++) transaction.put(dbi, keyFor(kind, 3), valueFor(kind, id, id + 1));
      for (let id = 0; id < 2000; id++) transaction.put(dbi, keyFor(kind, 8), valueFor(kind, id, 60 + (id % 400)));
    });
    const { view } = hold();
    expect(view.dbi(kind)!.depth).toBeGreaterThan(1);
    assertOrdered(view.dbi(kind)!);
  });
});
