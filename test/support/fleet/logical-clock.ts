import { utimesSync } from 'node:fs';
import { type Clock, systemClock, type Timer } from '../../../src/sync/time/index.ts';

const NANO_PER_SECOND = 1_000_000_000n;

/**
 * Time that moves only when a test says so, in whole seconds: what `utimes` can give a file exactly. Data files that our own
 * commits touched have the machine's time, which is later, so that "never above now" gives the logical one.
 */
export class LogicalClock implements Clock {
  seconds = 1_000_000_000;
  /** How far this machine's clock is off. */
  skewSeconds = 0;
  #monotonicMs = 0;
  readonly #parent: LogicalClock | undefined;

  constructor(parent?: LogicalClock) {
    this.#parent = parent;
  }

  /** Another machine's clock on the same time line. */
  skewed(skewSeconds: number): LogicalClock {
    const clock = new LogicalClock(this);
    clock.skewSeconds = skewSeconds;
    return clock;
  }

  get nowSeconds(): number {
    return (this.#parent?.seconds ?? this.seconds) + this.skewSeconds;
  }

  nowNano(): bigint {
    return BigInt(this.nowSeconds) * NANO_PER_SECOND;
  }

  /** Every look at it takes a millisecond: a slice of `lmdb_lock_max: 1ms` ends at its first look. */
  monotonicMs(): number {
    this.#monotonicMs++;
    return this.#monotonicMs;
  }

  async sleep(): Promise<void> {}

  timer(_ms: number, then: () => void): Timer {
    return systemClock.timer(0, then);
  }

  pause(ms: number): void {
    systemClock.pause(ms);
  }

  /** Time passes, and the file was written at that moment. */
  touch(dataPath: string): void {
    if (this.#parent) this.#parent.seconds++;
    else this.seconds++;
    utimesSync(dataPath, this.nowSeconds, this.nowSeconds);
  }
}
