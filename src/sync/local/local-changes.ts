import type { Config } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import { DbsFullError, LmdbError, NotLmdbError } from '../../lmdb/index.ts';
import { SpoolError } from '../../storage/index.ts';
import { errorInfo, type Report } from '../status/index.ts';
import { type Clock, Wake } from '../time/index.ts';
import type { LocalDatabase } from './local-database.ts';

export interface LocalChangesOptions {
  readonly local: LocalDatabase;
  readonly config: Pick<Config, 'lmdbPollIntervalMs' | 'fullScanIntervalMs' | 'onlyOnce'>;
  readonly clock: Clock;
  readonly report: Report;
  /** Called at every look at the meta page. */
  readonly onTick: () => void;
}

/** The held reader is renewed at least so often: while it is held, the application's file reuses none of its pages. */
const MAX_HOLD_MS = 60_000;

/**
 * So many commits that only the poll noticed tell that the watch is blind here (MDB_WRITEMAP, some network file systems);
 * from then on the meta page, a read of two words of memory, is looked at this often.
 */
const MISSES_TELL = 2;
const FAST_POLL_MS = 20;

/** Notices what the application commits, by file watch and by poll, and has it recorded. */
export class LocalChanges {
  readonly #options: LocalChangesOptions;
  readonly #wake: Wake;
  #lastError: string | undefined;
  #failures = 0;

  constructor(options: LocalChangesOptions) {
    this.#options = options;
    this.#wake = new Wake(options.clock);
  }

  /**
   * The changes made while nobody watched. A full map or disk is waited out, but not with only_once.
   * @returns false when aborted before it was done
   */
  async first(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      this.#options.local.assertSameFile();
      if (await this.#round()) return true;
      await this.#options.clock.sleep(this.#options.config.lmdbPollIntervalMs, signal);
    }
    return false;
  }

  /** Records what was committed since the last look. A passing failure is told once. */
  async look(): Promise<void> {
    this.#options.local.assertSameFile();
    if (this.#options.local.hasNews) await this.#round();
  }

  /** Until aborted; what was committed by then is recorded. @throws DataFileReplacedError; UnsupportedDbiError, HeaderError, NotLmdbError: what only the operator can mend */
  async run(signal: AbortSignal): Promise<void> {
    const { local, config, clock, onTick } = this.#options;
    const watch = local.watch(() => this.#wake.notify());
    let scannedMs = clock.monotonicMs();
    let pollMs = Math.min(config.lmdbPollIntervalMs, MAX_HOLD_MS);
    let wasNotified = true;
    let misses = 0;
    try {
      while (!signal.aborted) {
        local.assertSameFile();
        if (local.hasNews) {
          if (!wasNotified && ++misses === MISSES_TELL) pollMs = Math.min(pollMs, FAST_POLL_MS);
          await this.#round();
        }
        if (config.fullScanIntervalMs > 0 && clock.monotonicMs() - scannedMs >= config.fullScanIntervalMs) {
          await this.#attempt(() => local.fullScan());
          scannedMs = clock.monotonicMs();
        }
        onTick();
        wasNotified = await this.#wake.wait(pollMs, signal);
      }
      // What nobody noticed yet was committed before the stop all the same. A single pass has looked.
      if (!config.onlyOnce) await this.look();
    } finally {
      watch.close();
    }
  }

  /** @returns whether the round was done; a passing failure is told once and tried again */
  #round(): Promise<boolean> {
    return this.#attempt(() => this.#options.local.localRound());
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    const { report, config } = this.#options;
    try {
      await work();
      if (this.#lastError !== undefined) report({ type: 'recordRecovered' });
      this.#lastError = undefined;
      return true;
    } catch (error) {
      // A single pass waits for nobody.
      if (!isPassing(error) || config.onlyOnce) throw error;
      const text = describeError(error);
      this.#failures = text === this.#lastError ? this.#failures + 1 : 1;
      this.#lastError = text;
      report({ type: 'recordFailed', error: errorInfo(error), failures: this.#failures });
      return false;
    }
  }
}

/** What may pass by itself: a full map or disk, too many readers. Everything else is for the operator; `max_dbs` counts from the start. */
export function isPassing(error: unknown): boolean {
  if (error instanceof NotLmdbError || error instanceof DbsFullError) return false;
  return error instanceof SpoolError || error instanceof LmdbError;
}
