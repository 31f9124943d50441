import type { CleanupConfig } from '../../config/index.ts';
import { type SnapshotName, timestampFromMilli } from '../../snapshot/index.ts';
import { coversOf, type FindCover } from './cover.ts';

/** Why an object goes; also the `reason` label of the metric, in the reference's words. */
export type CleanReason = 'newer snapshot' | 'stale instance';

export interface CleanDeletion {
  readonly name: string;
  readonly reason: CleanReason;
}

/** What earlier runs know of a listed object. Milliseconds since 1970 UTC, by the clock given as `now`. */
export interface Sighting {
  readonly firstSeenMs: number;
  /** Deltas only: since when, without a break, usable objects that include it have been listed (`coversOf`). */
  readonly coveredSinceMs?: number;
}

export interface CleaningInput {
  /** Milliseconds since 1970 UTC. */
  readonly now: number;
  readonly ownInstanceId: string;
  /** Every object of one database, in any order. */
  readonly listing: readonly SnapshotName[];
  /** By object name; what the run before returned. Empty at first: a restart keeps everything for a while longer. */
  readonly sightings: ReadonlyMap<string, Sighting>;
  /**
   * Per instance: the timestamp of its newest object that was merged before our last stored full snapshot was encoded;
   * under our own id the timestamp of that full snapshot. Empty before the first one: no instance is stale then.
   */
  readonly included: ReadonlyMap<string, bigint>;
  /** False for what could not be used (decision 11), or what we have not read yet: it proves nothing about older ones. Default: true. */
  readonly isProven?: (full: string) => boolean;
  readonly config: Pick<CleanupConfig, 'mustKeepIntervalMs' | 'removeOldInstancesIntervalMs'>;
}

export interface CleaningDecision {
  /** Newest first, so that a run that ends half way never leaves a delta without those before it. */
  readonly deletions: readonly CleanDeletion[];
  /** For the next run: exactly the objects of this listing. */
  readonly sightings: ReadonlyMap<string, Sighting>;
}

/**
 * Which objects of a bucket nobody needs any more (CLN-01 to CLN-08; I10). Only an object seen for longer than
 * `must_keep_interval` goes, and only
 * - a full snapshot, when a strictly newer full one of its instance was listed by an earlier run already;
 * - a delta, when a full snapshot at or after it, or a compacted delta with all of its stretch, has been there for longer
 *   than `must_keep_interval`;
 * - anything of a stale instance: see `isStale`.
 *
 * "Newer" is judged by the time in the name, never by arrival: an old object that shows up late costs the newest
 * nothing (the reference deletes the newest then: W1, CLN-06). The newest full snapshot of an instance and all of the
 * stretches that deltas hold after it stay, unless the instance is stale.
 */
export function decideCleaning(input: CleaningInput): CleaningDecision {
  const { now, listing, config, isProven = () => true } = input;
  const sightings = new Map<string, Sighting>();
  const condemned: { readonly object: SnapshotName; readonly reason: CleanReason }[] = [];
  const mayJudgeStale = hasFreshOwnSnapshot(input);
  for (const [instanceId, objects] of byInstance(listing)) {
    const known = objects.filter(({ full }) => input.sightings.has(full) && isProven(full));
    const newestKnown = newestTime(known.filter(({ kind }) => kind === 'snapshot'));
    const findCover = coversOf(
      known.map((object) => ({ object, seenMs: input.sightings.get(object.full)!.firstSeenMs })),
    );
    const stale = mayJudgeStale && instanceId !== input.ownInstanceId && isStale(objects, input);
    for (const object of objects) {
      const sighting = look(object, input, findCover);
      sightings.set(object.full, sighting);
      if (!(now - sighting.firstSeenMs > config.mustKeepIntervalMs)) continue;
      if (stale) condemned.push({ object, reason: 'stale instance' });
      else if (isSuperseded(object, sighting, newestKnown, input)) condemned.push({ object, reason: 'newer snapshot' });
    }
  }
  condemned.sort((a, b) => newestFirst(a.object, b.object));
  return { deletions: condemned.map(({ object, reason }) => ({ name: object.full, reason })), sightings };
}

function look(object: SnapshotName, { now, sightings }: CleaningInput, findCover: FindCover): Sighting {
  const before = sightings.get(object.full);
  const firstSeenMs = before?.firstSeenMs ?? now;
  const coveredSinceMs = object.kind === 'delta' ? findCover(object) : undefined;
  if (coveredSinceMs === undefined) return { firstSeenMs };
  return { firstSeenMs, coveredSinceMs: before?.coveredSinceMs ?? coveredSinceMs };
}

function isSuperseded(
  object: SnapshotName,
  { coveredSinceMs }: Sighting,
  newestKnown: bigint | undefined,
  { now, config }: CleaningInput,
): boolean {
  if (object.kind === 'snapshot') return newestKnown !== undefined && object.timestampNano < newestKnown;
  return coveredSinceMs !== undefined && now - coveredSinceMs > config.mustKeepIntervalMs;
}

/**
 * An instance that has been silent for longer than `remove_old_instances_interval`, and whose last word is part of our
 * last full snapshot (I10).
 */
function isStale(objects: readonly SnapshotName[], input: CleaningInput): boolean {
  const newest = newestTime(objects)!;
  const merged = input.included.get(objects[0]!.instanceId);
  return isOld(newest, input) && merged !== undefined && newest <= merged;
}

/**
 * Our full snapshot, which takes the place of what is removed, must be in the bucket and must not look stale itself:
 * two silent instances would else remove each other, and with them the last copy in the bucket (I10).
 */
function hasFreshOwnSnapshot(input: CleaningInput): boolean {
  const stored = input.included.get(input.ownInstanceId);
  if (stored === undefined) return false;
  return input.listing.some(
    ({ instanceId, kind, full, timestampNano }) =>
      instanceId === input.ownInstanceId &&
      kind === 'snapshot' &&
      timestampNano >= stored &&
      !isOld(timestampNano, input) &&
      (input.isProven?.(full) ?? true),
  );
}

function isOld(timestampNano: bigint, { now, config }: CleaningInput): boolean {
  return timestampNano < timestampFromMilli(now - config.removeOldInstancesIntervalMs);
}

function newestTime(objects: readonly SnapshotName[]): bigint | undefined {
  let newest: bigint | undefined;
  for (const { timestampNano } of objects) if (newest === undefined || timestampNano > newest) newest = timestampNano;
  return newest;
}

function byInstance(listing: readonly SnapshotName[]): ReadonlyMap<string, readonly SnapshotName[]> {
  const groups = new Map<string, SnapshotName[]>();
  for (const object of listing) {
    const group = groups.get(object.instanceId);
    if (group) group.push(object);
    else groups.set(object.instanceId, [object]);
  }
  return groups;
}

/** By time, a full snapshot after a delta of the same time; then by name, so that the order is always the same. */
function newestFirst(a: SnapshotName, b: SnapshotName): number {
  if (a.timestampNano !== b.timestampNano) return a.timestampNano > b.timestampNano ? -1 : 1;
  if (a.kind !== b.kind) return a.kind === 'delta' ? -1 : 1;
  return a.full < b.full ? -1 : 1;
}
