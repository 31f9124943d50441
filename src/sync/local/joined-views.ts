import type { Snapshotted } from '../../shadow/index.ts';
import { Held } from './held.ts';
import type { Sidecar } from './sidecar.ts';
import type { Views } from './views.ts';

/**
 * Views of the application's LMDB, each joined with the sidecar as it was then (decision 16). One held transaction of the application's LMDB can
 * be joined with several states of the sidecar, and ends with the last of them.
 */
export class JoinedViews implements Views {
  readonly isPaged = true;
  readonly canReadBesideWriter = true;
  readonly #main: Views;
  readonly #sidecar: Sidecar;
  readonly #shared = new WeakMap<Held, Shared>();

  constructor(main: Views, sidecar: Sidecar) {
    this.#main = main;
    this.#sidecar = sidecar;
  }

  lastTxnId(): number {
    return this.#main.lastTxnId();
  }

  hold(): Held {
    return this.#join(new Shared(this.#main.hold()));
  }

  /** The application's LMDB alone. */
  holdMain(): Held {
    return this.#main.hold();
  }

  under(...[transaction]: Parameters<Views['under']>): Held {
    return this.#join(new Shared(this.#main.under(transaction) as Held));
  }

  /** The same transaction of the application's LMDB beside the sidecar as it is now; to be released, too. */
  refresh(held: Held): Held {
    return this.#join(this.#shared.get(held)!);
  }

  keep(): void {}

  beforeLock(): void {}

  readable(base: Held): Held {
    return base;
  }

  isTrusted(held: Held): boolean {
    return this.#main.isTrusted(held);
  }

  /** Nobody else writes to the sidecar. */
  canCompare(_base: Held, _under: Snapshotted): boolean {
    return true;
  }

  close(): void {
    this.#main.close();
  }

  #join(shared: Shared): Held {
    const { held } = shared;
    let side: ReturnType<Sidecar['hold']>;
    try {
      side = this.#sidecar.hold();
    } catch (error) {
      if (shared.count === 0) held.release();
      throw error;
    }
    shared.count++;
    let isOpen = true;
    const holder = {
      id: held.id,
      get isOpen() {
        return isOpen && held.isOpen;
      },
      forsake: () => held.forsake(),
      abort: () => {
        if (!isOpen) return;
        isOpen = false;
        side.release();
        shared.count--;
        if (shared.count === 0) held.release();
      },
    };
    const joined = new Held(holder, { ...held.view, sidecar: side.view }, held.pages, held.takenNano);
    this.#shared.set(joined, shared);
    return joined;
  }
}

class Shared {
  readonly held: Held;
  count = 0;

  constructor(held: Held) {
    this.held = held;
  }
}
