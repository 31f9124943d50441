import { type ListedObject, previousOf } from './listed.ts';

/** One object that takes the place of the newest deltas of a chain. */
export interface Compaction {
  /** `F` of the oldest that is replaced. */
  readonly previousNano: bigint;
  /** `L` of the new object. */
  readonly level: number;
  /** Those of the chain; the delta that is published with it is replaced as well, in the eyes of a joiner. */
  readonly replaces: readonly ListedObject[];
}

/**
 * So many deltas of one level become one of the next, as in an LSM tree: after n deltas a joiner reads fewer than
 * 8 × log8(n) + 8 objects, and each byte was written at most 1 + log8(n) times.
 */
export const DELTAS_PER_LEVEL = 8;

/** A higher one would not parse; 8 ** 20 deltas are not made in the lifetime of the hardware. */
const HIGHEST_LEVEL = 20;

/**
 * Whether a delta that is published now completes a level. What is merged always ends with the newest delta, and its entries
 * are taken from the very view of that delta: then they are exactly "as they are at T", no object is read back, and a
 * peer that follows need not fetch it, for it ends where that peer is already.
 *
 * A view of another moment would not do. An older T with entries of now would show a part of a later transaction to a
 * joiner (I9); the objects themselves would have to be fetched, and kept in memory or on disk.
 * @param deltas the chain without the new delta, oldest first
 */
export function compactionOf(deltas: readonly ListedObject[]): Compaction | undefined {
  let level = 0;
  let first = deltas.length;
  // Of the level, counted from the newest: at first the new delta alone, then the one object into which those below go.
  for (let inLevel = 1, at = deltas.length; level < HIGHEST_LEVEL; inLevel = 1) {
    // An older one of a lower level is what a compaction that failed has left: it goes with these.
    for (; at > 0 && deltas[at - 1]!.name.level <= level; at--) inLevel++;
    if (inLevel < DELTAS_PER_LEVEL) break;
    first = at;
    level++;
  }
  if (first === deltas.length) return undefined;
  const replaces = deltas.slice(first);
  return { previousNano: previousOf(replaces[0]!)!, level, replaces };
}
