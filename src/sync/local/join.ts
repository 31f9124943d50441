import { MapFullError } from '../../lmdb/index.ts';
import {
  KeySet,
  type PlannedDbi,
  type PlannedWrite,
  PlanWriter,
  type PostponedEmpty,
  RemoteComparer,
  type RemoteOptions,
  type WinnerSink,
} from '../../shadow/index.ts';
import type { OpenWrite } from './rebase.ts';
import type { SliceTime } from './slice-time.ts';
import type { Tracker } from './tracker.ts';

/** The clock is looked at once in so many puts. */
const LOCK_CHECK_EVERY = 64;

export interface JoinOptions {
  readonly native: boolean;
  readonly extraBlocks: number;
  readonly time: SliceTime;
  /** Several transactions: the object is then read to its end once before anything of it is written (I7). */
  readonly inSlices: boolean;
}

export interface Joined {
  readonly comparer: RemoteComparer;
  readonly written: number;
}

/**
 * The first object of an empty instance is written while it is decoded: there is nothing to compare it with, and a plan of it would
 * only be a second copy.
 *
 * @param read reads all of the object
 * @returns undefined when it has to be done the usual way; the tracker then needs a new round first, for slices may be written
 */
export async function join(
  tracker: Tracker,
  remote: RemoteOptions,
  options: JoinOptions,
  read: (comparer: RemoteComparer) => Promise<unknown>,
): Promise<Joined | undefined> {
  if (options.inSlices) {
    const checked = new CheckedWinners();
    await read(new RemoteComparer({ ...remote, onPrivateDbi: () => {} }, checked));
    if (!checked.isPlain) return undefined;
  }
  const winners = new JoiningWinners(tracker, options);
  const comparer = new RemoteComparer(remote, winners);
  try {
    await read(comparer);
    if (!winners.isPlain) return undefined;
    winners.finish();
    return { comparer, written: winners.count };
  } catch (error) {
    // The usual way enlarges the map.
    if (error instanceof MapFullError) return undefined;
    throw error;
  } finally {
    winners.end();
  }
}

/** Takes winners that need not be compared with each other: no key can come twice, and none comes again from the start. */
class CheckedWinners implements WinnerSink {
  readonly dbis: PlannedDbi[] = [];
  readonly isOrdered = true;
  isPlain = true;

  addDbi(dbi: PlannedDbi): number {
    return this.dbis.push(dbi) - 1;
  }

  add(_write: PlannedWrite): void {}

  noteDisorder(): void {
    this.isPlain = false;
  }

  restart(): void {
    this.isPlain = false;
  }
}

/** Writes winners as they come; a slice is committed when its time is up. Main and shadow agree after each (I4). */
class JoiningWinners extends CheckedWinners {
  count = 0;
  readonly #tracker: Tracker;
  readonly #options: JoinOptions;
  /** What the application changed since the object was begun is decided again. */
  readonly #touched = new KeySet(Number.POSITIVE_INFINITY);
  readonly #postponed: PostponedEmpty[] = [];
  #recheckAll = false;
  #open: OpenWrite;
  #writer: PlanWriter;

  constructor(tracker: Tracker, options: JoinOptions) {
    super();
    this.#tracker = tracker;
    this.#options = options;
    this.#open = tracker.beginWrite();
    this.#writer = this.#begin();
  }

  override add(write: PlannedWrite): void {
    if (!this.isPlain) return;
    this.#writer.write(write);
    this.count++;
    if (this.count % LOCK_CHECK_EVERY === 0 && this.#options.time.isUp) this.#nextSlice();
  }

  /** To be called after the last entry. */
  finish(): void {
    this.#writer.openDbis();
    this.#writer.finish();
    this.#open.commit();
  }

  /** Aborts what was not committed. */
  end(): void {
    this.#open.end();
  }

  #nextSlice(): void {
    const { time } = this.#options;
    time.written();
    this.#open.commit();
    this.#open.end();
    time.rest();
    this.#open = this.#tracker.beginWrite();
    this.#writer = this.#begin();
  }

  #begin(): PlanWriter {
    const { native, extraBlocks, time } = this.#options;
    const { transaction, rebase } = this.#open;
    time.begin();
    this.#touched.addAll(rebase.touched);
    this.#recheckAll ||= rebase.recheckAll;
    return new PlanWriter(transaction, this, {
      native,
      extraBlocks,
      touched: this.#touched,
      recheckAll: this.#recheckAll,
      ifTouched: 'decide-again',
      postponed: this.#postponed,
    });
  }
}
