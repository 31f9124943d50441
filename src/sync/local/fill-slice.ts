import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  type DatabaseView,
  Filling,
  FillWriter,
  fillShadows,
  type LocalScope,
  removeFillMarker,
  writeFillMarker,
} from '../../shadow/index.ts';
import type { LocalKnowledge } from './local-knowledge.ts';

/** Copies DBIs into their empty shadows straight from what the writer builds on, all at once: a plan of them would only be a second copy. */
export function fillWhole(
  transaction: WriteTransaction,
  names: readonly string[],
  view: DatabaseView,
  { times }: LocalScope,
): void {
  if (names.length > 0) fillShadows(new Filling(names), view, times, new FillWriter(transaction), () => false);
}

/**
 * One slice of a filling. While the very first one is under way it leaves the marker, by which the next start knows after a kill that
 * what is missing is no change (decision 4).
 * @returns what is left to do; undefined: all is copied
 */
export function fillSlice(
  transaction: WriteTransaction,
  filling: Filling,
  view: DatabaseView,
  known: LocalKnowledge,
  isTimeUp: () => boolean,
): Filling | undefined {
  fillShadows(filling, view, known.scope().times, new FillWriter(transaction), isTimeUp);
  const { name, lastKey } = filling;
  if (name === undefined) {
    if (known.isMarked) removeFillMarker(transaction);
    return undefined;
  }
  if (known.isFirstMigration) writeFillMarker(transaction, { dbiName: name, lastKey });
  return filling;
}
