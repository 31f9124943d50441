import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteCopier, ByteMatcher, PutFlag } from '../../src/lmdb/index.ts';
import { MIB, openEnvironment } from './environments.ts';

/** Buffers that share one memory, as slices of a mapping do, and sizes on both sides of the word loop's limit. */
const memory = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 31 + (i >>> 8)) & 0xff));
const range = fc.tuple(fc.nat(600), fc.nat(300), fc.nat(40)).map(([start, size, shift]) => ({
  source: memory.subarray(shift),
  start,
  end: start + size,
}));

describe('ByteCopier', () => {
  it('copies as Buffer.copy does, and touches nothing else', () => {
    const copier = new ByteCopier();
    const targets = [Buffer.alloc(1024), Buffer.alloc(1024)];
    fc.assert(
      fc.property(range, fc.nat(100), fc.nat(1), ({ source, start, end }, offset, which) => {
        const target = targets[which]!.fill(0xee);
        const expected = Buffer.from(target);
        source.copy(expected, offset, start, end);
        expect(copier.copy(source, start, end, target, offset)).toBe(offset + end - start);
        expect(target.equals(expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([3, 40, 300])('refuses a target that is too short for %d bytes', (size) => {
    const copier = new ByteCopier();
    expect(() => copier.copy(memory, 0, size, Buffer.alloc(size - 1), 0)).toThrow(RangeError);
    expect(() => copier.copy(memory.subarray(0, size), 0, size, Buffer.alloc(size + 1), 2)).toThrow(RangeError);
  });
});

describe('ByteMatcher', () => {
  it('tells the same bytes from others, wherever they differ', () => {
    const matcher = new ByteMatcher();
    fc.assert(
      fc.property(range, fc.nat(100), fc.nat(400), ({ source, start, end }, offset, at) => {
        const other = Buffer.alloc(1024);
        source.copy(other, offset, start, end);
        const otherEnd = offset + end - start;
        expect(matcher.same(source, start, end, other, offset, otherEnd)).toBe(true);
        expect(matcher.same(source, start, end, other, offset, otherEnd + 1)).toBe(false);
        if (at >= end - start) return;
        other[offset + at]! ^= 1;
        expect(matcher.same(source, start, end, other, offset, otherEnd)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('bytes on their way to liblmdb', () => {
  it('are the same from one buffer (by its address), from alternating ones (copied), and after they were overwritten', () => {
    const environment = openEnvironment(undefined, { mapSizeBytes: 16 * MIB });
    const window = Buffer.from(memory);
    const other = Buffer.from(memory);
    const sizes = [0, 1, 45, 300, 3000];
    const expected = environment.write((transaction) => {
      const cursor = transaction.cursor(transaction.openOrCreateDbi('data', 0));
      const header = Buffer.from('header');
      return sizes.flatMap((size, number) =>
        [window, window, other, window].map((buffer, turn) => {
          const at = 4 * number + turn;
          buffer.writeUInt16BE(at, at);
          const prefix = turn === 3 ? header : undefined;
          cursor.put(buffer, at, at + 32, prefix, buffer, at + 64, at + 64 + size, PutFlag.none);
          const value = buffer.subarray(at + 64, at + 64 + size);
          return [
            buffer.toString('hex', at, at + 32),
            Buffer.concat([prefix ?? Buffer.alloc(0), value]).toString('hex'),
          ];
        }),
      );
    });
    environment.read((transaction) => {
      const dbi = transaction.openDbi('data')!;
      for (const [key, value] of expected) {
        expect(transaction.get(dbi, Buffer.from(key!, 'hex'))?.toString('hex')).toBe(value);
      }
    });
  });
});
