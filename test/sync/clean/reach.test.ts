import { expect, it } from 'vitest';
import { parseSnapshotName, type SnapshotName } from '../../../src/snapshot/index.ts';
import { decideReplaced, type ReplacedSince } from '../../../src/sync/chain/index.ts';
import { decideCleaning, type Sighting } from '../../../src/sync/clean/index.ts';
import { at, CONFIG, deltaName, fullName, MINUTE_MS } from './support.ts';

const T = at('09:00');
const full = (time: number): string => fullName('b', T + time);
const delta = (time: number, from: number): string => deltaName('b', T + time, T + from);

/** Of instance `b`: a full snapshot, three deltas, two compacted ones, a later full snapshot and a delta across it. */
const OBJECTS = [full(0), delta(1, 0), delta(2, 1), delta(3, 2), delta(2, 0), delta(3, 0), full(3), delta(4, 3)];

/** How far a joiner gets, by trying every object again and again: no idea in common with what is tested. */
function reachOf(names: Iterable<string>): bigint {
  const objects = [...names].map(parseSnapshotName);
  let reach = -1n;
  for (const { kind, timestampNano } of objects)
    if (kind === 'snapshot' && timestampNano > reach) reach = timestampNano;
  const continues = ({ kind, timestampNano, previousTimestampNano }: SnapshotName): boolean =>
    kind === 'delta' && previousTimestampNano! <= reach && reach < timestampNano;
  for (let next = objects.find(continues); next; next = objects.find(continues)) reach = next.timestampNano;
  return reach;
}

/** All that a peer gets who has merged everything up to a time. */
function reachFrom(timeNano: bigint, names: Iterable<string>): bigint {
  const objects = [...names].map(parseSnapshotName);
  let reach = timeNano;
  for (let grew = true; grew; ) {
    grew = false;
    for (const { kind, timestampNano, previousTimestampNano } of objects) {
      if (timestampNano <= reach || (kind === 'delta' && previousTimestampNano! > reach)) continue;
      reach = timestampNano;
      grew = true;
    }
  }
  return reach;
}

function* orders<V>(values: readonly V[]): Generator<V[]> {
  if (values.length === 0) yield [];
  for (const [index, value] of values.entries()) {
    for (const rest of orders(values.toSpliced(index, 1))) yield [value, ...rest];
  }
}

function* subsets<V>(values: readonly V[], size: number, from = 0): Generator<V[]> {
  if (size === 0) yield [];
  for (let at = from; size > 0 && at < values.length; at++) {
    for (const rest of subsets(values, size - 1, at + 1)) yield [values[at]!, ...rest];
  }
}

it('I10: every order of arrival of any five objects, two cleaners and their writer: no cleaning costs anyone a stretch', () => {
  let histories = 0;
  let removed = 0;
  for (const chosen of subsets(OBJECTS, 5)) {
    for (const order of orders(chosen)) {
      histories++;
      const bucket = new Set<string>();
      const sightings = new Map<string, ReadonlyMap<string, Sighting>>();
      let since: ReplacedSince = new Map();
      const act = (nowMs: number, which: number): void => {
        const before = new Set(bucket);
        let deletions: readonly string[];
        if (which === 2) {
          const own = [...bucket].map((name) => ({ name: parseSnapshotName(name), sizeBytes: 1, modifiedMs: 0 }));
          const decision = decideReplaced(own, since, nowMs, { keepMs: MINUTE_MS });
          since = decision.since;
          deletions = decision.deletions;
        } else {
          const id = which === 0 ? 'a' : 'c';
          const decision = decideCleaning({
            now: nowMs,
            ownInstanceId: id,
            listing: [...bucket].map(parseSnapshotName),
            sightings: sightings.get(id) ?? new Map(),
            included: new Map(),
            config: CONFIG,
          });
          sightings.set(id, decision.sightings);
          deletions = decision.deletions.map(({ name }) => name);
        }
        for (const name of deletions) {
          bucket.delete(name);
          removed++;
          // Also a run that ends half way.
          if (reachOf(bucket) !== reachOf(before)) expect.fail(`${name} was needed, of ${[...before].join(' ')}`);
          for (let time = 0; time < 5; time++) {
            const nano = parseSnapshotName(full(time)).timestampNano;
            if (reachFrom(nano, bucket) < reachFrom(nano, before)) expect.fail(`${name} was needed by who has ${time}`);
          }
        }
      };
      let nowMs = T + 60 * MINUTE_MS;
      for (const name of [...order, undefined, undefined, undefined]) {
        if (name) bucket.add(name);
        nowMs += 4 * MINUTE_MS;
        act(nowMs, histories % 3);
        act(nowMs + 1, (histories + 1) % 3);
        act(nowMs + 2, (histories + 2) % 3);
      }
    }
  }
  expect(histories).toBe(56 * 120);
  expect(removed).toBeGreaterThan(1000);
});
