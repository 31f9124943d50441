/** A call that is to come. */
export interface Timer {
  /** Again, or after it fired: no error. */
  cancel(): void;
}

/** Time as the sync loop sees it: all of it comes from here, so that a simulator or a test can bring its own. */
export interface Clock {
  /** Wall clock, ns since 1970 UTC. */
  nowNano(): bigint;
  /** Never goes back; for durations. */
  monotonicMs(): number;
  /** Calls `then` once, after `ms`, never at once. Any `ms`: years, and `Infinity`, which never comes. */
  timer(ms: number, then: () => void): Timer;
  /** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Blocks the thread, for waits of less than a ms inside a synchronous call. */
  pause(ms: number): void;
}

/** `Clock.sleep` for a clock that has timers. */
export function sleepOn(timer: Clock['timer'], ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      pending.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const pending = timer(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** ms since 1970 UTC. */
export function nowMs(clock: Pick<Clock, 'nowNano'>): number {
  return Number(clock.nowNano() / 1_000_000n);
}
