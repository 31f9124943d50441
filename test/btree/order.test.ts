import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDuplicates, compareKeys, type KeyOrder, sameBytes } from '../../src/btree/index.ts';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { u32, u64 } from './fixture.ts';

const { reverseKey, integerKey, dupSort, dupFixed, integerDup, reverseDup } = DbiFlag;

/** Compares where neither key begins at the beginning of its buffer. */
function compare(order: KeyOrder, a: Uint8Array, b: Uint8Array): number {
  const x = Buffer.concat([Buffer.from('xx'), a, Buffer.from('y')]);
  const y = Buffer.concat([Buffer.from('zzz'), b, Buffer.from('w')]);
  return Math.sign(order(x, 2, 2 + a.length, y, 3, 3 + b.length));
}

const reversed = (bytes: Uint8Array): Buffer => Buffer.from(bytes).reverse();

describe('compareKeys and compareDuplicates', () => {
  const bytes = fc.uint8Array({ maxLength: 12 });

  it('bytes, then length', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(compare(compareKeys(0), a, b)).toBe(Buffer.compare(a, b));
        expect(compare(compareDuplicates(dupSort), a, b)).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('bytes from the end, then length', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const expected = Buffer.compare(reversed(a), reversed(b));
        expect(compare(compareKeys(reverseKey), a, b)).toBe(expected);
        expect(compare(compareKeys(reverseKey | integerKey), a, b)).toBe(expected);
        expect(compare(compareDuplicates(dupSort | reverseDup), a, b)).toBe(expected);
      }),
    );
  });

  it('integers of 4 and 8 bytes by value', () => {
    const orders = [
      compareKeys(integerKey),
      compareDuplicates(dupSort | integerDup),
      compareDuplicates(dupSort | integerDup | dupFixed),
      compareDuplicates(dupSort | integerDup | reverseDup),
    ];
    const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
    fc.assert(
      fc.property(number, number, (a, b) => {
        for (const order of orders) {
          expect(compare(order, u64(a), u64(b))).toBe(Math.sign(a - b));
          const [x, y] = [a % 2 ** 32, b % 2 ** 32];
          expect(compare(order, u32(x), u32(y))).toBe(Math.sign(x - y));
        }
      }),
    );
  });

  it('DUPFIXED integers of other sizes by their first 4 bytes, as mdb_cmp_int does', () => {
    const order = compareDuplicates(dupSort | integerDup | dupFixed);
    const pair = (low: number, high: number): Buffer => Buffer.concat([u32(low), u64(high)]);
    expect(compare(order, pair(1, 9), pair(2, 3))).toBe(-1);
    expect(compare(order, pair(2, 9), pair(2, 3))).toBe(0);
  });
});

describe('sameBytes', () => {
  it('is about the bytes of the ranges', () => {
    const size = fc.nat(120);
    fc.assert(
      fc.property(size, size, fc.nat(200), (length, other, at) => {
        const a = Buffer.alloc(length + 3, 1);
        const b = Buffer.alloc(other + 5, 1);
        expect(sameBytes(a, 3, a.length, b, 5, b.length)).toBe(length === other);
        if (at >= length) return;
        const changed = Buffer.from(a);
        changed[3 + at] = 2;
        expect(sameBytes(a, 3, a.length, changed, 3, a.length)).toBe(false);
      }),
    );
  });
});
