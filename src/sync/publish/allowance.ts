import { FULL_TOKEN_BUCKET, type TokenBucketLimits, takeToken, tokenWaitMs } from '../chain/index.ts';
import type { Clock } from '../time/index.ts';

export interface AllowanceLimits {
  readonly delta: TokenBucketLimits;
  readonly full: TokenBucketLimits;
}

/** How many objects may be published: a token bucket for deltas, and one for full snapshots. */
export class Allowance {
  readonly #limits: AllowanceLimits;
  readonly #clock: Clock;
  readonly #states = { delta: FULL_TOKEN_BUCKET, full: FULL_TOKEN_BUCKET };

  constructor(limits: AllowanceLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** 0: now. */
  waitMs(kind: keyof AllowanceLimits): number {
    return tokenWaitMs(this.#states[kind], this.#limits[kind], this.#clock.monotonicMs());
  }

  has(kind: keyof AllowanceLimits): boolean {
    return this.waitMs(kind) === 0;
  }

  take(kind: keyof AllowanceLimits): void {
    this.#states[kind] = takeToken(this.#states[kind], this.#limits[kind], this.#clock.monotonicMs());
  }
}
