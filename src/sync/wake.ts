/** A timer takes no more than this; durations in a configuration may be years. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Lets one loop sleep until it is needed. A notification that nobody waits for is kept for the next wait. */
export class Wake {
  #notified = false;
  #waiter: (() => void) | undefined;

  notify(): void {
    this.#notified = true;
    this.#waiter?.();
  }

  /** Resolves at the next (or a kept) notification, after `ms`, or when aborted. @returns whether it was notified */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#notified && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.#waiter = undefined;
          resolve();
        };
        const timer = setTimeout(done, Math.min(ms, MAX_TIMER_MS));
        signal.addEventListener('abort', done, { once: true });
        this.#waiter = done;
      });
    }
    const wasNotified = this.#notified;
    this.#notified = false;
    return wasNotified;
  }
}
