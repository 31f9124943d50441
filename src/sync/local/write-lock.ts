import { type Environment, MapFullError, type WriteTransaction } from '../../lmdb/index.ts';
import type { Report } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';
import type { SameFile } from './same-file.ts';

/** Tells another thread since when this one waits for the lock: it blocks, and cannot tell it itself (decision 2). */
export interface LockWatch {
  waiting(sinceMs: number): void;
  done(): void;
}

export interface WriteLockOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly report: Report;
  readonly watch?: LockWatch | undefined;
  /** `options.map_size`: how far the map may be enlarged. */
  readonly mapSizeBytes: number;
  readonly sameFile: SameFile;
}

export interface HeldLock {
  readonly transaction: WriteTransaction;
  /** @returns the id of the last commit then; the transaction's own, if it has written anything */
  commit(): number;
  /** Aborts what was not committed. */
  end(): void;
}

/** Takes LMDB's write lock, measures it, and enlarges a full map where the configuration allows. */
export class WriteLock {
  readonly #options: WriteLockOptions;

  constructor(options: WriteLockOptions) {
    this.#options = options;
  }

  /**
   * Runs `body` in a write transaction and commits it; aborts it when `body` throws. After a full map the map is enlarged,
   * where that is possible, and `body` runs once more in a new transaction.
   * @returns the body's result, and the id of the last commit then: another's, when `body` has written nothing
   */
  run<T>(body: (transaction: WriteTransaction) => T): { result: T; txnId: number } {
    try {
      return this.#once(body);
    } catch (error) {
      if (!(error instanceof MapFullError) || !this.#enlarge()) throw error;
      return this.#once(body);
    }
  }

  #once<T>(body: (transaction: WriteTransaction) => T): { result: T; txnId: number } {
    const held = this.take();
    try {
      const result = body(held.transaction);
      return { result, txnId: held.commit() };
    } finally {
      held.end();
    }
  }

  /**
   * Takes the lock, for work that cannot be one synchronous call. The caller ends it in a `finally`.
   * @throws DataFileReplacedError
   */
  take(): HeldLock {
    const { environment, clock, report, watch, sameFile } = this.#options;
    const askedMs = clock.monotonicMs();
    watch?.waiting(nowMs(clock));
    const transaction = environment.beginWrite();
    watch?.done();
    try {
      // Only now: the wait may have been long.
      sameFile.assert();
    } catch (error) {
      transaction.abort();
      throw error;
    }
    const gotMs = clock.monotonicMs();
    return {
      transaction,
      commit: () => (transaction.commit() ? transaction.id : transaction.id - 1),
      end: () => {
        transaction.abort();
        report({ type: 'lock', waitMs: gotMs - askedMs, heldMs: clock.monotonicMs() - gotMs });
      },
    };
  }

  /** The application may have enlarged the map, or the configuration allows us to. */
  #enlarge(): boolean {
    const { environment, mapSizeBytes, report } = this.#options;
    const before = environment.info().mapSizeBytes;
    environment.setMapSize(0);
    let after = environment.info().mapSizeBytes;
    if (after < mapSizeBytes) {
      environment.setMapSize(mapSizeBytes);
      after = environment.info().mapSizeBytes;
    }
    if (after <= before) {
      if (after < before) environment.setMapSize(before);
      return false;
    }
    report({ type: 'mapEnlarged', fromBytes: before, toBytes: after });
    return true;
  }
}
