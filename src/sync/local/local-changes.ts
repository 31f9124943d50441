import type { Config } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import { LmdbError, NotLmdbError } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { SpoolError } from '../../storage/index.ts';
import type { DatabaseStatus } from '../status/status.ts';
import type { Clock } from '../time/clock.ts';
import { Wake } from '../time/wake.ts';
import type { Exclusive } from './exclusive.ts';
import { LmdbWatch } from './lmdb-watch.ts';
import type { Tracker } from './tracker.ts';

export interface LocalChangesOptions {
  readonly dataPath: string;
  readonly tracker: Tracker;
  readonly turns: Exclusive;
  readonly config: Pick<Config, 'lmdbPollIntervalMs' | 'fullScanIntervalMs' | 'onlyOnce'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: DatabaseStatus;
  /** Something is to be published. */
  readonly onChanged: () => void;
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
  readonly #wake = new Wake();
  #lastError: string | undefined;

  constructor(options: LocalChangesOptions) {
    this.#options = options;
  }

  /**
   * The changes made while nobody watched. A full map or disk is waited out, but not with only_once.
   * @returns false when aborted before it was done
   */
  async first(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#round()) return true;
      await this.#options.clock.sleep(this.#options.config.lmdbPollIntervalMs, signal);
    }
    return false;
  }

  /** Records what was committed since the last look. A passing failure is told once. */
  async look(): Promise<void> {
    if (this.#options.tracker.hasNews) await this.#round();
  }

  /** Until aborted. @throws UnsupportedDbiError, HeaderError, NotLmdbError: what only the operator can mend */
  async run(signal: AbortSignal): Promise<void> {
    const { dataPath, tracker, turns, config, clock, onChanged, onTick } = this.#options;
    const watch = new LmdbWatch(dataPath, () => this.#wake.notify());
    let scannedMs = clock.monotonicMs();
    let pollMs = Math.min(config.lmdbPollIntervalMs, MAX_HOLD_MS);
    let wasNotified = true;
    let misses = 0;
    try {
      while (!signal.aborted) {
        if (tracker.hasNews) {
          if (!wasNotified && ++misses === MISSES_TELL) pollMs = Math.min(pollMs, FAST_POLL_MS);
          await this.#round();
        }
        if (config.fullScanIntervalMs > 0 && clock.monotonicMs() - scannedMs >= config.fullScanIntervalMs) {
          if (await this.#attempt(() => turns.run(() => tracker.fullScan()))) onChanged();
          scannedMs = clock.monotonicMs();
        }
        onTick();
        wasNotified = await this.#wake.wait(pollMs, signal);
      }
    } finally {
      watch.close();
    }
  }

  /** @returns whether the round was done; a passing failure is told once and tried again */
  async #round(): Promise<boolean> {
    const { tracker, turns, onChanged } = this.#options;
    const changed = await this.#attempt(() => turns.run(() => tracker.localRound()));
    if (changed) onChanged();
    return changed !== undefined;
  }

  async #attempt(work: () => Promise<boolean>): Promise<boolean | undefined> {
    const { log, status, config } = this.#options;
    try {
      const result = await work();
      if (this.#lastError !== undefined) log.info('Recording local changes works again');
      this.#lastError = undefined;
      return result;
    } catch (error) {
      // A single pass waits for nobody.
      if (!isPassing(error) || config.onlyOnce) throw error;
      const text = describeError(error);
      status.lastError = text;
      if (text !== this.#lastError) log.error('Local changes cannot be recorded; trying again', { error: text });
      this.#lastError = text;
      return undefined;
    }
  }
}

/** What may pass by itself: a full map or disk, too many readers. Everything else is for the operator. */
export function isPassing(error: unknown): boolean {
  return error instanceof SpoolError || (error instanceof LmdbError && !(error instanceof NotLmdbError));
}
