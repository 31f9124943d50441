import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSnapshotName, type SnapshotName } from '../../../src/snapshot/index.ts';
import { at, Bucket, CONFIG, DAY_MS, deltaName, fullName, MINUTE_MS, nano } from './support.ts';

const START = at('10:00');
const INSTANCES = ['a', 'b', 'c'] as const;

/** Times around the limit for old instances, some of them equal. */
const nameTime = fc.oneof(
  fc.integer({ min: 0, max: 12 }).map((step) => START - step * MINUTE_MS),
  fc.integer({ min: -3, max: 3 }).map((step) => START - 7 * DAY_MS + step * 10 * MINUTE_MS),
  fc.integer({ min: 0, max: 3 }).map((step) => START - 20 * DAY_MS + step * MINUTE_MS),
);
const object = fc
  .record({
    instanceId: fc.constantFrom(...INSTANCES),
    timeMs: nameTime,
    delta: fc.boolean(),
    stretchMs: fc.constantFrom(1000, 1000, MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, DAY_MS),
  })
  .map(({ instanceId, timeMs, delta, stretchMs }) =>
    delta ? deltaName(instanceId, timeMs, timeMs - stretchMs) : fullName(instanceId, timeMs),
  );
const history = fc.record({
  objects: fc.uniqueArray(object, { maxLength: 14 }),
  arrivals: fc.array(fc.nat(60), { minLength: 14, maxLength: 14 }),
  included: fc.array(fc.tuple(fc.constantFrom(...INSTANCES), nameTime), { maxLength: 3 }),
  runs: fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 3, maxLength: 20 }),
});

function newest(objects: readonly SnapshotName[]): bigint {
  let most = -1n;
  for (const { timestampNano } of objects) if (timestampNano > most) most = timestampNano;
  return most;
}

/** A delta that holds all of another one, and more. */
function includes(wide: SnapshotName, narrow: SnapshotName): boolean {
  if (wide.kind !== 'delta' || wide.instanceId !== narrow.instanceId) return false;
  const [from, fromNarrow] = [wide.previousTimestampNano!, narrow.previousTimestampNano!];
  const isLonger = from < fromNarrow || wide.timestampNano > narrow.timestampNano;
  return from <= fromNarrow && wide.timestampNano >= narrow.timestampNano && isLonger;
}

const ofInstance = (objects: readonly SnapshotName[], id: string): SnapshotName[] =>
  objects.filter(({ instanceId }) => instanceId === id);
const fulls = (objects: readonly SnapshotName[]): SnapshotName[] => objects.filter(({ kind }) => kind === 'snapshot');

describe('I10: any history of arrivals and runs', () => {
  it('never costs an instance its newest content, unless it is stale and committed', () => {
    fc.assert(
      fc.property(history, ({ objects, arrivals, included, runs }) => {
        const bucket = new Bucket();
        for (const [id, timeMs] of included) bucket.included.set(id, nano(timeMs));
        const arrivedMs = new Map<string, number>();
        let nowMs = START;
        for (const stepMinutes of runs) {
          nowMs += stepMinutes * MINUTE_MS;
          for (const [index, name] of objects.entries()) {
            const arrivesMs = START + arrivals[index]! * MINUTE_MS;
            if (arrivesMs > nowMs || arrivedMs.has(name)) continue;
            arrivedMs.set(name, arrivesMs);
            bucket.add(name);
          }
          const before = bucket.listing();
          const deletions = bucket.clean(nowMs);
          const after = bucket.listing();
          for (const { name, reason } of deletions) {
            expect(nowMs - arrivedMs.get(name)!).toBeGreaterThan(CONFIG.mustKeepIntervalMs);
            const gone = parseSnapshotName(name);
            const others = ofInstance(before, gone.instanceId);
            if (reason === 'newer snapshot') {
              const kept = newest(fulls(ofInstance(after, gone.instanceId)));
              if (gone.kind === 'snapshot') expect(kept).toBeGreaterThan(gone.timestampNano);
              else {
                const isIncluded = ofInstance(after, gone.instanceId).some((other) => includes(other, gone));
                expect(kept >= gone.timestampNano || isIncluded).toBe(true);
              }
            } else {
              expect(gone.instanceId).not.toBe('a');
              expect(bucket.included.get(gone.instanceId)).toBeGreaterThanOrEqual(newest(others));
              expect(newest(others)).toBeLessThan(nano(nowMs - CONFIG.removeOldInstancesIntervalMs));
              const own = newest(fulls(ofInstance(after, 'a')));
              expect(own).toBeGreaterThanOrEqual(bucket.included.get('a')!);
              expect(own).toBeGreaterThanOrEqual(nano(nowMs - CONFIG.removeOldInstancesIntervalMs));
            }
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('leaves the same objects in whatever order they arrived, and nothing more to remove', () => {
    fc.assert(
      fc.property(history, fc.array(fc.nat(60), { minLength: 14, maxLength: 14 }), ({ objects, arrivals }, others) => {
        const settle = (minutes: readonly number[]): string[] => {
          const bucket = new Bucket();
          for (let minute = 0; minute <= 90; minute += 4) {
            bucket.add(...objects.filter((_, index) => minutes[index]! > minute - 4 && minutes[index]! <= minute));
            bucket.clean(START + minute * MINUTE_MS);
          }
          expect(bucket.clean(START + 91 * MINUTE_MS)).toEqual([]);
          return bucket.left();
        };
        const left = settle(arrivals);
        expect(settle(others)).toEqual(left);
        expect(left).toEqual(expectedLeft(objects).sort());
      }),
      { numRuns: 250 },
    );
  });
});

/** Written from the rule itself: the newest full snapshot of each instance, and the widest deltas that end after it. */
function expectedLeft(objects: readonly string[]): string[] {
  const parsed = objects.map(parseSnapshotName);
  return parsed
    .filter((object) => {
      const { instanceId, kind, timestampNano } = object;
      const last = newest(fulls(ofInstance(parsed, instanceId)));
      if (kind === 'snapshot') return timestampNano === last;
      return timestampNano > last && !parsed.some((other) => includes(other, object));
    })
    .map(({ full }) => full);
}
