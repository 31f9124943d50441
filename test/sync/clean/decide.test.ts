import { beforeEach, describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import { decideCleaning, type Sighting } from '../../../src/sync/clean/index.ts';
import { at, Bucket, CONFIG, DAY_MS, deltaName, fullName, MINUTE_MS, nano } from './support.ts';

let bucket: Bucket;
beforeEach(() => {
  bucket = new Bucket();
});

const a = (time: string): string => fullName('a', at(time));
const aDelta = (time: string, previous: string): string => deltaName('a', at(time), at(previous));
const old = (time: string): string => fullName('old', at(time, 1));

describe('the reference (CLN-01 to CLN-05), in one go', () => {
  it('removes what is superseded and what is stale, at its times', () => {
    bucket.add(a('08:00'), a('08:01'), a('08:02'), a('08:03'), old('06:00'), old('07:00'));
    // CLN-01
    expect(bucket.clean(at('10:00'))).toEqual([]);
    expect(bucket.clean(at('10:01'))).toEqual([]);
    // CLN-02
    expect(bucket.clean(at('10:10:01'))).toEqual([
      { name: a('08:02'), reason: 'newer snapshot' },
      { name: a('08:01'), reason: 'newer snapshot' },
      { name: a('08:00'), reason: 'newer snapshot' },
      { name: old('06:00'), reason: 'newer snapshot' },
    ]);
    expect(bucket.left()).toEqual([a('08:03'), old('07:00')]);
    // CLN-03
    bucket.add(a('10:10:50'));
    expect(bucket.clean(at('10:11'))).toEqual([]);
    expect(bucket.clean(at('10:12'))).toEqual([{ name: a('08:03'), reason: 'newer snapshot' }]);
    // CLN-04
    bucket.included.set('old', nano(at('07:00', 1)));
    bucket.included.set('a', nano(at('10:10:50')));
    expect(bucket.clean(at('10:13'))).toEqual([{ name: old('07:00'), reason: 'stale instance' }]);
    // CLN-05
    bucket.add(old('05:00'));
    expect(bucket.clean(at('10:20'))).toEqual([]);
    expect(bucket.clean(at('10:30:01'))).toEqual([{ name: old('05:00'), reason: 'stale instance' }]);
    expect(bucket.left()).toEqual([a('10:10:50')]);
  });

  it('keeps for exactly must_keep_interval', () => {
    bucket.add(a('08:00'), a('08:01'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('10:10'))).toEqual([]);
    expect(bucket.clean(at('10:10') + 1)).toHaveLength(1);
  });

  it('forgets when it first saw an object that was gone in between', () => {
    bucket.add(a('08:00'), a('08:01'));
    bucket.clean(at('10:00'));
    bucket.names.delete(a('08:00'));
    bucket.clean(at('10:05'));
    bucket.add(a('08:00'));
    bucket.clean(at('10:09'));
    expect(bucket.clean(at('10:12'))).toEqual([]);
    expect(bucket.clean(at('10:19:01'))).toHaveLength(1);
  });
});

describe('newer by the time in the name, never by arrival (W1, CLN-06)', () => {
  it('an older object that shows up late costs the newest nothing', () => {
    bucket.add(a('09:00'));
    bucket.clean(at('10:00'));
    bucket.add(a('08:00'));
    expect(bucket.clean(at('10:25'))).toEqual([]);
    expect(bucket.clean(at('10:26'))).toEqual([]);
    expect(bucket.clean(at('10:35:01'))).toEqual([{ name: a('08:00'), reason: 'newer snapshot' }]);
    expect(bucket.left()).toEqual([a('09:00')]);
  });

  it('two full snapshots of one time both stay until a later one is there', () => {
    bucket.add(a('09:00'), fullName('a', at('09:00'), 'GY'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('11:00'))).toEqual([]);
    bucket.add(a('11:01'));
    bucket.clean(at('11:02'));
    expect(bucket.clean(at('11:03'))).toHaveLength(2);
  });

  it('an object that could not be used proves nothing about older ones, and goes when a later one is there', () => {
    bucket.add(a('08:00'), a('09:00'));
    bucket.unproven.add(a('09:00'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('11:00'))).toEqual([]);
    bucket.add(a('11:01'));
    bucket.clean(at('11:02'));
    expect(bucket.clean(at('11:03')).map(({ name }) => name)).toEqual([a('09:00'), a('08:00')]);
  });
});

describe('deltas', () => {
  it('never make a full snapshot removable, and stay after the newest one', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), aDelta('08:02', '08:01'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('10:30'))).toEqual([]);
    expect(bucket.clean(at('12:00'))).toEqual([]);
  });

  it('go when a full snapshot at or after them was there for must_keep_interval', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), aDelta('08:02', '08:01'), aDelta('08:03', '08:02'));
    bucket.clean(at('10:00'));
    bucket.add(a('08:02'));
    bucket.clean(at('10:20'));
    // The full snapshots follow the reference's rule (CLN-03), the deltas wait.
    expect(bucket.clean(at('10:21'))).toEqual([{ name: a('08:00'), reason: 'newer snapshot' }]);
    expect(bucket.clean(at('10:30'))).toEqual([]);
    expect(bucket.clean(at('10:30') + 1)).toEqual([
      { name: aDelta('08:02', '08:01'), reason: 'newer snapshot' },
      { name: aDelta('08:01', '08:00'), reason: 'newer snapshot' },
    ]);
    expect(bucket.left()).toEqual([a('08:02'), aDelta('08:03', '08:02')]);
  });

  it('do not pile up while full snapshots come faster than must_keep_interval', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'));
    for (let minute = 0; minute < 25; minute++) {
      bucket.add(fullName('a', at('10:00') + minute * MINUTE_MS));
      bucket.clean(at('10:00') + minute * MINUTE_MS);
      // Another machine's cleaner is always quicker: ours never meets a full snapshot of that age.
      for (const { full, kind, timestampNano } of bucket.listing()) {
        const ageMs = minute * MINUTE_MS - (Number(timestampNano / 1_000_000n) - at('10:00'));
        if (kind === 'snapshot' && ageMs > 5 * MINUTE_MS) bucket.names.delete(full);
      }
    }
    expect(bucket.left().filter((name) => name.includes('.delta.'))).toEqual([]);
  });

  it('go when a compacted delta with all of their stretch was there for must_keep_interval', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), aDelta('08:02', '08:01'), aDelta('08:03', '08:02'));
    bucket.clean(at('10:00'));
    bucket.add(aDelta('08:02', '08:00'));
    bucket.clean(at('10:20'));
    expect(bucket.clean(at('10:30'))).toEqual([]);
    expect(bucket.clean(at('10:30') + 1).map(({ name }) => name)).toEqual([
      aDelta('08:02', '08:01'),
      aDelta('08:01', '08:00'),
    ]);
    expect(bucket.clean(at('12:00'))).toEqual([]);
    expect(bucket.left()).toEqual([a('08:00'), aDelta('08:02', '08:00'), aDelta('08:03', '08:02')].sort());
  });

  it('of one stretch neither goes, nor what another one includes but for an end (I10)', () => {
    bucket.add(a('08:00'), aDelta('08:02', '08:00'), aDelta('08:02', '08:00').replace('__GX', '__GY'));
    bucket.add(aDelta('08:03', '08:01'), deltaName('b', at('08:01'), at('08:00')));
    bucket.clean(at('10:00'));
    bucket.clean(at('10:11'));
    expect(bucket.clean(at('12:00'))).toEqual([]);
  });

  it('go for no compacted delta that cannot be used, or that vanished again', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), aDelta('08:02', '08:00'));
    bucket.unproven.add(aDelta('08:02', '08:00'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('12:00'))).toEqual([]);
    bucket.unproven.clear();
    bucket.names.delete(aDelta('08:02', '08:00'));
    expect(bucket.clean(at('13:00'))).toEqual([]);
    // Back again, it is a new object: it must have been there for as long.
    bucket.add(aDelta('08:02', '08:00'));
    bucket.clean(at('14:00'));
    expect(bucket.clean(at('14:10'))).toEqual([]);
    expect(bucket.clean(at('14:10') + 1)).toHaveLength(1);
  });

  it('what a compacted delta includes is cleaned also when a wider one has taken its place meanwhile', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), aDelta('08:02', '08:00'));
    bucket.clean(at('10:00'));
    bucket.clean(at('10:05'));
    bucket.add(aDelta('08:03', '08:00'));
    bucket.clean(at('10:06'));
    bucket.names.delete(aDelta('08:02', '08:00'));
    expect(bucket.clean(at('10:11')).map(({ name }) => name)).toEqual([aDelta('08:01', '08:00')]);
  });

  it('stay while the full snapshot after them cannot be used', () => {
    bucket.add(a('08:00'), aDelta('08:01', '08:00'), a('08:02'));
    bucket.unproven.add(a('08:02'));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('12:00'))).toEqual([]);
  });
});

describe('stale instances', () => {
  const OWN = at('09:00');
  const last = at('09:00') - 7 * DAY_MS;

  beforeEach(() => {
    bucket.add(fullName('a', OWN), fullName('b', last), deltaName('b', last + 1000, last));
    bucket.included.set('a', nano(OWN));
    bucket.included.set('b', nano(last + 1000));
  });

  it('lose everything when their last word is in our full snapshot', () => {
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('11:00'))).toEqual([
      { name: deltaName('b', last + 1000, last), reason: 'stale instance' },
      { name: fullName('b', last), reason: 'stale instance' },
    ]);
  });

  it('are only those strictly older than the interval', () => {
    bucket.clean(OWN - 60 * MINUTE_MS);
    // The last word of `b` is a delta, a second after its full snapshot.
    expect(bucket.clean(OWN + 1000)).toEqual([]);
    expect(bucket.clean(OWN + 1001)).toHaveLength(2);
  });

  it.each([
    ['a delta of theirs was not merged', () => bucket.included.set('b', nano(last))],
    ['nothing of them was merged', () => bucket.included.delete('b')],
    ['we stored no full snapshot yet', () => bucket.included.delete('a')],
    ['our full snapshot is not in the bucket', () => bucket.names.delete(fullName('a', OWN))],
    ['the bucket holds an older one of ours only', () => bucket.included.set('a', nano(OWN + 1))],
    ['ours cannot be used', () => bucket.unproven.add(fullName('a', OWN))],
    ['they have spoken again', () => bucket.add(deltaName('b', OWN, last + 1000))],
  ])('stay when %s (I10)', (_, change) => {
    change();
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('11:00'))).toEqual([]);
  });

  it('are never ourselves', () => {
    bucket.names.clear();
    bucket.add(fullName('a', last));
    bucket.included.set('a', nano(last));
    bucket.clean(at('10:00'));
    expect(bucket.clean(at('11:00'))).toEqual([]);
  });

  it('two instances, both silent for long, do not remove each other', () => {
    const later = at('12:00') + 30 * DAY_MS;
    bucket.clean(later - DAY_MS);
    const seen = bucket.sightings;
    expect(bucket.clean(later, 'a')).toEqual([]);
    bucket.sightings = seen;
    bucket.included.set('b', nano(last));
    bucket.included.set('a', nano(OWN));
    expect(bucket.clean(later, 'b')).toEqual([]);
  });
});

describe('what a run knows', () => {
  const decide = (names: readonly string[], now: number, sightings: ReadonlyMap<string, Sighting> = new Map()) =>
    decideCleaning({
      now,
      ownInstanceId: 'a',
      listing: names.map(parseSnapshotName),
      sightings,
      included: new Map([['a', nano(at('09:00'))]]),
      config: CONFIG,
    });

  it('nothing needs to be refused, and only deltas are covered', () => {
    const names = [a('09:00'), aDelta('08:30', '08:00'), old('07:00')];
    const first = decide(names, at('09:01'));
    const second = decide(names, at('09:02'), first.sightings);
    expect(second.sightings.get(a('09:00'))).toEqual({ firstSeenMs: at('09:01') });
    expect(second.sightings.get(aDelta('08:30', '08:00'))).toEqual({
      firstSeenMs: at('09:01'),
      coveredSinceMs: at('09:01'),
    });
    expect(decide(names, at('09:30'), second.sightings).deletions).toEqual([
      { name: aDelta('08:30', '08:00'), reason: 'newer snapshot' },
    ]);
  });

  it('I10: a delta whose cover was gone in between waits anew', () => {
    const one = aDelta('08:30', '08:00');
    bucket.add(one, a('09:00'));
    bucket.clean(at('10:00'));
    bucket.clean(at('10:01'));
    bucket.names.delete(a('09:00'));
    bucket.clean(at('10:05'));
    bucket.add(a('09:00'));
    bucket.clean(at('10:06'));
    expect(bucket.clean(at('10:15'))).toEqual([]);
    expect(bucket.clean(at('10:17'))).toEqual([{ name: one, reason: 'newer snapshot' }]);
  });
});

describe('the order of deletions: a run that ends half way leaves no delta without those before it (I10)', () => {
  const sameTime = [aDelta('08:10', '08:05'), a('08:10')];
  const sameKind = [fullName('a', at('08:20'), 'GX'), fullName('a', at('08:20'), 'GY')];
  const names = [...sameKind, ...sameTime, aDelta('08:05', '08:00'), a('08:00'), fullName('b', at('08:15'))];
  const expected = [...sameKind, fullName('b', at('08:15')), ...sameTime, aDelta('08:05', '08:00'), a('08:00')];

  it.each([
    ['as they are', names],
    ['reversed', names.toReversed()],
    ['by name', names.toSorted()],
  ])('newest first, a delta before a full snapshot of its time, then by name: listed %s', (_, listing) => {
    bucket.add(...listing, a('09:00'), fullName('b', at('09:00')));
    bucket.clean(at('10:00'));
    bucket.clean(at('10:01'));
    expect(bucket.clean(at('10:20')).map(({ name }) => name)).toEqual(expected);
  });
});
