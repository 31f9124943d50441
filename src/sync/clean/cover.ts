import type { SnapshotName } from '../../snapshot/index.ts';

/** Looks up since when a delta is included in another object; undefined: it is the only one that holds its stretch (I10). */
export type FindCover = (delta: SnapshotName) => number | undefined;

interface Cover {
  readonly object: SnapshotName;
  readonly seenMs: number;
}

/**
 * What holds all that a delta holds: a full snapshot at or after it, or a delta with an `F` at or before its own and a time
 * at or after its own. Of two deltas of one stretch neither includes the other, or both would go.
 * @param objects usable ones of one instance, each seen by an earlier run at `seenMs`
 */
export function coversOf(objects: readonly Cover[]): FindCover {
  const fulls = objects.filter(({ object }) => object.kind === 'snapshot').sort((a, b) => compareTime(b, a));
  // By time, newest first: the earliest sighting among those at or after each.
  const earliestMs: number[] = [];
  for (const { seenMs } of fulls) earliestMs.push(Math.min(seenMs, earliestMs.at(-1) ?? seenMs));
  const deltas = objects.filter(({ object }) => object.kind === 'delta').sort(byStretch);
  // By `F`: the delta that reaches farthest among those that begin no later.
  const farthest: Cover[] = [];
  for (const delta of deltas) {
    const before = farthest.at(-1);
    farthest.push(before && before.object.timestampNano >= delta.object.timestampNano ? before : delta);
  }
  return (delta) => {
    const nFulls = countWhile(fulls, ({ object }) => object.timestampNano >= delta.timestampNano);
    const nDeltas = countWhile(deltas, ({ object }) => object.previousTimestampNano! <= delta.previousTimestampNano!);
    const wide = nDeltas > 0 ? farthest[nDeltas - 1] : undefined;
    const byFullMs = nFulls > 0 ? earliestMs[nFulls - 1]! : Number.POSITIVE_INFINITY;
    const byDeltaMs = wide && includesStrictly(wide.object, delta) ? wide.seenMs : Number.POSITIVE_INFINITY;
    const sinceMs = Math.min(byFullMs, byDeltaMs);
    return Number.isFinite(sinceMs) ? sinceMs : undefined;
  };
}

/** @param wide begins no later than `narrow` */
function includesStrictly(wide: SnapshotName, narrow: SnapshotName): boolean {
  if (wide.timestampNano !== narrow.timestampNano) return wide.timestampNano > narrow.timestampNano;
  return wide.previousTimestampNano! < narrow.previousTimestampNano!;
}

/** How many from the front satisfy what all before the first other one satisfy. */
function countWhile<T>(sorted: readonly T[], holds: (value: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(sorted[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareTime(a: Cover, b: Cover): number {
  if (a.object.timestampNano === b.object.timestampNano) return 0;
  return a.object.timestampNano < b.object.timestampNano ? -1 : 1;
}

/** By the beginning of the stretch, the longer one of two first. */
function byStretch(a: Cover, b: Cover): number {
  const [fromA, fromB] = [a.object.previousTimestampNano!, b.object.previousTimestampNano!];
  if (fromA !== fromB) return fromA < fromB ? -1 : 1;
  return compareTime(b, a);
}
