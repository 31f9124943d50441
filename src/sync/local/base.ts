import { ReadersFullError } from '../../lmdb/index.ts';
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
  #held: Held | undefined;
  #isBehind = false;

  get held(): Held | undefined {
    return this.#held;
  }

  /** Whether this is the base, taken before our own last commit since somebody else's came right after that. */
  isBehind(held: Held): boolean {
    return this.#isBehind && held === this.#held;
  }

  set(held: Held, views: Views): void {
    if (this.#held !== held) this.#held?.release();
    this.#held = held;
    this.#isBehind = false;
    views.keep(held);
  }

  /**
   * The next base, after our commit `txnId`. A reader begun right after it that has its id saw nobody else, and is the better one.
   * With another id somebody has committed in between: the reader from under the lock is the base then, so that the next round
   * looks at that commit.
   */
  moveOn(txnId: number, under: Held | Within | undefined, views: Views): Moved {
    if (!under?.canBeBase) {
      const after = views.hold();
      this.set(after, views);
      return { keepsUnder: false, hasGap: after.id !== txnId };
    }
    // At once: it gives a slot of the reader table back before another one is taken.
    this.set(under, views);
    this.#isBehind = true;
    const after = holdIfFree(views);
    if (after?.id === txnId) this.set(after, views);
    else after?.release();
    return { keepsUnder: true, hasGap: false };
  }

  drop(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}

/** A full reader table is no reason to fail after a commit. */
function holdIfFree(views: Views): Held | undefined {
  try {
    return views.hold();
  } catch (error) {
    if (error instanceof ReadersFullError) return undefined;
    throw error;
  }
}
