import { describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import { InstanceCoverage } from '../../../src/sync/chain/coverage.ts';
import { type Fate, TrackedObject } from '../../../src/sync/chain/listed.ts';
import { delta, full, info, modern } from './support.ts';

interface Known {
  readonly firstListing?: number;
  readonly fate?: Fate;
  readonly isForeign?: boolean;
  readonly isRefused?: boolean;
}

/** An object as the index keeps it. */
function tracked(name: string, known: Known = {}): TrackedObject {
  const { firstListing = 1, fate = 'new', isForeign = false, isRefused = false } = known;
  const object = new TrackedObject(parseSnapshotName(name), info(name), firstListing);
  Object.assign(object, { fate, isForeign });
  if (isRefused) object.refuse(object);
  return object;
}

const decide = (coverage: InstanceCoverage, objects: readonly TrackedObject[], listing = 1): void =>
  coverage.decide({ objects, listing, nowMs: listing * 1000, isOutdated: () => false });

const due = (coverage: InstanceCoverage): unknown[] =>
  coverage.batches.map(({ kind, objects }) => [kind, ...objects.map(({ name }) => name.full)]);

/** One that has merged a full snapshot of time 10. */
function joined(...others: TrackedObject[]): { coverage: InstanceCoverage; first: TrackedObject } {
  const coverage = new InstanceCoverage('a');
  const first = tracked(modern('a', 10));
  coverage.merged(first, [...others, first]);
  return { coverage, first };
}

describe('what is due of one instance', () => {
  it('is nothing at first', () => {
    const coverage = new InstanceCoverage('a');
    expect([coverage.batches, coverage.coveredNano, coverage.gap, coverage.healed]).toEqual([
      [],
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('a full snapshot is a batch of its own, deltas are one; each is named for what it is', () => {
    const coverage = new InstanceCoverage('a');
    decide(coverage, [tracked(modern('a', 10)), tracked(delta('a', 10, 11))]);
    expect(due(coverage)).toEqual([['snapshot', modern('a', 10)]]);
    const { coverage: second, first } = joined();
    decide(second, [first, tracked(delta('a', 10, 11)), tracked(delta('a', 11, 12))]);
    expect(due(second)).toEqual([['deltas', delta('a', 10, 11), delta('a', 11, 12)]]);
    expect(first.fate).toBe('merged');
  });

  it('nothing of a full snapshot that is here already, although it was not merged as one', () => {
    const coverage = new InstanceCoverage('a');
    decide(coverage, [tracked(modern('a', 10), { fate: 'merged' })]);
    expect(coverage.batches).toEqual([]);
  });

  it('without a full snapshot all deltas, but for those that are here', () => {
    const coverage = new InstanceCoverage('a');
    decide(coverage, [tracked(delta('a', 10, 11), { fate: 'merged' }), tracked(delta('a', 11, 12))]);
    expect(due(coverage)).toEqual([['deltas', delta('a', 11, 12)]]);
    expect(coverage.coveredNano).toBeUndefined();
  });

  it('of deltas beyond a gap that end together the longest alone', () => {
    const { coverage, first } = joined();
    const longest = delta('a', 20, 30, 1);
    decide(coverage, [
      first,
      tracked(delta('a', 25, 30)),
      tracked(longest),
      tracked(delta('a', 28, 30)),
      tracked(delta('a', 30, 31)),
    ]);
    expect(due(coverage)).toEqual([['deltas', longest, delta('a', 30, 31)]]);
  });
});

describe('objects of another process of our name', () => {
  it('count each by itself: what is here is not due, C does not move', () => {
    const { coverage, first } = joined();
    const foreign = [
      tracked(delta('a', 10, 12), { isForeign: true, fate: 'merged' }),
      tracked(delta('a', 12, 13), { isForeign: true }),
      tracked(full('a', 14), { isForeign: true }),
    ];
    decide(coverage, [first, ...foreign]);
    expect(due(coverage)).toEqual([
      ['deltas', delta('a', 12, 13)],
      ['snapshot', full('a', 14)],
    ]);
    coverage.merged(foreign[2]!, [first, ...foreign]);
    expect([foreign[2]!.fate, coverage.coveredNano]).toEqual(['merged', first.timeNano]);
  });
});

describe('what a merged object includes', () => {
  it('are older ones of an earlier or the same listing; not those that are here, foreign or refused', () => {
    const merged = tracked(delta('a', 1, 2), { fate: 'merged' });
    const foreign = tracked(delta('a', 2, 3), { isForeign: true });
    const refused = tracked(delta('a', 3, 4), { isRefused: true });
    const older = tracked(delta('a', 4, 5));
    const later = tracked(delta('a', 5, 6), { firstListing: 2 });
    joined(merged, foreign, refused, older, later);
    expect([merged, foreign, refused, older, later].map(({ fate }) => fate)).toEqual([
      'merged',
      'new',
      'new',
      'covered',
      'new',
    ]);
  });

  it('is nothing when it does not continue C: it came late', () => {
    const { coverage, first } = joined();
    const older = tracked(delta('a', 3, 4));
    const late = tracked(delta('a', 5, 6));
    coverage.merged(late, [older, late, first]);
    expect([older.fate, late.fate, coverage.coveredNano]).toEqual(['new', 'merged', first.timeNano]);
  });

  it('a promise that C passes over includes what was listed with it', () => {
    const { coverage, first } = joined();
    const older = tracked(delta('a', 5, 6), { firstListing: 2 });
    const promise = tracked(modern('a', 20, 10), { firstListing: 2 });
    decide(coverage, [older, first, promise], 2);
    expect([older.fate, coverage.coveredNano, coverage.batches]).toEqual(['covered', promise.timeNano, []]);
  });

  it('and what no promise passed over is due', () => {
    const { coverage, first } = joined();
    const older = tracked(delta('a', 5, 6), { firstListing: 2 });
    decide(coverage, [older, first], 2);
    expect([older.fate, due(coverage)]).toEqual(['new', [['deltas', delta('a', 5, 6)]]]);
  });
});
