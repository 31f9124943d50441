/** How many objects may be made: `burst` at once after a quiet time, then one each `intervalMs`. */
export interface TokenBucketLimits {
  /** At least 1. */
  readonly burst: number;
  /** 0: no bound. */
  readonly intervalMs: number;
}

/** One number is the whole state: when the bucket will be full again, in milliseconds of a clock that never goes back. */
export interface TokenBucketState {
  readonly fullAtMs: number;
}

/** Full: the first after a quiet time waits for nothing. */
export const FULL_TOKEN_BUCKET: TokenBucketState = { fullAtMs: Number.NEGATIVE_INFINITY };

/** Milliseconds until a token is there; 0: now. */
export function tokenWaitMs(state: TokenBucketState, limits: TokenBucketLimits, nowMs: number): number {
  // What is missing for a full bucket may be all but one token.
  return Math.max(0, state.fullAtMs - nowMs - (limits.burst - 1) * limits.intervalMs);
}

/**
 * The state after one token was taken. Taking one that is not there yet is allowed, and makes the next one wait for longer:
 * what must go out goes out.
 */
export function takeToken(state: TokenBucketState, limits: TokenBucketLimits, nowMs: number): TokenBucketState {
  return { fullAtMs: Math.max(state.fullAtMs, nowMs) + limits.intervalMs };
}
