import { describe, expect, it } from 'vitest';
import {
  commitTime,
  compareBytes,
  deletionCutoff,
  Entry,
  incomingWins,
  isStaleDeletion,
  nanoOf,
  stampOf,
  TIME_ZERO,
  timeOf,
} from '../../src/merge/index.ts';

const MAX = 2n ** 64n - 1n;

/** Bytes in the middle of a buffer, as they come from pages. */
function contender(nano: bigint, value: string | undefined): Entry {
  const { hi, lo } = timeOf(nano);
  const bytes = Buffer.from(`<<${value ?? ''}>>`);
  const entry = new Entry();
  entry.setTime(hi, lo);
  entry.setValue(bytes, 2, bytes.length - 2);
  if (value === undefined) entry.setDeleted();
  return entry;
}

describe('who wins (docs/format.md, "Which entry wins")', () => {
  const wins = (present: Entry, incoming: Entry): boolean => incomingWins(present, incoming);

  it('LWW-15, LWW-17: the later time, whatever the value', () => {
    expect(wins(contender(40n, 'newer'), contender(30n, 'aaa'))).toBe(false);
    expect(wins(contender(30n, 'aaa'), contender(40n, 'zzz'))).toBe(true);
    expect(wins(contender(20n, 'live'), contender(25n, undefined))).toBe(true);
  });

  it('LWW-16: in a tie the lower value', () => {
    expect(wins(contender(30n, 'aaa'), contender(30n, 'bbb'))).toBe(false);
    expect(wins(contender(30n, 'ccc'), contender(30n, 'bbb'))).toBe(true);
    expect(wins(contender(30n, 'same'), contender(30n, 'same'))).toBe(false);
    expect(wins(contender(30n, 'prefix+'), contender(30n, 'prefix'))).toBe(true);
    expect(wins(contender(30n, 'prefix'), contender(30n, 'prefix+'))).toBe(false);
    expect(wins(contender(30n, '\u007f'), contender(30n, '\u0080'))).toBe(false);
  });

  it('the tie table: a deleted entry has no value, and wins a tie of both (better: W9)', () => {
    expect(wins(contender(5n, ''), contender(5n, undefined))).toBe(true);
    expect(wins(contender(5n, undefined), contender(5n, ''))).toBe(false);
    expect(wins(contender(5n, 'x'), contender(5n, undefined))).toBe(true);
    expect(wins(contender(5n, undefined), contender(5n, 'x'))).toBe(false);
    expect(wins(contender(5n, undefined), contender(5n, undefined))).toBe(false);
  });

  it('LWW-19: bytes that a foreign writer leaves behind a deleted entry do not count', () => {
    const withBytes = contender(5n, 'c');
    withBytes.deleted = true;
    expect(wins(contender(5n, 'b'), withBytes)).toBe(true);
    expect(wins(withBytes, contender(5n, 'a'))).toBe(false);
  });

  it('LWW-22: times are unsigned', () => {
    expect(wins(contender(2n ** 63n - 1n, 'a'), contender(2n ** 63n, 'z'))).toBe(true);
    expect(wins(contender(2n ** 63n, 'z'), contender(2n ** 63n - 1n, 'a'))).toBe(false);
    expect(wins(contender(MAX - 1n, 'a'), contender(MAX, 'z'))).toBe(true);
    expect(wins(contender(0xffff_ffffn, 'a'), contender(0x1_0000_0000n, 'z'))).toBe(true);
  });

  it('LWW-10, LWW-21: a deletion of an unknown key is stale strictly before the cut-off; a live entry never is', () => {
    const cutoff = timeOf(10n);
    expect(isStaleDeletion(contender(9n, undefined), cutoff)).toBe(true);
    expect(isStaleDeletion(contender(10n, undefined), cutoff)).toBe(false);
    expect(isStaleDeletion(contender(30n, undefined), cutoff)).toBe(false);
    expect(isStaleDeletion(contender(5n, 'old'), cutoff)).toBe(false);
    expect(isStaleDeletion(contender(0n, undefined), TIME_ZERO)).toBe(false);
  });

  it('bytes compare as unsigned, then by length', () => {
    const order = (a: string, b: string): number => {
      const [x, y] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')];
      return Math.sign(compareBytes(x, 0, x.length, y, 0, y.length));
    };
    expect(order('ff', '01')).toBe(1);
    expect(order('01', '0100')).toBe(-1);
    expect(order('', '00')).toBe(-1);
    expect(order('', '')).toBe(0);
  });
});

describe('the time of a local change (decision 5)', () => {
  const stamp = (commit: bigint, replaced: bigint): bigint => {
    const { hi, lo } = timeOf(replaced);
    return nanoOf(stampOf(timeOf(commit), hi, lo));
  };

  it('is the commit, when nothing was there before', () => {
    expect(stamp(1000n, 0n)).toBe(1000n);
  });

  it('is above the entry it replaces, whatever the clocks say', () => {
    expect(stamp(1000n, 999n)).toBe(1000n);
    expect(stamp(1000n, 1000n)).toBe(1001n);
    expect(stamp(1000n, 3_600_000_000_000n)).toBe(3_600_000_000_001n);
  });

  it('carries over into the upper half', () => {
    expect(stamp(5n, 0xffff_ffffn)).toBe(0x1_0000_0000n);
    expect(stamp(5n, 2n ** 63n - 1n)).toBe(2n ** 63n);
  });

  it('stays at the end of time', () => {
    expect(stamp(5n, MAX)).toBe(MAX);
    expect(stamp(MAX, MAX - 1n)).toBe(MAX);
  });

  it.each([
    ['the file’s mtime', 30n, 40n, 20n, 30n],
    ['never above now: the file system’s clock is ahead', 50n, 40n, 20n, 40n],
    ['not before the last quiet look: the mtime lags (MDB_WRITEMAP), was set back, or is coarse', 10n, 40n, 20n, 20n],
    ['the same', 20n, 40n, 20n, 20n],
    ['our clock was set back since the last look', 10n, 15n, 20n, 15n],
    ['our clock was set back, the file’s was not', 30n, 15n, 20n, 15n],
    ['nobody has looked yet', 30n, 40n, 0n, 30n],
    ['a file without a time', 0n, 40n, 0n, 0n],
  ])('the commit’s time: %s', (_, mtimeNano, nowNano, lastQuietLookNano, expected) => {
    expect(commitTime({ mtimeNano, nowNano, lastQuietLookNano })).toBe(expected);
  });

  it('halves and whole are the same number', () => {
    for (const nano of [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 63n, MAX]) expect(nanoOf(timeOf(nano))).toBe(nano);
  });
});

describe('the cut-off of old deletions', () => {
  it('is the retention less the buffer before now, and never before 1970', () => {
    expect(deletionCutoff(1000n, 100n, 10n)).toBe(910n);
    expect(deletionCutoff(50n, 100n, 10n)).toBe(0n);
    expect(deletionCutoff(90n, 100n, 10n)).toBe(0n);
  });
});
