import { ReadersFullError } from '../../lmdb/index.ts';
import type { ChangeOrigin } from '../status/index.ts';
import { type ChangeTeller, LOCAL } from './change-teller.ts';
import type { Held, Within } from './held.ts';
import type { Views } from './views.ts';

/** Where a commit of ours has left the base. */
export interface Moved {
  /** The view from under the lock is the base now, or was released: it is no longer the caller's. */
  readonly keepsUnder: boolean;
  /** Nothing was held that could tell what came between our commit and the base. */
  readonly hasGap: boolean;
}

/** The held transaction in which main and shadow last agreed, and how it moves on. */
export class Base {
  readonly #teller: ChangeTeller | undefined;
  #held: Held | undefined;
  #isBehind = false;
  /** Whose changes our commit brought that the base does not show yet. */
  #behind: ChangeOrigin | undefined;

  /** @param teller told of every move, while both views are held */
  constructor(teller?: ChangeTeller) {
    this.#teller = teller;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** Whether this is the base, taken before our own last commit since somebody else's came right after that. */
  isBehind(held: Held): boolean {
    return this.#isBehind && held === this.#held;
  }

  /** @param seen the same transaction of main, with the entries as they were before its changes were recorded */
  set(held: Held, views: Views, seen: Held = held): void {
    this.#move(held, views, [LOCAL], seen);
    this.#teller?.flush(held.id);
  }

  /**
   * The next base, after our commit `txnId`. A reader begun right after it that has its id saw nobody else, and is the better one.
   * With another id somebody has committed in between: the reader from under the lock is the base then, so that the next round
   * looks at that commit.
   */
  moveOn(txnId: number, under: Held | Within | undefined, views: Views): Moved {
    const moved = this.#moveOn(txnId, under, views);
    this.#teller?.flush(this.#held!.id);
    return moved;
  }

  #moveOn(txnId: number, under: Held | Within | undefined, views: Views): Moved {
    const writer = this.#teller?.writer;
    if (!under?.canBeBase) {
      const after = views.hold();
      this.#move(after, views, [writer]);
      return { keepsUnder: false, hasGap: after.id !== txnId };
    }
    // At once: it gives a slot of the reader table back before another one is taken.
    this.#move(under, views, [LOCAL]);
    this.#isBehind = true;
    this.#behind = writer;
    const after = holdIfFree(views);
    if (after?.id === txnId) {
      this.#isBehind = false;
      this.#move(after, views, [writer]);
    } else after?.release();
    return { keepsUnder: true, hasGap: false };
  }

  #move(held: Held, views: Views, origins: readonly (ChangeOrigin | undefined)[], seen: Held = held): void {
    const before = this.#held;
    if (before !== held) {
      const all = this.#isBehind && this.#behind?.kind === 'remote' ? [this.#behind, ...origins] : origins;
      this.#teller?.moved(before, seen, all, () => before !== undefined && views.isTrusted(before));
      before?.release();
    }
    this.#held = held;
    this.#isBehind = false;
    views.keep(held);
  }

  /** What changed until the next base is set is not known then. */
  drop(): void {
    if (this.#held) this.#teller?.lost();
    this.#held?.release();
    this.#held = undefined;
  }
}

/** A full reader table is no reason to fail after a commit. */
export function holdIfFree(views: Pick<Views, 'hold'>): Held | undefined {
  try {
    return views.hold();
  } catch (error) {
    if (error instanceof ReadersFullError) return undefined;
    throw error;
  }
}
