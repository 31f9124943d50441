/** What to say of a failure that goes on. */
export interface FailureReport {
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** Time of the first of them, ms since 1970. */
  readonly sinceMs: number;
}

/** For the log: nothing of a first failure, which is happening now. */
export function reportFields({ failures, sinceMs }: FailureReport): { failures?: number; since?: Date } {
  return failures > 1 ? { failures, since: new Date(sinceMs) } : {};
}

/** Between two reports at most: an outage of hours is not to look like one that is over. */
const MAX_SILENCE_MS = 10 * 60_000;

/**
 * Decides when a failure that goes on is told again: at the 1st, 2nd, 4th, 8th, … in a row, and at the latest ten minutes
 * after it was told. No clock and no log: `nowMs` is an argument, what is told is the caller's.
 */
export class RepeatedFailure {
  #failures = 0;
  #sinceMs = 0;
  #toldMs = 0;

  /** Failures since it worked last. */
  get failures(): number {
    return this.#failures;
  }

  /** @returns what to tell now; undefined: nothing */
  failed(nowMs: number): FailureReport | undefined {
    if (this.#failures === 0) this.#sinceMs = nowMs;
    this.#failures++;
    const isDoubled = Number.isInteger(Math.log2(this.#failures));
    if (!isDoubled && nowMs - this.#toldMs < MAX_SILENCE_MS) return undefined;
    this.#toldMs = nowMs;
    return { failures: this.#failures, sinceMs: this.#sinceMs };
  }

  /** @returns what is over now; undefined: it had not failed */
  worked(): FailureReport | undefined {
    if (this.#failures === 0) return undefined;
    const report = { failures: this.#failures, sinceMs: this.#sinceMs };
    this.#failures = 0;
    return report;
  }
}
