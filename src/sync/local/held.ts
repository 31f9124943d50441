import type { DatabaseView, Snapshotted } from '../../shadow/index.ts';

/** What holds a view: a read transaction or, where no slot of the reader table is free, the write lock. */
export interface Holder {
  /** Of the last commit that it sees. */
  readonly id: number;
  readonly isOpen: boolean;
  /** More than once does no harm. */
  abort(): void;
  /** Its slot of the reader table was cleared, and is somebody else's perhaps. */
  forsake?(): void;
}

/** A read transaction that is held, with what it sees. While it is held, no page it can reach is ever reused. */
export class Held implements Snapshotted {
  readonly id: number;
  readonly view: DatabaseView;
  readonly pages: Snapshotted['pages'];
  /** Wall clock before the transaction began: everything committed by then is in it. */
  readonly takenNano: bigint;
  readonly canBeBase = true;
  readonly #holder: Holder;

  constructor(holder: Holder, view: DatabaseView, pages: Snapshotted['pages'], takenNano: bigint) {
    this.#holder = holder;
    this.id = holder.id;
    this.view = view;
    this.pages = pages;
    this.takenNano = takenNano;
  }

  release(): void {
    this.#holder.abort();
  }

  /** To be called when its slot was cleared; to be released all the same. */
  forsake(): void {
    this.#holder.forsake?.();
  }

  get isOpen(): boolean {
    return this.#holder.isOpen;
  }
}

/** What a write transaction sees itself: neither outlives it nor can be the base. */
export interface Within extends Snapshotted {
  readonly canBeBase: false;
  release(): void;
}
