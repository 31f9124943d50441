import { setTimeout as sleepFor } from 'node:timers/promises';
import { StorageError } from './errors.ts';

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

export interface RetryingOptions {
  readonly policy: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
  /** Ends the retrying whatever the policy says; default: everything but a `StorageError` that is `retryable`. */
  readonly giveUp?: ((error: unknown) => boolean) | undefined;
  /** Told before each wait. */
  readonly onRetry?: ((error: unknown, failures: number, delayMs: number) => void) | undefined;
  /** Rejects when `signal` is aborted. */
  readonly sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<unknown>) | undefined;
}

const isHopeless = (error: unknown): boolean => !(error instanceof StorageError && error.retryable);

/** Calls `operation` until it succeeds or the policy gives up, then throws its last error; aborted: `signal.reason`. */
export async function retrying<T>(
  operation: (attempt: number) => Promise<T>,
  { policy, signal, giveUp = isHopeless, onRetry, sleep = sleepWithSignal }: RetryingOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      const delayMs = giveUp(error) ? undefined : policy.nextDelayMs(attempt);
      if (delayMs === undefined) throw error;
      onRetry?.(error, attempt, delayMs);
      await sleep(delayMs, signal).catch((reason: unknown) => {
        signal?.throwIfAborted();
        throw reason;
      });
    }
  }
}

function sleepWithSignal(ms: number, signal: AbortSignal | undefined): Promise<unknown> {
  return sleepFor(ms, undefined, signal === undefined ? {} : { signal });
}
