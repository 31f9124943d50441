import { parseSnapshotName, timestampFromMilli } from '../../../src/snapshot/index.ts';
import type { ObjectInfo } from '../../../src/storage/index.ts';
import {
  ChainIndex,
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

export const HOUR_MS = 3600_000;
const START_MS = Date.parse('2026-01-01T00:00:00Z');
const PARTS = { databaseName: 'main', instanceId: 'me', generationId: 'GX' };
/** Of an object: gzip, the message's head, names. */
const OBJECT_BYTES = 250;
const DELTAS = { burst: 20, intervalMs: 1000 };
const FULLS = { burst: 1, intervalMs: 1000 };

export interface HourOutcome {
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
export function anHour(
  changesMs: readonly number[],
  keyOf: (change: number) => number,
  { recordBytes, fullBytes }: { recordBytes: number; fullBytes: number },
): HourOutcome {
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
  const weigh = (keys: ReadonlySet<number>): number => OBJECT_BYTES + keys.size * recordBytes;

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
  const wrong = [index.foreignOwnObject, index.ownMissing, ...index.due()].filter((one) => one !== undefined);
  if (unpublished.size > 0 || wrong.length > 0 || index.ownChain().isBroken) throw new Error('the chain does not hold');
  return { deltaBytes, fulls, deltas, mostListed, longestJoin, longestWaitMs };
}
