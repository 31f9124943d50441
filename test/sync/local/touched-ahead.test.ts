import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { KeySet, PlannedWrite } from '../../../src/shadow/index.ts';
import { positionOf, TouchedAhead } from '../../../src/sync/local/touched-ahead.ts';

function planOf(isOrdered = true, flags = 0) {
  const dbi = (name: string) => ({ name, flags, createsMain: true, fillsEmpty: false });
  return { dbis: [dbi('a'), dbi('b'), dbi('c')], isOrdered };
}

function at(dbi: number, key: Buffer): ReturnType<typeof positionOf> {
  const record = new PlannedWrite();
  record.dbi = dbi;
  record.setKey(Buffer.concat([Buffer.from('<'), key, Buffer.from('>')]), 1, key.length + 1);
  return positionOf(record);
}

function touch(dbiName: string, ...keys: Buffer[]): KeySet {
  const touched = new KeySet();
  for (const key of keys) touched.add(dbiName, key, 0, key.length);
  return touched;
}

const has = (ahead: TouchedAhead, dbiName: string, key: Buffer): boolean => ahead.keys.has(dbiName, key, 0, key.length);

describe('keys that changed while a plan is being written', () => {
  it('are remembered when the plan has yet to come to them, and only then', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3 }).map((bytes) => Buffer.from(bytes));
    const place = fc.record({ dbi: fc.nat({ max: 2 }), key });
    fc.assert(
      fc.property(place, fc.array(place), (written, changed) => {
        const ahead = new TouchedAhead(planOf(), false);
        ahead.moveTo(at(written.dbi, written.key));
        for (const { dbi, key } of changed) ahead.add(touch('abc'[dbi]!, key));
        for (const { dbi, key } of changed) {
          const isToCome = dbi > written.dbi || (dbi === written.dbi && Buffer.compare(key, written.key) > 0);
          expect(has(ahead, 'abc'[dbi]!, key)).toBe(isToCome);
        }
      }),
    );
  });

  it('are ahead by the order of the DBI, which is that of native integers where its flags say so', () => {
    const integer = (value: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    };
    const ahead = new TouchedAhead(planOf(true, DbiFlag.integerKey), false);
    ahead.moveTo(at(0, integer(255)));
    ahead.add(touch('a', integer(256), integer(1)));
    expect(has(ahead, 'a', integer(256))).toBe(true);
    expect(has(ahead, 'a', integer(1))).toBe(false);
  });

  it('are all remembered before the first slice, but for DBIs that the plan does not name', () => {
    const ahead = new TouchedAhead(planOf(), false);
    const key = Buffer.from('k');
    ahead.add(touch('a', key));
    ahead.add(touch('elsewhere', key));
    expect(ahead.keys.dbiNames).toEqual(['a']);
  });

  it('are not remembered for a plan out of order, each record of which is decided again', () => {
    const ahead = new TouchedAhead(planOf(false), false);
    ahead.add(touch('a', Buffer.from('k')));
    expect(ahead.keys.isEmpty).toBe(true);
  });

  it('do not grow with what is written, however often the application commits right behind a slice', () => {
    const ahead = new TouchedAhead(planOf(), false);
    const key = (index: number): Buffer => Buffer.from(String(index).padStart(8, '0'));
    for (let slice = 0; slice < 200; slice++) {
      const from = slice * 1000;
      ahead.moveTo(at(0, key(from + 999)));
      // The base is behind our own commit: all of the slice differs from it.
      const own = Array.from({ length: 1000 }, (_, index) => key(from + index));
      ahead.add(touch('a', ...own));
    }
    expect(ahead.keys.isEmpty).toBe(true);
  });

  it('all count as changed when there are too many of them to come', () => {
    const ahead = new TouchedAhead(planOf(), false, 1000);
    for (let index = 0; index < 100; index++) ahead.add(touch('b', Buffer.from(`key ${index}`)));
    expect(ahead.keys.hasOverflowed).toBe(true);
    expect(ahead.keys.sizeBytes).toBe(0);
    expect(has(ahead, 'a', Buffer.from('any'))).toBe(true);
  });
});
