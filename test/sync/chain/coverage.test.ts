import { beforeEach, describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import { Driven, delta, full, info, modern, timeOf } from './support.ts';

let at: Driven;
beforeEach(() => {
  at = new Driven();
});

describe('a chain without gaps', () => {
  beforeEach(() => {
    at.list(modern('a', 10));
    at.merge(modern('a', 10));
  });

  it('deltas of one instance are one batch, in order, and C moves with what is merged', () => {
    at.list(modern('a', 10), delta('a', 12, 13), delta('a', 10, 11), delta('a', 11, 12));
    expect(at.due()).toEqual([[delta('a', 10, 11), delta('a', 11, 12), delta('a', 12, 13)]]);
    expect(at.covered('a')).toBe(10);
    at.merge(delta('a', 10, 11));
    expect(at.covered('a')).toBe(11);
    at.merge(delta('a', 11, 12), delta('a', 12, 13));
    expect([at.covered('a'), at.due(), at.index.gaps().open]).toEqual([13, [], []]);
  });

  it('a full snapshot that promises nothing new is not fetched: C moves', () => {
    at.list(modern('a', 10), modern('a', 20, 10));
    expect([at.due(), at.covered('a')]).toEqual([[], 20]);
    at.list(modern('a', 20, 10), delta('a', 20, 21));
    at.merge(delta('a', 20, 21));
    expect(at.covered('a')).toBe(21);
  });

  it('one that promises nothing after a delta waits for the delta', () => {
    at.list(modern('a', 10), delta('a', 10, 19), modern('a', 20, 19));
    expect(at.due()).toEqual([[delta('a', 10, 19)]]);
    expect(at.covered('a')).toBe(10);
    at.merge(delta('a', 10, 19));
    expect([at.covered('a'), at.due()]).toEqual([20, []]);
  });

  it('a promise counts only from a writer that reads deltas', () => {
    at.list(modern('a', 10), full('a', 20, { f: 10 }));
    expect([at.due(), at.covered('a')]).toEqual([[[full('a', 20, { f: 10 })]], 10]);
  });

  it('one without a promise is fetched at once: no delta will lead to it', () => {
    at.list(modern('a', 10), modern('a', 20));
    expect(at.due()).toEqual([[modern('a', 20)]]);
    at.list(modern('a', 10), full('a', 21));
    expect(at.due()).toEqual([[full('a', 21)]]);
    expect(at.index.gaps().open).toEqual([]);
  });

  it('a full snapshot that arrives later than the deltas after it is not fetched', () => {
    at.list(modern('a', 10), delta('a', 10, 11), delta('a', 11, 13));
    at.merge(delta('a', 10, 11), delta('a', 11, 13));
    at.list(modern('a', 10), delta('a', 10, 11), delta('a', 11, 13), modern('a', 12, 11));
    expect([at.due(), at.covered('a')]).toEqual([[], 13]);
  });

  it('who follows does not fetch a compacted delta; who is behind fetches it alone', () => {
    const singles = [delta('a', 10, 11), delta('a', 11, 12), delta('a', 12, 13)];
    const compacted = delta('a', 10, 13, 1);
    at.list(modern('a', 10), ...singles);
    at.merge(...singles);
    at.list(modern('a', 10), ...singles, compacted);
    expect(at.due()).toEqual([]);
    at.list(modern('a', 10), compacted, delta('a', 13, 14));
    expect(at.due()).toEqual([[delta('a', 13, 14)]]);
    const behind = new Driven();
    behind.list(modern('a', 10), ...singles, compacted);
    behind.merge(modern('a', 10));
    expect(behind.due()).toEqual([[compacted]]);
    behind.merge(compacted);
    expect([behind.due(), behind.covered('a')]).toEqual([[], 13]);
  });

  it('few small deltas are preferred to a large one that begins long before', () => {
    at.list(modern('a', 10), delta('a', 10, 11));
    at.merge(delta('a', 10, 11));
    at.list(info(modern('a', 10)), info(delta('a', 10, 13, 1), 1e6), delta('a', 11, 12), delta('a', 12, 13));
    expect(at.due()).toEqual([[delta('a', 11, 12), delta('a', 12, 13)]]);
  });

  it('an own time before C that newly appears is merged, and C stays (decision 10)', () => {
    at.list(modern('a', 10), delta('a', 5, 6));
    expect(at.due()).toEqual([[delta('a', 5, 6)]]);
    at.merge(delta('a', 5, 6));
    expect([at.due(), at.covered('a')]).toEqual([[], 10]);
  });

  it('a delta that was removed from the bucket while it was merged moves C all the same', () => {
    at.list(modern('a', 10), delta('a', 10, 11));
    at.list(modern('a', 10), delta('a', 10, 12, 1));
    at.merge(delta('a', 10, 11));
    expect(at.covered('a')).toBe(11);
    expect(at.due()).toEqual([[delta('a', 10, 12, 1)]]);
  });
});

describe('gaps (I11)', () => {
  beforeEach(() => {
    at.list(modern('a', 10));
    at.merge(modern('a', 10));
  });

  it('later deltas are merged at once, C stays; what is missing comes: C passes all of it', () => {
    at.list(modern('a', 10), delta('a', 11, 12), delta('a', 12, 13));
    expect(at.due()).toEqual([[delta('a', 11, 12), delta('a', 12, 13)]]);
    at.merge(delta('a', 11, 12), delta('a', 12, 13));
    expect([at.due(), at.covered('a')]).toEqual([[], 10]);
    expect(at.index.gaps().open).toEqual([{ instanceId: 'a', afterNano: timeOf(10), sinceMs: 2000 }]);
    at.list(modern('a', 10), delta('a', 10, 11), delta('a', 11, 12), delta('a', 12, 13));
    expect(at.due()).toEqual([[delta('a', 10, 11)]]);
    at.merge(delta('a', 10, 11));
    expect(at.covered('a')).toBe(13);
    expect(at.index.gaps()).toMatchObject({ open: [], healed: [{ sinceMs: 2000, healedMs: 3000 }] });
  });

  it('after two listings the newest full snapshot is due', () => {
    const bucket = [modern('a', 10), delta('a', 14, 15), modern('a', 16, 15)];
    at.list(...bucket);
    at.merge(delta('a', 14, 15));
    expect(at.due()).toEqual([]);
    at.list(...bucket);
    expect(at.due()).toEqual([[modern('a', 16, 15)]]);
    at.merge(modern('a', 16, 15));
    expect([at.due(), at.covered('a')]).toEqual([[], 16]);
    expect(at.index.gaps()).toEqual({
      open: [],
      healed: [{ instanceId: 'a', afterNano: timeOf(10), sinceMs: 2000, healedMs: 3000, by: modern('a', 16, 15) }],
    });
  });

  it('without a newer full snapshot the gap stays, and shows', () => {
    for (let listing = 0; listing < 3; listing++) at.list(modern('a', 10), delta('a', 11, 12));
    at.merge(delta('a', 11, 12));
    expect([at.due(), at.covered('a'), at.index.gaps().open.length]).toEqual([[], 10, 1]);
  });

  it('decision 11: a refused delta is a gap', () => {
    const bucket = [modern('a', 10), delta('a', 10, 11), delta('a', 11, 12)];
    at.list(...bucket);
    at.refuse(delta('a', 10, 11));
    expect(at.due()).toEqual([[delta('a', 11, 12)]]);
    at.merge(delta('a', 11, 12));
    expect(at.covered('a')).toBe(10);
    at.list(...bucket, modern('a', 13, 12));
    expect(at.due()).toEqual([[modern('a', 13, 12)]]);
  });

  it('a refused full snapshot after a gap gives way to the one before it', () => {
    const bucket = [modern('a', 20, 19), modern('a', 30, 29)];
    at.list(...bucket);
    at.list(...bucket);
    at.refuse(modern('a', 30, 29));
    expect(at.due()).toEqual([[modern('a', 20, 19)]]);
    at.merge(modern('a', 20, 19));
    expect([at.due(), at.covered('a'), at.index.gaps().open.length]).toEqual([[], 20, 1]);
  });

  it('beyond a gap a compacted delta is fetched in place of those that it includes', () => {
    at.list(modern('a', 10), delta('a', 11, 12), delta('a', 12, 13), delta('a', 11, 13, 1));
    expect(at.due()).toEqual([[delta('a', 11, 13, 1)]]);
  });

  it('a gap of one listing costs no full snapshot', () => {
    at.list(modern('a', 10), delta('a', 11, 12));
    at.list(modern('a', 10), delta('a', 10, 11), delta('a', 11, 12), modern('a', 13, 12));
    expect(at.due()).toEqual([[delta('a', 10, 11), delta('a', 11, 12)]]);
    at.merge(delta('a', 10, 11), delta('a', 11, 12));
    expect([at.due(), at.covered('a')]).toEqual([[], 13]);
  });
});

describe('joining', () => {
  it('without any full snapshot deltas are merged, and nothing is covered', () => {
    at.list(delta('a', 1, 2), delta('a', 2, 3));
    expect(at.due()).toEqual([[delta('a', 1, 2), delta('a', 2, 3)]]);
    at.merge(delta('a', 1, 2), delta('a', 2, 3));
    expect([at.covered('a'), at.index.gaps().open]).toEqual([
      undefined,
      [{ instanceId: 'a', afterNano: undefined, sinceMs: 1000 }],
    ]);
    at.list(modern('a', 2), delta('a', 1, 2), delta('a', 2, 3));
    at.merge(modern('a', 2));
    expect([at.covered('a'), at.due(), at.index.gaps().open]).toEqual([3, [], []]);
  });

  it('the newest full snapshot alone, then what continues it', () => {
    at.list(modern('a', 1), delta('a', 1, 2), modern('a', 3, 2), delta('a', 3, 4));
    expect(at.due()).toEqual([[modern('a', 3, 2)]]);
    at.merge(modern('a', 3, 2));
    expect(at.due()).toEqual([[delta('a', 3, 4)]]);
  });

  it('a delta that begins before the full snapshot and ends after it continues it', () => {
    at.list(modern('a', 3, 2), delta('a', 2, 4));
    at.merge(modern('a', 3, 2));
    at.merge(delta('a', 2, 4));
    expect(at.covered('a')).toBe(4);
  });
});

describe('what deltas do not repeat', () => {
  it('an instance gone before all of it was merged: the newest full snapshots of the others are fetched', () => {
    at.list(modern('a', 1), full('x', 1));
    at.merge(modern('a', 1));
    at.list(modern('a', 1), modern('a', 5, 1));
    expect(at.due()).toEqual([[modern('a', 5, 1)]]);
    at.merge(modern('a', 5, 1));
    at.list(modern('a', 1), modern('a', 5, 1), modern('a', 6, 5));
    expect(at.due()).toEqual([]);
  });

  it('one that was merged may go', () => {
    at.list(modern('a', 1), full('x', 1));
    at.merge(modern('a', 1), full('x', 1));
    at.list(modern('a', 1), modern('a', 5, 1));
    expect(at.due()).toEqual([]);
  });

  it('after a time without listings in which instances may have come and gone, too', () => {
    at = new Driven({ awayMs: 60_000 });
    at.list(modern('a', 1));
    at.merge(modern('a', 1));
    at.nowMs += 59_000;
    at.list(modern('a', 5, 1));
    expect(at.due()).toEqual([]);
    at.nowMs += 60_000;
    at.list(modern('a', 5, 1));
    expect(at.due()).toEqual([[modern('a', 5, 1)]]);
  });
});

describe('legacy writers', () => {
  it('are other instances whose newest full snapshot lacks D1, and is not too old', () => {
    at.list(full('a', 1), modern('a', 2), full('b', 5), modern('c', 1), full('c', 6), full('me', 9));
    expect(at.index.legacyWriters(timeOf(0))).toEqual(['b', 'c']);
    expect(at.index.legacyWriters(timeOf(6))).toEqual(['c']);
    expect(at.index.legacyWriters(timeOf(7))).toEqual([]);
  });

  it('an instance that goes back to the reference is followed by its full snapshots', () => {
    at.list(modern('a', 1), delta('a', 1, 2));
    at.merge(modern('a', 1));
    at.merge(delta('a', 1, 2));
    at.list(modern('a', 1), delta('a', 1, 2), full('a', 3));
    expect(at.due()).toEqual([[full('a', 3)]]);
    at.merge(full('a', 3));
    at.list(full('a', 3), full('a', 4));
    expect(at.due()).toEqual([[full('a', 4)]]);
  });
});

describe('decision 12: only what the bucket shows', () => {
  const store = (name: string): void => at.index.addStored(parseSnapshotName(name), 10, at.nowMs);
  beforeEach(() => {
    at = new Driven({ missingGraceMs: 1500, staleListings: 1 });
    at.list();
    store(modern('me', 1));
  });

  it('our newest object missing from listings that began after the store is told, and breaks the chain', () => {
    at.list();
    at.list();
    // One listing in the grace, one stale.
    expect(at.index.ownMissing).toBeUndefined();
    at.list();
    expect(at.index.ownMissing).toEqual({ name: modern('me', 1), storedMs: 1000, listings: 2 });
    expect(at.index.ownChain().isBroken).toBe(true);
    at.list(modern('me', 1));
    expect([at.index.ownMissing, at.index.ownChain().isBroken]).toEqual([undefined, false]);
  });

  it('published again it is not missing any more', () => {
    for (let listing = 0; listing < 3; listing++) at.list();
    store(modern('me', 9));
    expect(at.index.ownMissing).toBeUndefined();
  });

  it('what a compacted delta or a newer full snapshot includes is not missing', () => {
    store(delta('me', 2, 3));
    for (let listing = 0; listing < 4; listing++) at.list(modern('me', 1), delta('me', 1, 3, 1));
    expect(at.index.ownMissing).toBeUndefined();
    for (let listing = 0; listing < 4; listing++) at.list(modern('me', 7));
    expect(at.index.ownMissing).toBeUndefined();
  });

  it('a delta that another one does not include is missing', () => {
    store(delta('me', 2, 3));
    for (let listing = 0; listing < 4; listing++) at.list(modern('me', 1), delta('me', 3, 4));
    expect(at.index.ownMissing?.name).toBe(delta('me', 2, 3));
  });
});
