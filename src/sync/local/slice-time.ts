import type { Clock } from '../time/index.ts';

/**
 * How long the write lock rests between two slices. Its mutex is not fair: who gives it back and takes it again at once gets it,
 * while the application that waits is still being woken.
 */
export const REST_MS = 2;
/** Of the first slice nothing is known yet: so much of the time is for its puts, the rest for its commit. */
const FIRST_SHARE = 0.5;
const LEAST_SHARE = 0.1;
/** Puts whose commit is over before a clock can tell say nothing of the next ones. */
const LEAST_MEASURED_MS = 1;

/**
 * The time of slices of `lmdb_lock_max`: the application waits for the puts *and* for their commit, with its fsync, so that the time for
 * puts follows the share that commits have taken so far.
 */
export class SliceTime {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'pause'>;
  readonly #lockMaxMs: number;
  #share = FIRST_SHARE;
  #startedMs = 0;
  #writtenMs = 0;

  /** @param lockMaxMs 0: one slice without a bound */
  constructor(clock: Pick<Clock, 'monotonicMs' | 'pause'>, lockMaxMs: number) {
    this.#clock = clock;
    this.#lockMaxMs = lockMaxMs;
  }

  /** The lock was taken. */
  begin(): void {
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** Whether it is time to commit. */
  get isUp(): boolean {
    return this.#lockMaxMs > 0 && this.#clock.monotonicMs() - this.#startedMs >= this.#share * this.#lockMaxMs;
  }

  /** The puts are done, the commit follows. */
  written(): void {
    this.#writtenMs = this.#clock.monotonicMs();
  }

  /** The commit is done, and another slice follows: lets others have the lock. */
  rest(): void {
    this.committed();
    this.#clock.pause(REST_MS);
  }

  /** The same, where the caller lets them, for `REST_MS` or longer. */
  committed(): void {
    const totalMs = this.#clock.monotonicMs() - this.#startedMs;
    const share = (this.#writtenMs - this.#startedMs) / totalMs;
    if (totalMs >= LEAST_MEASURED_MS) this.#share = Math.min(1, Math.max(LEAST_SHARE, share));
  }
}
