import type { LockWatch } from '../local/index.ts';

/**
 * Since when a worker waits for a write lock, in memory that it shares with the main thread: while it waits it is blocked
 * and can tell nothing itself (decision 2). One 64-bit cell a database: ms since 1970, 0 when not waiting.
 */
export class LockClock implements LockWatch {
  readonly #cells: BigInt64Array;
  readonly #index: number;

  constructor(cells: SharedArrayBuffer, index: number) {
    this.#cells = new BigInt64Array(cells);
    this.#index = index;
  }

  static cellsFor(databases: number): SharedArrayBuffer {
    return new SharedArrayBuffer(databases * BigInt64Array.BYTES_PER_ELEMENT);
  }

  waiting(sinceMs: number): void {
    Atomics.store(this.#cells, this.#index, BigInt(sinceMs));
  }

  done(): void {
    Atomics.store(this.#cells, this.#index, 0n);
  }

  /** ms since 1970, or undefined when it does not wait. */
  get waitingSinceMs(): number | undefined {
    const since = Atomics.load(this.#cells, this.#index);
    return since === 0n ? undefined : Number(since);
  }
}
