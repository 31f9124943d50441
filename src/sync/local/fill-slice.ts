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
import type { FillPacking } from './fill-packing.ts';
import type { Held } from './held.ts';
import type { LocalKnowledge } from './local-knowledge.ts';
import { SliceTime } from './slice-time.ts';
import type { TrackerOptions } from './tracker-options.ts';

type Options = Pick<TrackerOptions, 'clock' | 'report' | 'lockMaxMs'>;

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

/** Fills shadows in slices of `lmdb_lock_max`, and tells how far it is. */
export class FillSlices {
  readonly #known: LocalKnowledge;
  readonly #time: SliceTime;
  readonly #tell: (left: Filling, view: DatabaseView) => void;
  readonly #packing: FillPacking | undefined;

  /** @param packing packs what is copied, if it is the first filling and begins at its beginning */
  constructor({ clock, report, lockMaxMs }: Options, known: LocalKnowledge, isPaged: boolean, packing?: FillPacking) {
    this.#known = known;
    // Without pages nothing tells what the application changed between two slices.
    this.#time = new SliceTime(clock, isPaged ? lockMaxMs : 0);
    this.#tell = fillProgress(clock, report);
    this.#packing = isPaged && known.isFirstMigration && !known.filling ? packing : undefined;
  }

  /** The lock was taken. @param isUndisturbed nobody has committed since the last slice, or since the look at the database */
  begin(isUndisturbed: boolean): void {
    this.#time.begin();
    this.#packing?.begin(isUndisturbed);
  }

  /**
   * While the very first filling is under way it leaves the marker, by which the next start knows after a kill that what is missing is
   * no change (decision 4).
   * @returns what is left to do; undefined: all is copied
   */
  fill(transaction: WriteTransaction, filling: Filling, view: DatabaseView, beside?: Beside): Filling | undefined {
    const known = this.#known;
    const packing = this.#packing;
    const writer = new FillWriter(transaction, beside);
    const isTimeUp = (): boolean => this.#time.isUp || packing?.isFull === true;
    fillShadows(filling, view, known.scope().times, packing?.beside(writer, view) ?? writer, isTimeUp);
    const { name, lastKey } = filling;
    if (name === undefined) {
      if (known.isMarked) removeFillMarker(transaction);
    } else if (known.isFirstMigration) writeFillMarker(transaction, { dbiName: name, lastKey }, beside?.txnId);
    this.#time.written();
    return name === undefined ? undefined : filling;
  }

  /** @returns whether all is copied; else the lock is to rest now */
  committed(left: Filling | undefined, base: Held): boolean {
    this.#packing?.committed(base.id);
    this.#known.filled(left);
    if (!left) return true;
    this.#tell(left, base.view);
    this.#time.committed();
    return false;
  }
}

/** Tells between two slices how far a filling is. It is given what is left to do, and what the last slice committed. */
function fillProgress(clock: Pick<Clock, 'monotonicMs'>, report: Report): (left: Filling, view: DatabaseView) => void {
  const pace = new ProgressPace(() => clock.monotonicMs());
  return ({ name }, view) => {
    const due = name === undefined ? undefined : pace.due();
    if (due === undefined || name === undefined) return;
    const filled = entriesView(view).dbis.get(SHADOW_PREFIX + name)?.entries ?? 0;
    report({ type: 'filling', dbi: name, filled, entries: view.dbis.get(name)?.entries ?? 0, ...due });
  };
}
