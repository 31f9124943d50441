import type { Held, Within } from './held.ts';
import type { Views } from './views.ts';

/** Where a commit of ours has left the base. */
export interface Moved {
  /** The view from under the lock is the base now. */
  readonly isUnder: boolean;
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
    const after = views.hold();
    if (after.id === txnId || !under?.canBeBase) {
      this.set(after, views);
      return { isUnder: false, hasGap: after.id !== txnId };
    }
    after.release();
    this.set(under, views);
    this.#isBehind = true;
    return { isUnder: true, hasGap: false };
  }

  drop(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}
