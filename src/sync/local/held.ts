import type { ReadTransaction } from '../../lmdb/index.ts';
import type { DatabaseView, Snapshotted } from '../../shadow/index.ts';

/** A read transaction that is held, with what it sees. While it is held, no page it can reach is ever reused. */
export class Held implements Snapshotted {
  readonly id: number;
  readonly view: DatabaseView;
  readonly pages: Snapshotted['pages'];
  /** Wall clock before the transaction began: everything committed by then is in it. */
  readonly takenNano: bigint;
  readonly canBeBase = true;
  readonly #transaction: ReadTransaction;

  constructor(transaction: ReadTransaction, view: DatabaseView, pages: Snapshotted['pages'], takenNano: bigint) {
    this.#transaction = transaction;
    this.id = transaction.id;
    this.view = view;
    this.pages = pages;
    this.takenNano = takenNano;
  }

  release(): void {
    this.#transaction.abort();
  }

  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }
}

/** What a write transaction sees itself: neither outlives it nor can be the base. */
export interface Within extends Snapshotted {
  readonly canBeBase: false;
  release(): void;
}
