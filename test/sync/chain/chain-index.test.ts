import { beforeEach, describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import { ChainIndex } from '../../../src/sync/chain/index.ts';
import { Driven, delta, full, info, modern, timeOf } from './support.ts';

let at: Driven;
beforeEach(() => {
  at = new Driven();
});

describe('full snapshots alone', () => {
  it('one newest of each instance is due, our own first (I5)', () => {
    at.list(full('a', 1), full('a', 2), full('me', 1), full('z', 5));
    expect(at.due()).toEqual([[full('me', 1)], [full('a', 2)], [full('z', 5)]]);
    expect([...at.index.waitingFor()].sort()).toEqual(['a', 'me', 'z']);
    expect(at.index.instances()).toEqual(['a', 'me', 'z']);
    expect(at.index.ownListed().at(-1)?.name.full).toBe(full('me', 1));
  });

  it('what is merged is not due again, nor is what was listed with it and is older', () => {
    at.list(full('a', 1), full('a', 2));
    at.merge(full('a', 2));
    expect(at.due()).toEqual([]);
    at.list(full('a', 1), full('a', 2));
    expect(at.due()).toEqual([]);
    at.list(full('a', 1));
    expect(at.due()).toEqual([]);
    expect(at.index.merged.get('a')).toBe(timeOf(2));
  });

  it('decision 11: a refused object gives way to an older good one, and is never tried again', () => {
    const all = [full('a', 1), full('a', 2), full('a', 3)];
    at.list(...all);
    at.refuse(full('a', 3));
    expect(at.due()).toEqual([[full('a', 2)]]);
    at.refuse(full('a', 2));
    expect(at.due()).toEqual([[full('a', 1)]]);
    at.merge(full('a', 1));
    at.list(...all);
    at.list(...all);
    expect(at.due()).toEqual([]);
    expect([1, 2, 3].filter((time) => !at.index.isProven(full('a', time)))).toEqual([2, 3]);
    at.list(...all, full('a', 4));
    expect(at.due()).toEqual([[full('a', 4)]]);
  });

  it('only what was read proves anything about others (I10)', () => {
    expect(at.index.isProven(full('a', 1))).toBe(false);
    at.list(full('a', 1), full('a', 2));
    expect([1, 2].map((time) => at.index.isProven(full('a', time)))).toEqual([false, false]);
    at.merge(full('a', 2));
    expect([1, 2].map((time) => at.index.isProven(full('a', time)))).toEqual([true, true]);
    const delta = 'main__a__20260101-000000-000000001__GX__F20260101-000000-000000000.delta.pb.gz';
    const ofOthers = new ChainIndex({ databaseName: 'main', ownInstanceId: 'b', readsDeltas: false });
    expect([at.index.isProven(delta), ofOthers.isProven(delta)]).toEqual([false, true]);
  });

  it('a delta that need not be fetched proves nothing: nobody has read it (I10)', () => {
    const [first, second] = [delta('a', 1, 2), delta('a', 2, 3)];
    at.list(full('a', 1), first, second);
    for (const name of [full('a', 1), first, second]) at.merge(name);
    const compacted = delta('a', 1, 3, 1);
    const [promise, next] = [modern('a', 4, 3), delta('a', 4, 5)];
    at.list(full('a', 1), first, second, compacted, promise, next);
    expect(at.due()).toEqual([[next]]);
    at.merge(next);
    expect([first, second, compacted, promise].map((name) => at.index.isProven(name))).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it('a refusal holds for that size and time only', () => {
    at.list(info(full('a', 1), 10));
    at.refuse(full('a', 1));
    at.list(info(full('a', 1), 10));
    expect(at.due()).toEqual([]);
    at.list(info(full('a', 1), 20));
    expect(at.due()).toEqual([[full('a', 1)]]);
    expect(at.index.isProven(full('a', 1))).toBe(false);
    at.refuse(full('a', 1));
    at.list({ name: full('a', 1), sizeBytes: 20, modifiedMs: 2 });
    expect(at.due()).toEqual([[full('a', 1)]]);
  });

  it('what was refused is what was read, also when the object was replaced meanwhile', () => {
    at.list(info(full('a', 1), 10));
    const read = at.index.due()[0]!.objects[0]!;
    at.list(info(full('a', 1), 20));
    at.index.markRefused(read);
    expect(at.due()).toEqual([[full('a', 1)]]);
  });

  it('an instance of which everything is refused is not waited for', () => {
    at.list(full('a', 1));
    at.refuse(full('a', 1));
    expect([at.index.waitingFor().size, at.index.instances()]).toEqual([0, []]);
  });

  it('an object removed since the listing is not due; the one before it is', () => {
    at.list(full('a', 1), full('a', 2));
    at.gone(full('a', 2));
    expect(at.due()).toEqual([[full('a', 1)]]);
    at.gone(full('a', 1));
    expect(at.due()).toEqual([]);
  });

  it('decision 10: an object that arrives after a newer one was merged counts: its writer’s clock was set back', () => {
    at.list(full('a', 5));
    at.merge(full('a', 5));
    at.list(full('a', 2), full('a', 5));
    expect(at.due()).toEqual([[full('a', 2)]]);
    at.merge(full('a', 2));
    expect(at.due()).toEqual([]);
    expect(at.covered('a')).toBe(5);
  });

  it('decision 10: also when it arrives while the newer one is being loaded', () => {
    at.list(full('a', 5));
    at.list(full('a', 2), full('a', 5));
    at.merge(full('a', 5));
    expect(at.due()).toEqual([[full('a', 2)]]);
  });

  it('two of one time are both loaded', () => {
    const other = full('a', 5).replace('__GX', '__GY');
    at.list(full('a', 5), other);
    at.merge(other);
    expect(at.due()).toEqual([[full('a', 5)]]);
    at.merge(full('a', 5));
    expect(at.due()).toEqual([]);
  });

  it('foreign names are not due, and told once', () => {
    const names = ['main__notes.txt', 'main__x', full('a', 1).replace('main', 'main__b')];
    expect(at.list(...names)).toHaveLength(3);
    expect(at.list(...names)).toEqual([]);
    expect([at.due(), at.index.instances()]).toEqual([[], []]);
    at.list(full('a', 1).replace('main', 'other'));
    expect(at.due()).toEqual([]);
  });

  it('deltas: off takes no delta for an object, as the reference', () => {
    at = new Driven({ readsDeltas: false });
    at.list(delta('a', 1, 2), delta('me', 1, 2));
    expect([at.due(), at.index.ownListed().at(-1), at.index.gaps().open]).toEqual([[], undefined, []]);
    at.list(modern('a', 1), delta('a', 1, 2), modern('a', 3, 2));
    at.merge(modern('a', 1));
    expect(at.due()).toEqual([[modern('a', 3, 2)]]);
  });
});

describe('outdated objects', () => {
  it('are not loaded while somebody published since deletions are forgotten', () => {
    at.forgottenBeforeNano = timeOf(10);
    at.list(full('a', 5), delta('a', 5, 6), full('b', 12), full('me', 3));
    expect(at.due()).toEqual([[full('me', 3)], [full('b', 12)]]);
    expect(at.index.outdated()).toEqual([full('a', 5), delta('a', 5, 6)]);
    expect(at.index.gaps().open).toEqual([]);
  });

  it('are all there is where nobody has', () => {
    at.forgottenBeforeNano = timeOf(10);
    at.list(full('a', 5));
    expect(at.due()).toEqual([[full('a', 5)]]);
    at.list(full('a', 5), full('b', 12));
    expect(at.due()).toEqual([[full('b', 12)]]);
    at.refuse(full('b', 12));
    expect(at.due()).toEqual([[full('a', 5)]]);
  });

  it('become so while time goes by, without any change in the bucket', () => {
    at.list(full('a', 5), full('b', 12));
    at.forgottenBeforeNano = timeOf(10);
    at.list(full('a', 5), full('b', 12));
    expect(at.due()).toEqual([[full('b', 12)]]);
  });
});

describe('our own objects', () => {
  it('what we store is not due, and is not taken for a namesake’s', () => {
    at.list();
    at.index.addOwn(full('me', 7));
    at.list(full('me', 7));
    expect([at.due(), at.index.foreignOwnObject]).toEqual([[], undefined]);
  });

  it('also when a listing ends before the object is there', () => {
    at.list();
    at.index.addOwn(full('me', 7));
    at.list();
    at.list(full('me', 7));
    expect([at.due(), at.index.foreignOwnObject]).toEqual([[], undefined]);
  });

  it('also when a store that failed for us has reached the bucket, and a later one as well', () => {
    at.list(full('me', 1));
    at.merge(full('me', 1));
    for (const time of [7, 8, 9]) at.index.addOwn(full('me', time));
    at.list(full('me', 1));
    at.list(full('me', 1), full('me', 7), full('me', 9));
    expect([at.due(), at.index.foreignOwnObject]).toEqual([[], undefined]);
  });

  it('what was there at start is ours and due; what appears later and we did not write is a namesake’s, and due', () => {
    at.list(full('me', 1));
    at.merge(full('me', 1));
    expect(at.index.foreignOwnObject).toBeUndefined();
    at.list(full('me', 1), full('me', 3));
    expect(at.index.foreignOwnObject).toBe(full('me', 3));
    expect(at.due()).toEqual([[full('me', 3)]]);
  });

  it('an object of ours that was cleaned and put back by hand is no namesake’s', () => {
    at.list();
    at.index.addOwn(full('me', 7));
    at.list(full('me', 7));
    at.list();
    at.list(full('me', 7));
    expect(at.index.foreignOwnObject).toBeUndefined();
    at.list(full('me', 7), full('me', 8));
    expect(at.index.foreignOwnObject).toBe(full('me', 8));
  });

  it('remembers a bounded number of names that never arrived', () => {
    at.list();
    for (let time = 0; time < 10_050; time++) at.index.addOwn(full('me', time));
    at.list(full('me', 10_049));
    expect(at.index.foreignOwnObject).toBeUndefined();
    at.list(full('me', 10_049), full('me', 5));
    expect(at.index.foreignOwnObject).toBe(full('me', 5));
  });

  it('I5: at start our newest full snapshot and the deltas after it are due as those of others', () => {
    at.list(modern('me', 1), delta('me', 1, 2), delta('me', 2, 3));
    expect(at.due()).toEqual([[modern('me', 1)]]);
    at.merge(modern('me', 1));
    expect(at.due()).toEqual([[delta('me', 1, 2), delta('me', 2, 3)]]);
    at.merge(delta('me', 1, 2), delta('me', 2, 3));
    expect(at.due()).toEqual([]);
    expect(at.index.ownChain()).toMatchObject({ endNano: timeOf(3), newestNano: timeOf(3), isBroken: false });
  });

  it('our chain goes on with what is stored, before a listing shows it', () => {
    at.list();
    expect(at.index.ownChain()).toMatchObject({ full: undefined, isBroken: false, newestNano: 0n });
    const store = (name: string): void => {
      at.index.addOwn(name);
      at.index.addStored(parseSnapshotName(name), 100, at.nowMs);
    };
    store(modern('me', 1));
    store(delta('me', 1, 2));
    expect(at.index.ownChain()).toMatchObject({ endNano: timeOf(2), deltaBytes: 100, isBroken: false });
    expect(at.due()).toEqual([]);
    at.list(modern('me', 1), delta('me', 1, 2));
    expect(at.index.ownChain()).toMatchObject({ endNano: timeOf(2), deltaBytes: 100, isBroken: false });
    expect([at.due(), at.index.gaps().open]).toEqual([[], []]);
  });

  it('a listing that lacks what was published does not take our chain back; two of them break it', () => {
    at = new Driven({ missingGraceMs: 0 });
    at.list();
    for (const name of [modern('me', 1), delta('me', 1, 2), delta('me', 2, 3)]) {
      at.index.addStored(parseSnapshotName(name), 100, at.nowMs);
    }
    at.list(modern('me', 1), delta('me', 1, 2), delta('me', 2, 3));
    at.list(modern('me', 1), delta('me', 1, 2));
    // A delta after the second one would lack what went out with the third.
    expect(at.index.ownChain()).toMatchObject({ endNano: timeOf(3), isBroken: false });
    at.list(modern('me', 1), delta('me', 1, 2));
    expect(at.index.ownChain()).toMatchObject({ endNano: timeOf(2), isBroken: true });
  });

  it('an object of ours that is gone while it is loaded at start is not in our chain', () => {
    at.list(modern('me', 1), modern('me', 5));
    at.gone(modern('me', 5));
    expect(at.index.ownChain().full?.name.full).toBe(modern('me', 1));
  });
});
