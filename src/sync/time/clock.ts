/** Time as the sync loop sees it; the simulator and the tests bring their own. */
export interface Clock {
  /** Wall clock, ns since 1970 UTC. */
  nowNano(): bigint;
  /** Never goes back; for durations. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

const startedNano = BigInt(Date.now()) * 1_000_000n;
const startedMs = performance.now();

/** The machine's clock. Its sub-millisecond part comes from the monotonic clock, so that two changes get two times. */
export const systemClock: Clock = {
  nowNano() {
    const sinceStart = BigInt(Math.round((performance.now() - startedMs) * 1e6));
    const fine = startedNano + sinceStart;
    const coarse = BigInt(Date.now()) * 1_000_000n;
    // The wall clock was set: follow it.
    const apart = fine > coarse ? fine - coarse : coarse - fine;
    return apart > 50_000_000n ? coarse : fine;
  },
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      // A timer takes 24.8 days at most, and a configured interval may be years.
      let leftMs = ms;
      const tick = (): void => {
        if (leftMs <= 0) {
          done();
          return;
        }
        const partMs = Math.min(leftMs, MAX_TIMER_MS);
        leftMs -= partMs;
        timer = setTimeout(tick, partMs);
      };
      let timer = setTimeout(tick, 0);
      signal.addEventListener('abort', done, { once: true });
    });
  },
};
