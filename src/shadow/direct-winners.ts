import type { WriteTransaction } from '../lmdb/index.ts';
import { PlanWriter } from './plan-writer.ts';
import type { PlannedDbi, PlannedWrite, WinnerSink } from './planned.ts';

/** Records between two calls of `tidy`: some 1 MB decoded. */
const TIDY_EVERY = 12_000;

/**
 * How writing while reading went. `complete`: it may be committed. `disordered`: a key may have come twice, and would have to be
 * compared with itself. `restarted`: the object came again from its start. After these two the transaction must be rolled back,
 * and the object read again into a plan.
 */
export type DirectOutcome = 'complete' | 'disordered' | 'restarted';

/** Writes winners while they are read, for a database that holds nothing yet: there is nothing to compare them with. */
export class DirectWinners implements WinnerSink {
  readonly dbis: PlannedDbi[] = [];
  readonly isOrdered = true;
  /** Entries written. */
  count = 0;
  outcome: DirectOutcome = 'complete';
  readonly #writer: PlanWriter;
  readonly #tidy: () => void;

  /** @param tidy called now and then, for the garbage of decoding */
  constructor(
    transaction: WriteTransaction,
    options: { readonly native: boolean; readonly extraBlocks: number },
    tidy: () => void,
  ) {
    this.#tidy = tidy;
    this.#writer = new PlanWriter(transaction, this, { ...options, ifTouched: 'decide-again' });
  }

  addDbi(dbi: PlannedDbi): number {
    return this.dbis.push(dbi) - 1;
  }

  add(write: PlannedWrite): void {
    if (this.outcome !== 'complete') return;
    this.#writer.write(write);
    this.count++;
    if (this.count % TIDY_EVERY === 0) this.#tidy();
  }

  noteDisorder(): void {
    if (this.outcome === 'complete') this.outcome = 'disordered';
  }

  restart(): void {
    this.outcome = 'restarted';
  }

  /** To be called after the last entry, before the commit. */
  finish(): void {
    if (this.outcome !== 'complete') throw new TypeError(`nothing to finish: ${this.outcome}`);
    this.#writer.openDbis();
    this.#writer.finish();
  }
}
