import type { SweeperConfig } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import { DbiFlag, type ReadTransaction, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { HeaderError, type Time, timeOf } from '../../merge/index.ts';
import { storeOf } from '../../shadow/index.ts';
import type { Clock } from '../time/index.ts';
import { sweepCutoff } from './cutoff.ts';
import { deleteOldMarks } from './delete-marks.ts';
import { FIND_LIMITS, type FindLimits, type FoundMarks, findOldMarks } from './find-marks.ts';
import { addCounts, type EntryCounts, noEntries } from './marks.ts';

export interface SweepReport extends Readonly<EntryCounts> {
  /** Write transactions used. */
  readonly transactions: number;
  readonly durationMs: number;
}

export interface SweeperOptions {
  /** Runs `body` in a read transaction that ends with it. */
  readonly read: <T>(body: (transaction: ReadTransaction) => T) => Promise<T>;
  /** `native`: every DBI but our own; `shadow`: the shadow DBIs only. */
  readonly mode: 'native' | 'shadow';
  readonly config: SweeperConfig;
  /** Runs `body` under the write lock and commits; nothing counts as swept before it has resolved. */
  readonly write: <T>(body: (transaction: WriteTransaction) => T) => Promise<T>;
  readonly log: Log;
  readonly observer?: { swept?(report: SweepReport): void };
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** Milliseconds; for durations. */
  readonly monotonicMs: () => number;
  readonly sleep: Clock['sleep'];
  readonly findLimits?: FindLimits;
}

/** Bad entries that are named in the log, over the life of the process; more of them are only counted. */
const MOST_REPORTED = 100;
const NANO_PER_MILLI = 1_000_000n;

/**
 * Removes deletion marks that are older than the retention (SWP-01 to SWP-12). Looking for them takes no lock; they are
 * deleted in slices of at most `lock_duration`, with `release_duration` in between for the application's own writes.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #now: () => number;
  readonly #monotonicMs: () => number;
  readonly #sleep: Clock['sleep'];
  readonly #limits: FindLimits;
  readonly #reported = new Set<string>();

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#monotonicMs = options.monotonicMs;
    this.#sleep = options.sleep;
    this.#limits = options.findLimits ?? FIND_LIMITS;
  }

  /**
   * @throws LmdbError, what `write` throws, and the reason of an aborted signal. Slices that were committed before stay.
   */
  async sweepOnce(signal: AbortSignal): Promise<SweepReport> {
    const { config, log, observer } = this.#options;
    const startedMs = this.#monotonicMs();
    const cutoff = timeOf(sweepCutoff(BigInt(Math.floor(this.#now())) * NANO_PER_MILLI, config));
    const sweep = { counts: noEntries(), transactions: 0 };
    for (const name of await this.#dbiNames()) await this.#sweepDbi(name, cutoff, sweep, signal);
    const report: SweepReport = {
      ...sweep.counts,
      transactions: sweep.transactions,
      durationMs: this.#monotonicMs() - startedMs,
    };
    observer?.swept?.(report);
    log.info('swept old deletions', {
      total_entries: report.totalEntries,
      deleted_entries: report.deletedEntries,
      deleted_fraction: (report.totalEntries > 0 ? report.deletedEntries / report.totalEntries : 0).toFixed(3),
      cleaned_entries: report.cleanedEntries,
      bad_entries: report.badEntries,
      transactions: report.transactions,
      time_taken_ms: Math.round(report.durationMs),
    });
    return report;
  }

  #dbiNames(): Promise<string[]> {
    const store = storeOf(this.#options.mode === 'native');
    return this.#options.read((transaction) => transaction.dbiNames().filter(store.holdsEntries));
  }

  async #sweepDbi(
    name: string,
    cutoff: Time,
    sweep: { readonly counts: EntryCounts; transactions: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { config, write } = this.#options;
    const onBad = (key: Buffer, reason: string): void => this.#reportBad(name, key, reason);
    let after: Buffer | undefined;
    do {
      signal.throwIfAborted();
      // The read transaction has ended before `write` begins: its DBI handles must not meet those of a writer.
      const found = await this.#find(name, after, cutoff);
      if (found === undefined) return;
      addCounts(sweep.counts, found.counts);
      for (let next = 0; next < found.keys.length; ) {
        if (sweep.transactions > 0) await this.#sleep(config.releaseDurationMs, signal);
        signal.throwIfAborted();
        const slice = await write((transaction) =>
          deleteOldMarks(transaction, name, found.keys, next, cutoff, config.lockDurationMs, this.#monotonicMs, onBad),
        );
        sweep.transactions++;
        addCounts(sweep.counts, slice.counts);
        next = slice.next;
      }
      after = found.resumeAfter;
      // A large DBI without old marks: the thread's other work gets its turn between two looks.
      if (after !== undefined) await this.#sleep(0, signal);
    } while (after !== undefined);
  }

  /** undefined: the DBI is gone, or not one that can be swept. */
  #find(name: string, after: Buffer | undefined, cutoff: Time): Promise<FoundMarks | undefined> {
    return this.#options.read((transaction) => {
      const dbi = transaction.openDbi(name);
      if (dbi === undefined) return undefined;
      if ((transaction.dbiFlags(dbi) & DbiFlag.dupSort) !== 0) {
        this.#once(name, () => {
          this.#options.log.warn('a DUPSORT DBI cannot hold deletion marks and is not swept', { dbi: name });
        });
        return undefined;
      }
      const onBad = (key: Buffer, reason: string): void => this.#reportBad(name, key, reason);
      return findOldMarks(transaction, dbi, after, cutoff, this.#monotonicMs, onBad, this.#limits);
    });
  }

  #reportBad(dbiName: string, key: Buffer, reason: string): void {
    this.#once(`${dbiName}\0${key.toString('hex')}`, () => {
      const error = new HeaderError(dbiName, key, reason);
      this.#options.log.error('an entry cannot be swept', { error: describeError(error) });
    });
  }

  #once(subject: string, report: () => void): void {
    if (this.#reported.size >= MOST_REPORTED || this.#reported.has(subject)) return;
    this.#reported.add(subject);
    report();
    if (this.#reported.size === MOST_REPORTED) {
      this.#options.log.error('entries that cannot be swept are only counted from now on', { reported: MOST_REPORTED });
    }
  }
}
