import { describe, expect, it } from 'vitest';
import { parseSnapshotName, timestampFromMilli } from '../../../src/snapshot/index.ts';
import type { ObjectInfo } from '../../../src/storage/index.ts';
import {
  ChainIndex,
  cheapestPath,
  decideReplaced,
  FULL_TOKEN_BUCKET,
  type ListedObject,
  namesOf,
  nextTimeNano,
  planPublishing,
  type ReplacedSince,
  takeToken,
  tokenWaitMs,
} from '../../../src/sync/chain/index.ts';
import { delta, info, modern } from './support.ts';

const HOUR_MS = 3600_000;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const PARTS = { databaseName: 'main', instanceId: 'me', generationId: 'GX' };
const RECORD_BYTES = 60;
/** Of an object: gzip, the message's head, names. */
const OBJECT_BYTES = 250;
const DELTAS = { burst: 20, intervalMs: 1000 };
const FULLS = { burst: 1, intervalMs: 1000 };

interface Outcome {
  readonly deltaBytes: number;
  readonly fulls: number;
  readonly deltas: number;
  readonly mostListed: number;
  readonly longestJoin: number;
  readonly longestWaitMs: number;
}

/**
 * An hour of single changes by one instance, with the publishing side alone: plan, compaction, token buckets, removal of
 * what was replaced. A change is a key; compressing is left out, so that bytes are the worst case.
 */
function anHour(changesMs: readonly number[], keyOf: (change: number) => number, fullBytes: number): Outcome {
  const bucket = new Map<string, ObjectInfo>();
  const keysOf = new Map<string, ReadonlySet<number>>();
  const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'me' });
  let since: ReplacedSince = new Map();
  let [deltaTokens, fullTokens] = [FULL_TOKEN_BUCKET, FULL_TOKEN_BUCKET];
  let unpublished = new Set<number>();
  let oldestMs = 0;
  let newestNano = 0n;
  let lastFullMs = 0;
  let [deltaBytes, fulls, deltas, mostListed, longestJoin, longestWaitMs] = [0, 0, 0, 0, 0, 0];

  const store = (name: string | undefined, sizeBytes: number, keys: ReadonlySet<number>, nowMs: number): void => {
    if (!name) return;
    index.addOwn(name);
    bucket.set(name, { name, sizeBytes, modifiedMs: nowMs });
    keysOf.set(name, keys);
    index.addStored(parseSnapshotName(name), sizeBytes, nowMs);
  };
  const weigh = (keys: ReadonlySet<number>): number => OBJECT_BYTES + keys.size * RECORD_BYTES;

  const publish = (nowMs: number): void => {
    const plan = planPublishing({
      mode: 'auto',
      chain: index.ownChain(),
      unpublished: { hasChanges: unpublished.size > 0, estimatedBytes: weigh(unpublished), overflowed: false },
      hasLegacyWriter: false,
      sinceFullMs: nowMs - lastFullMs,
      forceIntervalMs: 4 * HOUR_MS,
      mayPublishDelta: tokenWaitMs(deltaTokens, DELTAS, nowMs) === 0,
      mayPublishFull: tokenWaitMs(fullTokens, FULLS, nowMs) === 0,
    });
    const names = namesOf(plan, PARTS, 'auto', nextTimeNano(timestampFromMilli(START_MS + nowMs), newestNano));
    if (!names.delta && !names.full) return;
    newestNano = names.newestNano;
    longestWaitMs = Math.max(longestWaitMs, nowMs - oldestMs);
    const all = new Set(unpublished);
    for (const { name } of plan.compaction?.replaces ?? []) for (const key of keysOf.get(name.full)!) all.add(key);
    if (names.delta) {
      deltas++;
      deltaBytes += weigh(unpublished);
      deltaTokens = takeToken(deltaTokens, DELTAS, nowMs);
    }
    if (names.compacted) deltaBytes += weigh(all);
    store(names.delta, weigh(unpublished), unpublished, nowMs);
    store(names.compacted, weigh(all), all, nowMs);
    if (names.full) {
      fulls++;
      fullTokens = takeToken(fullTokens, FULLS, nowMs);
      lastFullMs = nowMs;
      store(names.full, fullBytes, new Set(), nowMs);
    }
    unpublished = new Set();
  };

  const listAndRemove = (nowMs: number): void => {
    mostListed = Math.max(mostListed, bucket.size);
    index.update([...bucket.values()], { startedMs: nowMs, nowMs });
    const own: ListedObject[] = [...bucket.values()].map((one) => ({ ...one, name: parseSnapshotName(one.name) }));
    longestJoin = Math.max(longestJoin, index.ownChain().deltas.length + 1);
    const decision = decideReplaced(own, since, nowMs);
    since = decision.since;
    for (const name of decision.deletions) bucket.delete(name);
  };

  unpublished.add(-1);
  publish(0);
  let next = 0;
  for (let nowMs = 0; nowMs <= HOUR_MS + 60_000; nowMs += 100) {
    for (; next < changesMs.length && changesMs[next]! <= nowMs; next++) {
      if (unpublished.size === 0) oldestMs = nowMs;
      unpublished.add(keyOf(next));
    }
    publish(nowMs);
    if (nowMs % 1000 === 0) listAndRemove(nowMs);
  }
  expect(unpublished.size).toBe(0);
  expect([index.foreignOwnObject, index.ownMissing, index.ownChain().isBroken, index.due()]).toEqual([
    undefined,
    undefined,
    false,
    [],
  ]);
  return { deltaBytes, fulls, deltas, mostListed, longestJoin, longestWaitMs };
}

describe('bounds of an hour with 100,000 single changes', () => {
  const CHANGES = 100_000;
  const even = Array.from({ length: CHANGES }, (_, change) => (change * HOUR_MS) / CHANGES);
  const changedBytes = CHANGES * RECORD_BYTES;

  it.each<[string, (change: number) => number]>([
    ['each another key', (change) => change],
    ['a thousand keys', (change) => change % 1000],
    ['one key', () => 0],
  ])('%s, of a database of 40 MB', (_, keyOf) => {
    const outcome = anHour(even, keyOf, 40e6);
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    expect(outcome.mostListed).toBeLessThan(100);
    // 1 + 7 for each of the levels that 3,620 deltas need.
    expect(outcome.longestJoin).toBeLessThanOrEqual(1 + 7 * Math.ceil(Math.log(outcome.deltas) / Math.log(8)));
    expect(outcome.fulls).toBe(1);
    expect(outcome.longestWaitMs).toBeLessThanOrEqual(1000);
  });

  it('of a small database: full snapshots replace heavy chains, and are few', () => {
    const outcome = anHour(even, (change) => change % 20_000, 400e3);
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    // Each comes after deltas of at least 256 KiB.
    expect(outcome.fulls).toBeLessThanOrEqual(1 + outcome.deltaBytes / (256 * 1024));
    expect(outcome.mostListed - outcome.fulls).toBeLessThan(100);
  });

  it('bursts of 2,000 changes within two seconds', () => {
    const bursts = even.map((_, change) => Math.floor(change / 2000) * 72_000 + (change % 2000));
    const outcome = anHour(bursts, (change) => change, 40e6);
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    expect(outcome.mostListed).toBeLessThan(100);
    expect(outcome.longestWaitMs).toBeLessThanOrEqual(1000);
  });
});

describe('the price of listings', () => {
  it('each name is parsed once: an unchanged listing of 20,000 keeps what is known, and decides nothing anew', () => {
    const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'me' });
    const listing = [modern('a', 0), ...Array.from({ length: 20_000 }, (_, at) => delta('a', at, at + 1))].map((name) =>
      info(name),
    );
    index.update(listing, { startedMs: 0, nowMs: 0 });
    index.markMerged(index.due()[0]!.objects[0]!);
    const due = index.due();
    expect(due[0]!.objects).toHaveLength(20_000);
    index.update(listing, { startedMs: 1, nowMs: 1 });
    expect(index.due()).toBe(due);
  });

  it('a path through 20,000 overlapping deltas is found without trying all of them', () => {
    let looks = 0;
    const counted = (at: number): ListedObject => {
      const name = parseSnapshotName(delta('a', Math.max(0, at - 50), at + 1));
      return {
        name,
        modifiedMs: 0,
        get sizeBytes() {
          looks++;
          return 100;
        },
      };
    };
    const { steps } = cheapestPath(
      parseSnapshotName(modern('a', 0)).timestampNano,
      Array.from({ length: 20_000 }, (_, at) => counted(at)),
    );
    expect(steps).toHaveLength(Math.ceil(20_000 / 51));
    expect(looks).toBe(20_000);
  });
});
