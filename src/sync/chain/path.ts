import { type ListedObject, previousOf } from './listed.ts';

/** What a request costs, said in bytes: below that size the number of objects counts for more than what is in them. */
const REQUEST_BYTES = 16 * 1024;

export interface Path<T extends ListedObject> {
  /** The time up to which the objects lead, without a gap. */
  readonly endNano: bigint;
  /** In the order in which they continue each other. */
  readonly steps: readonly T[];
}

interface Stop<T> {
  readonly timeNano: bigint;
  readonly costBytes: number;
  readonly step: T | undefined;
  readonly before: Stop<T> | undefined;
}

/**
 * The cheapest way from C as far as the objects lead: an object with F ≤ C < T takes C to T. A full snapshot that promises
 * with `F` that nothing of its instance's own changed is a step that costs nothing, for it need not be fetched.
 * O(n log n).
 * @param objects of one instance, by time
 * @param isHere what was fetched before costs nothing
 */
export function cheapestPath<T extends ListedObject>(
  fromNano: bigint,
  objects: readonly T[],
  isHere: (object: T) => boolean = () => false,
): Path<T> {
  // A stop that is neither later nor cheaper than another can be left out, so that times and costs rise together.
  const useful: Stop<T>[] = [{ timeNano: fromNano, costBytes: 0, step: undefined, before: undefined }];
  let end = useful[0]!;
  for (let at = firstAfter(objects, fromNano); at < objects.length; ) {
    const timeNano = objects[at]!.name.timestampNano;
    let best: Stop<T> | undefined;
    for (; at < objects.length && objects[at]!.name.timestampNano === timeNano; at++) {
      const step = objects[at]!;
      const previousNano = previousOf(step);
      if (previousNano === undefined) continue;
      const before = cheapestFrom(useful, previousNano);
      if (!before) continue;
      const isFree = step.name.kind === 'snapshot' || isHere(step);
      const costBytes = before.costBytes + (isFree ? 0 : step.sizeBytes + REQUEST_BYTES);
      if (!best || costBytes < best.costBytes) best = { timeNano, costBytes, step, before };
    }
    if (!best) continue;
    while (useful.length > 0 && useful.at(-1)!.costBytes >= best.costBytes) useful.pop();
    useful.push(best);
    end = best;
  }
  const steps: T[] = [];
  for (let stop: Stop<T> | undefined = end; stop?.step; stop = stop.before) steps.push(stop.step);
  return { endNano: end.timeNano, steps: steps.reverse() };
}

/** Of the stops at or after a time the cheapest, which is the first of them. */
function cheapestFrom<T>(useful: readonly Stop<T>[], timeNano: bigint): Stop<T> | undefined {
  let low = 0;
  let high = useful.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (useful[middle]!.timeNano < timeNano) low = middle + 1;
    else high = middle;
  }
  return useful[low];
}

function firstAfter(objects: readonly ListedObject[], timeNano: bigint): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (objects[middle]!.name.timestampNano <= timeNano) low = middle + 1;
    else high = middle;
  }
  return low;
}
