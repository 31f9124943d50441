export interface RetryOptions {
  /** `storage_retry_count`: how often a call is made at most. */
  readonly attempts: number;
  /** `storage_retry_interval`. */
  readonly intervalMs: number;
  /** `storage_retry_forever`: `attempts` is then ignored. */
  readonly forever: boolean;
}

/** The spread of delays, so that a fleet that failed together does not come back together. */
const JITTER = { from: 0.8, to: 1.2 };

/** Decides when to try again; keeps no state and does no waiting. */
export class RetryPolicy {
  readonly #options: RetryOptions;
  readonly #random: () => number;

  constructor(options: RetryOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** Milliseconds until the next attempt after `failures` (1 or more) of them; undefined: give up. */
  nextDelayMs(failures: number): number | undefined {
    if (!this.#options.forever && failures >= this.#options.attempts) return undefined;
    return Math.round(this.#options.intervalMs * (JITTER.from + this.#random() * (JITTER.to - JITTER.from)));
  }
}
