import type { WriteTransaction } from '../../lmdb/index.ts';
import {
  type Beside,
  type DatabaseView,
  entriesView,
  Filling,
  FillWriter,
  fillShadows,
  type LocalScope,
  removeFillMarker,
  SHADOW_PREFIX,
  writeFillMarker,
} from '../../shadow/index.ts';
import { ProgressPace, type Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import type { LocalKnowledge } from './local-knowledge.ts';

/** Copies DBIs into their empty shadows straight from what the writer builds on, all at once: a plan of them would only be a second copy. */
export function fillWhole(
  transaction: WriteTransaction,
  names: readonly string[],
  view: DatabaseView,
  { times }: LocalScope,
  beside?: Beside,
): void {
  if (names.length > 0) fillShadows(new Filling(names), view, times, new FillWriter(transaction, beside), () => false);
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
  beside?: Beside,
): Filling | undefined {
  fillShadows(filling, view, known.scope().times, new FillWriter(transaction, beside), isTimeUp);
  const { name, lastKey } = filling;
  if (name === undefined) {
    if (known.isMarked) removeFillMarker(transaction);
    return undefined;
  }
  if (known.isFirstMigration) writeFillMarker(transaction, { dbiName: name, lastKey }, beside?.txnId);
  return filling;
}

/** Tells between two slices how far a filling is. It is given what is left to do, and what the last slice committed. */
export function fillProgress(
  clock: Pick<Clock, 'monotonicMs'>,
  report: Report,
): (left: Filling, view: DatabaseView) => void {
  const pace = new ProgressPace(() => clock.monotonicMs());
  return ({ name }, view) => {
    const due = name === undefined ? undefined : pace.due();
    if (due === undefined || name === undefined) return;
    const filled = entriesView(view).dbis.get(SHADOW_PREFIX + name)?.entries ?? 0;
    report({ type: 'filling', dbi: name, filled, entries: view.dbis.get(name)?.entries ?? 0, ...due });
  };
}
