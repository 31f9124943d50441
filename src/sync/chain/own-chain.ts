import { byTime, type ListedObject } from './listed.ts';
import { cheapestPath } from './path.ts';

/** Our objects as a joiner reads them: one full snapshot and the deltas that continue it. */
export interface OwnChain {
  readonly full: ListedObject | undefined;
  /** Oldest first; each continues the one before. */
  readonly deltas: readonly ListedObject[];
  /** All that was published of ours is in the chain up to here; 0 without a full snapshot. */
  readonly endNano: bigint;
  /** Something that was published is not in it: peers that join would lack it. */
  readonly isBroken: boolean;
  /** Of all our objects, usable or not; the next one's time is above it (decision 10). */
  readonly newestNano: bigint;
  /** What a joiner fetches besides the full snapshot. */
  readonly deltaBytes: number;
  /** Objects of another process under our name that brought something new, up to now. */
  readonly foreignNews: number;
}

/**
 * @param own all objects under our name that the bucket has, as far as we know, in any order
 * @param isUsable false for what could not be read
 */
export function ownChainOf(
  own: Iterable<ListedObject>,
  isUsable: (object: ListedObject) => boolean = () => true,
): OwnChain {
  const all = [...own].sort(byTime);
  const usable = all.filter(isUsable);
  const newestNano = all.at(-1)?.name.timestampNano ?? 0n;
  const full = usable.findLast(({ name }) => name.kind === 'snapshot');
  if (!full) {
    return { full, deltas: [], endNano: 0n, isBroken: all.length > 0, newestNano, deltaBytes: 0, foreignNews: 0 };
  }
  const { steps, endNano } = cheapestPath(full.name.timestampNano, usable);
  const deltaBytes = steps.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { full, deltas: steps, endNano, isBroken: endNano < newestNano, newestNano, deltaBytes, foreignNews: 0 };
}
