import { CorruptPageError, lastTxnId, openView, PageFile, UnknownFormatError } from '../../btree/index.ts';
import {
  type Environment,
  LmdbError,
  ReadersFullError,
  type ReadTransaction,
  type WriteTransaction,
} from '../../lmdb/index.ts';
import { cursorView, pagedView, type Snapshotted, storeOf } from '../../shadow/index.ts';
import { errorInfo, type Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import { Held, type Holder, type Within } from './held.ts';
import type { SameFile } from './same-file.ts';
import type { WriteLock } from './write-lock.ts';

/**
 * How the content of an environment is looked at: by its pages, so that changes are found by page number, or with cursors where
 * pages cannot be read, so that every look is at everything. The tracker does not know which it is.
 */
export interface Views {
  /** Whether changes are found by page number. */
  readonly isPaged: boolean;
  /** Whether a view can be read while a write transaction is open: DBI handles of two cursor views must not meet. */
  readonly canReadBesideWriter: boolean;
  /** Id of the last commit. */
  lastTxnId(): number;
  /**
   * Begins a read transaction and opens its view. The caller releases it.
   * @throws LmdbError `NO_QUIET_MOMENT`: commits came so fast, or one took so long, that none could be caught; passing
   * @throws DataFileReplacedError: the commits are another file's
   */
  hold(): Held;
  /** What a write transaction builds on, to be released before the commit when it cannot be the base. */
  under(transaction: WriteTransaction): Held | Within;
  /** To be called with the view that becomes the base. */
  keep(base: Held): void;
  /** To be called with the view that a plan was made against, before the lock is taken. */
  beforeLock(view: Held): void;
  /** A view that shows what the base shows, or newer: the base itself, or one that the caller releases. */
  readable(base: Held): Held;
  /**
   * Whether a held transaction still protects its pages (decision 3): a process in another PID namespace with our pid can have
   * cleared it from the lock table.
   */
  isTrusted(held: Held): boolean;
  /** Whether looking at what changed from one to the other finds everything. */
  canCompare(base: Held, under: Snapshotted): boolean;
  close(): void;
}

/**
 * A commit shows its meta page before it has reached the disk, and readers begin at the one before it until it has. So a
 * view is found stale for as long as an fsync takes: a few attempts at once, then one every so often.
 */
const IMMEDIATE_ATTEMPTS = 16;
const ATTEMPT_PAUSE_MS = 0.2;
const MAX_WAIT_MS = 30_000;
/** A writer that was killed in that fsync leaves it so for ever; the next one who takes the write lock puts it right. */
const DEAD_WRITER_MS = 100;

/** Whether an error says that pages cannot be read, so that cursors may still read on. */
export function isPageError(error: unknown): error is UnknownFormatError | CorruptPageError {
  return error instanceof UnknownFormatError || error instanceof CorruptPageError;
}

/** With pages so many are held at once: base, what is compared with it, what is published, and the one under the lock. */
const PAGED_SLOTS = 4;

export interface ViewsOptions {
  readonly environment: Environment;
  readonly sameFile: SameFile;
  readonly clock: Clock;
  readonly report: Report;
  readonly lock: WriteLock;
}

/** Pages where their format is known, else cursors, which take one slot of the reader table for moments. */
export function openViews({ environment, sameFile, clock, report, lock }: ViewsOptions): Views {
  const { readerSlots } = environment;
  if (readerSlots < PAGED_SLOTS) {
    report({ type: 'fewReaderSlots', slots: readerSlots, wanted: PAGED_SLOTS });
    return new CursorViews(environment, clock, { lock });
  }
  try {
    return new PagedViews(environment, sameFile, clock);
  } catch (error) {
    if (!isPageError(error)) throw error;
    report({ type: 'pagesUnreadable', error: errorInfo(error) });
    return new CursorViews(environment, clock);
  }
}

class PagedViews implements Views {
  readonly isPaged = true;
  readonly canReadBesideWriter = true;
  readonly #environment: Environment;
  readonly #sameFile: SameFile;
  readonly #clock: Clock;
  readonly #pages: PageFile;

  constructor(environment: Environment, sameFile: SameFile, clock: Clock) {
    this.#environment = environment;
    this.#sameFile = sameFile;
    this.#clock = clock;
    this.#pages = new PageFile(environment.fd);
  }

  lastTxnId(): number {
    return lastTxnId(this.#pages);
  }

  /** @param mayLock false: under the write lock */
  hold(mayLock = true): Held {
    const startedMs = this.#clock.monotonicMs();
    let hasLocked = !mayLock;
    for (let attempt = 0; ; attempt++) {
      if (attempt >= IMMEDIATE_ATTEMPTS) {
        this.#sameFile.assert();
        const waitedMs = this.#clock.monotonicMs() - startedMs;
        if (waitedMs > MAX_WAIT_MS) break;
        if (!hasLocked && waitedMs > DEAD_WRITER_MS) {
          this.#environment.beginWrite().abort();
          hasLocked = true;
        } else this.#clock.pause(ATTEMPT_PAUSE_MS);
      }
      const takenNano = this.#clock.nowNano();
      const transaction = this.#environment.beginRead();
      try {
        const pages = openView(this.#pages, transaction.id);
        if (pages !== 'stale') return new Held(transaction, pagedView(pages), pages, takenNano);
      } catch (error) {
        transaction.abort();
        throw error;
      }
      transaction.abort();
    }
    const text = `no commit stood still for ${MAX_WAIT_MS / 1000} s`;
    throw new LmdbError(
      'NO_QUIET_MOMENT',
      'begin a read transaction',
      0,
      text,
      'look at the disk: an fsync takes too long',
    );
  }

  /** Whoever holds the write lock has put right what a dead writer left. */
  under(): Held {
    return this.hold(false);
  }

  keep(): void {}

  beforeLock(): void {}

  readable(base: Held): Held {
    return base;
  }

  isTrusted(held: Held): boolean {
    const listed = this.#environment.readers().some(({ pid, txnId }) => pid === process.pid && txnId === held.id);
    if (!listed) held.forsake();
    return listed && held.pages?.isIntact() === true;
  }

  /** Nobody but us writes shadows; where somebody did (drop-shadow, another syncer), nothing known of them holds. */
  canCompare(base: Held, under: Snapshotted): boolean {
    return storeOf(false).isSame(base.view, under.view);
  }

  close(): void {
    this.#pages.close();
  }
}

/** Every look is at everything; a transaction is held only while it is read. */
export class CursorViews implements Views {
  readonly isPaged = false;
  readonly canReadBesideWriter = false;
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #before: Views | undefined;
  readonly #lock: WriteLock | undefined;

  /**
   * @param options `before`: views that are given up; they stay mapped until `close`, for a held transaction may still look at them.
   * `lock`: to read under where no slot of the reader table is free; a thread of the application keeps the slot that it used once
   */
  constructor(environment: Environment, clock: Clock, { before, lock }: { before?: Views; lock?: WriteLock } = {}) {
    this.#environment = environment;
    this.#clock = clock;
    this.#before = before;
    this.#lock = lock;
  }

  lastTxnId(): number {
    return this.#environment.info().lastTxnId;
  }

  hold(): Held {
    const takenNano = this.#clock.nowNano();
    const { transaction, holder } = this.#begin();
    try {
      return new Held(holder, cursorView(transaction), undefined, takenNano);
    } catch (error) {
      holder.abort();
      throw error;
    }
  }

  #begin(): { readonly transaction: ReadTransaction; readonly holder: Holder } {
    try {
      const transaction = this.#environment.beginRead();
      return { transaction, holder: transaction };
    } catch (error) {
      if (!(error instanceof ReadersFullError) || !this.#lock) throw error;
    }
    const { transaction, end } = this.#lock.take();
    return {
      transaction,
      holder: {
        // The commit that it builds on.
        id: transaction.id - 1,
        get isOpen() {
          return transaction.isOpen;
        },
        abort: () => {
          if (transaction.isOpen) end();
        },
      },
    };
  }

  under(transaction: WriteTransaction): Within {
    return { view: cursorView(transaction), pages: undefined, canBeBase: false, release: () => {} };
  }

  /** DBI handles of a cursor view must not stay open beside those of a write transaction (ReadTransaction). */
  keep(base: Held): void {
    base.release();
  }

  beforeLock(view: Held): void {
    view.release();
  }

  readable(): Held {
    return this.hold();
  }

  isTrusted(): boolean {
    return true;
  }

  canCompare(): boolean {
    return false;
  }

  close(): void {
    this.#before?.close();
  }
}
