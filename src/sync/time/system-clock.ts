import { type Clock, sleepOn, type Timer } from './clock.ts';

/** A timer of Node takes 24.8 days at most; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const startedNano = BigInt(Date.now()) * 1_000_000n;
const startedMs = performance.now();
const pauseCell = new Int32Array(new SharedArrayBuffer(4));

function timer(ms: number, then: () => void): Timer {
  let leftMs = ms;
  let pending: NodeJS.Timeout;
  const wait = (): void => {
    const partMs = Math.min(leftMs, MAX_TIMER_MS);
    leftMs -= partMs;
    pending = setTimeout(leftMs > 0 ? wait : then, partMs);
  };
  wait();
  return { cancel: () => clearTimeout(pending) };
}

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
  timer,
  sleep: (ms, signal) => sleepOn(timer, ms, signal),
  pause: (ms) => void Atomics.wait(pauseCell, 0, 0, ms),
};
