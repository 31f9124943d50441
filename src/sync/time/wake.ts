import type { Clock } from './clock.ts';

/** Lets loops sleep until they are needed. A notification that nobody waits for is kept for the next wait. */
export class Wake {
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #waiters = new Set<(wasNotified: boolean) => void>();
  #isKept = false;

  constructor(clock: Pick<Clock, 'timer'>) {
    this.#clock = clock;
  }

  notify(): void {
    if (this.#waiters.size === 0) this.#isKept = true;
    for (const wake of [...this.#waiters]) wake(true);
  }

  /** Resolves at the next (or a kept) notification, after `ms`, or when aborted. @returns whether it was notified */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (this.#isKept) {
      this.#isKept = false;
      return true;
    }
    if (signal.aborted) return false;
    return new Promise((resolve) => {
      const wake = (wasNotified: boolean): void => {
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
        this.#waiters.delete(wake);
        resolve(wasNotified);
      };
      const giveUp = (): void => wake(false);
      const timer = this.#clock.timer(ms, giveUp);
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiters.add(wake);
    });
  }
}
