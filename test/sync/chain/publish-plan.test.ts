import { describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import {
  compactionOf,
  type ListedObject,
  namesOf,
  nextTimeNano,
  ownChainOf,
  type PublishInput,
  planPublishing,
} from '../../../src/sync/chain/index.ts';
import { delta, listed, modern, timeOf } from './support.ts';

const MIB = 1024 * 1024;
const NOTHING = { delta: undefined, compaction: undefined, full: undefined, waitsFor: undefined };
const PARTS = { databaseName: 'main', instanceId: 'me', generationId: 'GX' };

/** A chain of 10 MiB and some deltas of 1 KiB. */
const chainOf = (...names: string[]) =>
  ownChainOf([listed(modern('me', 10), 10 * MIB), ...names.map((name) => listed(name, 1024))]);

function input(over: Partial<PublishInput> = {}, changed: Partial<PublishInput['unpublished']> = {}): PublishInput {
  return {
    mode: 'auto',
    chain: chainOf(),
    unpublished: { hasChanges: true, estimatedBytes: 300, overflowed: false, ...changed },
    hasLegacyWriter: false,
    sinceFullMs: 1000,
    forceIntervalMs: 4 * 3600_000,
    mayPublishDelta: true,
    mayPublishFull: true,
    ...over,
  };
}
const unchanged = (over: Partial<PublishInput> = {}): PublishInput => input(over, { hasChanges: false });

describe('what is published', () => {
  it('nothing when nothing changed', () => {
    expect(planPublishing(unchanged())).toEqual(NOTHING);
  });

  it('nothing by an instance that has published nothing and changed nothing', () => {
    expect(planPublishing(unchanged({ chain: ownChainOf([]) }))).toEqual(NOTHING);
  });

  it('a change is a delta after the end of the chain', () => {
    const chain = chainOf(delta('me', 10, 11), delta('me', 11, 12));
    expect(planPublishing(input({ chain }))).toEqual({ ...NOTHING, delta: { previousNano: timeOf(12) } });
  });

  it('after an unbroken chain at start: a delta, not a full snapshot', () => {
    expect(planPublishing(input({ sinceFullMs: 0 })).full).toBeUndefined();
  });

  it.each<[string, PublishInput]>([
    ['first', input({ chain: ownChainOf([]) })],
    ['chain broken', input({ chain: chainOf(delta('me', 11, 12)) })],
    ['chain broken', unchanged({ chain: chainOf(delta('me', 11, 12)) })],
    ['first', unchanged({ chain: ownChainOf([listed(delta('me', 11, 12))]) })],
    ['key set overflowed', input({}, { overflowed: true })],
    ['large change', input({}, { estimatedBytes: 5 * MIB })],
  ])('a full snapshot without a promise, and no delta: %s', (reason, given) => {
    expect(planPublishing(given)).toEqual({ ...NOTHING, full: { previousNano: undefined, reason } });
    expect(planPublishing({ ...given, mayPublishFull: false })).toEqual({ ...NOTHING, waitsFor: 'full' });
  });

  it.each<[string, PublishInput]>([
    ['interval passed', input({ sinceFullMs: 4 * 3600_000 })],
    ['legacy writer', input({ hasLegacyWriter: true })],
    ['deltas weigh half', input({}, { estimatedBytes: 5 * MIB - 1 })],
  ])('a delta, and a full snapshot that promises nothing after it: %s', (reason, given) => {
    const chain = given.unpublished.estimatedBytes > MIB ? chainOf(delta('me', 10, 11)) : given.chain;
    const plan = planPublishing({ ...given, chain });
    expect(plan).toEqual({
      ...NOTHING,
      delta: { previousNano: chain.endNano },
      full: { previousNano: chain.endNano, reason },
    });
    // The delta does not wait for the full snapshot.
    expect(planPublishing({ ...given, chain, mayPublishFull: false })).toEqual({
      ...NOTHING,
      delta: { previousNano: chain.endNano },
      waitsFor: 'full',
    });
  });

  it('the interval passed without a change: a full snapshot with a promise', () => {
    const plan = planPublishing(unchanged({ sinceFullMs: 4 * 3600_000 }));
    expect(plan).toEqual({ ...NOTHING, full: { previousNano: timeOf(10), reason: 'interval passed' } });
    expect(planPublishing(unchanged({ sinceFullMs: 1e12, forceIntervalMs: 0 }))).toEqual(NOTHING);
  });

  it('a legacy writer that comes later gets what the deltas hold', () => {
    const given = unchanged({ hasLegacyWriter: true });
    expect(planPublishing(given)).toEqual(NOTHING);
    expect(planPublishing({ ...given, chain: chainOf(delta('me', 10, 11)) }).full?.reason).toBe('legacy writer');
  });

  it('a delta waits for its token, and nothing else is made of that change meanwhile', () => {
    expect(planPublishing(input({ mayPublishDelta: false, hasLegacyWriter: true }))).toEqual({
      ...NOTHING,
      waitsFor: 'delta',
    });
  });

  it('a small database is not published whole for a few deltas', () => {
    const chain = ownChainOf([listed(modern('me', 10), 1000), listed(delta('me', 10, 11), 1000)]);
    expect(planPublishing(input({ chain })).full).toBeUndefined();
  });

  it('a chain that no compaction shortened ends', () => {
    const names = Array.from({ length: 60 }, (_, index) => delta('me', 10 + index, 11 + index));
    expect(planPublishing(input({ chain: chainOf(...names) })).full?.reason).toBe('chain long');
  });

  it('deltas: off publishes as the reference', () => {
    const plan = planPublishing(input({ mode: 'off' }));
    expect(plan).toEqual({ ...NOTHING, full: { previousNano: undefined, reason: 'deltas off' } });
    expect(namesOf(plan, PARTS, 'off', timeOf(20)).full).toBe('main__me__20231114-221320-000000020__GX.pb.gz');
    expect(planPublishing(unchanged({ mode: 'off' }))).toEqual(NOTHING);
    expect(planPublishing(unchanged({ mode: 'off', sinceFullMs: 1e12 })).full?.reason).toBe('interval passed');
  });
});

describe('names', () => {
  it('the full snapshot follows its delta and promises nothing since', () => {
    const names = namesOf(planPublishing(input({ hasLegacyWriter: true })), PARTS, 'auto', timeOf(20));
    expect(names).toEqual({
      delta: delta('me', 10, 20),
      compacted: undefined,
      full: modern('me', 21, 20),
      newestNano: timeOf(21),
    });
  });

  it('without a delta it promises nothing since the end of the chain; or promises nothing at all', () => {
    const forced = planPublishing(unchanged({ sinceFullMs: 1e12 }));
    expect(namesOf(forced, PARTS, 'auto', timeOf(20)).full).toBe(modern('me', 20, 10));
    const first = planPublishing(input({ chain: ownChainOf([]) }));
    expect(namesOf(first, PARTS, 'auto', timeOf(20)).full).toBe(modern('me', 20));
  });

  it('a compacted delta ends where the delta ends', () => {
    const chain = chainOf(...Array.from({ length: 7 }, (_, index) => delta('me', 10 + index, 11 + index)));
    const names = namesOf(planPublishing(input({ chain })), PARTS, 'auto', timeOf(20));
    expect([names.delta, names.compacted]).toEqual([delta('me', 17, 20), delta('me', 10, 20, 1)]);
  });

  it('decision 10: times are above all of ours, whatever the clock says', () => {
    expect(nextTimeNano(50n, 20n)).toBe(50n);
    expect(nextTimeNano(20n, 20n)).toBe(21n);
    expect(nextTimeNano(3n, 20n)).toBe(21n);
    expect(nextTimeNano(3n, 0n)).toBe(3n);
  });
});

describe('our chain', () => {
  it('is the newest full snapshot and what continues it', () => {
    const chain = ownChainOf(
      [modern('me', 5), modern('me', 9), delta('me', 9, 10), delta('me', 5, 9)].map((n) => listed(n)),
    );
    expect(chain.full?.name.full).toBe(modern('me', 9));
    expect(chain.deltas.map(({ name }) => name.full)).toEqual([delta('me', 9, 10)]);
    expect(chain).toMatchObject({ endNano: timeOf(10), isBroken: false, deltaBytes: 100 });
  });

  it('is broken when something of ours is not in it', () => {
    const own = [modern('me', 5), delta('me', 5, 6), delta('me', 7, 8)].map((name) => listed(name));
    expect(ownChainOf(own)).toMatchObject({ endNano: timeOf(6), newestNano: timeOf(8), isBroken: true });
    expect(ownChainOf(own, ({ name }) => name.kind === 'snapshot').isBroken).toBe(true);
    expect(ownChainOf([listed(delta('me', 7, 8))])).toMatchObject({ full: undefined, isBroken: true, deltas: [] });
    expect(ownChainOf([])).toMatchObject({ full: undefined, isBroken: false, endNano: 0n });
  });
});

it('what could not be read is not in the chain, and breaks it', () => {
  const own = [modern('me', 5), delta('me', 5, 6)].map((name) => listed(name));
  expect(ownChainOf(own)).toMatchObject({ isBroken: false, endNano: timeOf(6) });
  const unread = ownChainOf(own, ({ name }) => name.kind === 'snapshot');
  expect(unread).toMatchObject({
    isBroken: true,
    endNano: timeOf(5),
    newestNano: timeOf(6),
    deltas: [],
    deltaBytes: 0,
  });
});

describe('compaction', () => {
  /** A chain of the given levels, oldest first. */
  const levels = (...of: number[]): ListedObject[] =>
    of.map((level, index) => listed(delta('me', 10 + index, 11 + index, level)));
  const shape = (...of: number[]) => {
    const compaction = compactionOf(levels(...of));
    return compaction && [compaction.level, compaction.replaces.length, compaction.previousNano - timeOf(10)];
  };
  const times = (count: number, level: number): number[] => Array<number>(count).fill(level);

  it.each<[number[], (number | bigint)[] | undefined]>([
    [[], undefined],
    [times(6, 0), undefined],
    [times(7, 0), [1, 7, 0n]],
    [[1, ...times(6, 0)], undefined],
    [
      [1, ...times(7, 0)],
      [1, 7, 1n],
    ],
    [
      [...times(7, 1), ...times(7, 0)],
      [2, 14, 0n],
    ],
    [
      [2, ...times(7, 1), ...times(7, 0)],
      [2, 14, 1n],
    ],
    [
      [...times(7, 2), ...times(7, 1), ...times(7, 0)],
      [3, 21, 0n],
    ],
    // What failed before goes with the next.
    [times(9, 0), [1, 9, 0n]],
    [
      [0, 0, 1, ...times(7, 0)],
      [1, 7, 3n],
    ],
    [
      [0, ...times(7, 1), ...times(7, 0)],
      [2, 15, 0n],
    ],
    // A level in between is missing.
    [
      [...times(7, 2), ...times(7, 0)],
      [1, 7, 7n],
    ],
  ])('of levels %j', (given, expected) => {
    expect(shape(...given)).toEqual(expected);
  });

  it('the new level parses back', () => {
    const compaction = compactionOf(levels(...times(7, 0)))!;
    const { name } = listed(delta('me', 10, 18, compaction.level));
    expect(parseSnapshotName(name.full).level).toBe(1);
  });
});
