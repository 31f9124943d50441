import { CorruptPageError, lastTxnId, openView, PageFile, UnknownFormatError } from '../../btree/index.ts';
import { type Environment, LmdbError, type ReadTransaction, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { cursorView, type DatabaseView, pagedView, type Snapshotted } from '../../shadow/index.ts';

/**
 * A commit shows its meta page before it has reached the disk, and readers begin at the one before it until it has. So a
 * view is found stale for as long as an fsync takes: a few attempts at once, then one every so often.
 */
const IMMEDIATE_ATTEMPTS = 16;
const ATTEMPT_PAUSE_MS = 0.2;
const MAX_WAIT_MS = 30_000;
const sleepCell = new Int32Array(new SharedArrayBuffer(4));

/** A read transaction that is held, with what it sees. While it is held, no page it can reach is ever reused. */
export class Held implements Snapshotted {
  readonly id: number;
  readonly view: DatabaseView;
  readonly pages: Snapshotted['pages'];
  /** Wall clock before the transaction began: everything committed by then is in it. */
  readonly takenNano: bigint;
  readonly #transaction: ReadTransaction;

  constructor(transaction: ReadTransaction, view: DatabaseView, pages: Snapshotted['pages'], takenNano: bigint) {
    this.#transaction = transaction;
    this.id = transaction.id;
    this.view = view;
    this.pages = pages;
    this.takenNano = takenNano;
  }

  release(): void {
    this.#transaction.abort();
  }

  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }
}

/** Opens views of an environment: by its pages, or with cursors where their format is unknown. */
export class Views {
  readonly #environment: Environment;
  readonly #log: Log;
  readonly #nowNano: () => bigint;
  #pages: PageFile | undefined;
  readonly #mapped: PageFile | undefined;

  constructor(environment: Environment, log: Log, nowNano: () => bigint) {
    this.#environment = environment;
    this.#log = log;
    this.#nowNano = nowNano;
    try {
      this.#mapped = new PageFile(environment.fd);
      this.#pages = this.#mapped;
    } catch (error) {
      this.#fallBack(error);
    }
  }

  /** Whether pages can be read, so that changes are found by page number. */
  get isPaged(): boolean {
    return this.#pages !== undefined;
  }

  /** Id of the last commit; without a system call where pages can be read. */
  lastTxnId(): number {
    return this.#pages ? lastTxnId(this.#pages) : this.#environment.info().lastTxnId;
  }

  /**
   * Begins a read transaction and opens its view. The caller releases it.
   * @throws LmdbError `NO_QUIET_MOMENT`: commits came so fast, or one took so long, that none could be caught; passing
   */
  hold(): Held {
    const giveUpMs = performance.now() + MAX_WAIT_MS;
    for (let attempt = 0; ; attempt++) {
      if (attempt >= IMMEDIATE_ATTEMPTS) {
        if (performance.now() > giveUpMs) break;
        Atomics.wait(sleepCell, 0, 0, ATTEMPT_PAUSE_MS);
      }
      const takenNano = this.#nowNano();
      const transaction = this.#environment.beginRead();
      try {
        const held = this.#open(transaction, takenNano);
        if (held) return held;
      } catch (error) {
        transaction.abort();
        this.#fallBack(error);
        continue;
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

  #open(transaction: ReadTransaction, takenNano: bigint): Held | undefined {
    if (!this.#pages) return new Held(transaction, cursorView(transaction), undefined, takenNano);
    const pages = openView(this.#pages, transaction.id);
    return pages === 'stale' ? undefined : new Held(transaction, pagedView(pages), pages, takenNano);
  }

  /** What a write transaction builds on, for a data file that only cursors can read. */
  within(transaction: WriteTransaction): Snapshotted {
    return { view: cursorView(transaction), pages: undefined };
  }

  /**
   * Whether a held transaction still protects its pages (decision 3): a process in another PID namespace with our
   * pid can have cleared it from the lock table.
   */
  isTrusted(held: Held): boolean {
    if (!held.pages) return true;
    const listed = this.#environment.readers().some(({ pid, txnId }) => pid === process.pid && txnId === held.id);
    return listed && held.pages.isIntact();
  }

  /** Falls back to cursors after an error in a page; @throws any other error */
  distrustPages(error: unknown): void {
    this.#fallBack(error);
  }

  close(): void {
    this.#mapped?.close();
  }

  /** @throws the error when it does not speak of pages */
  #fallBack(error: unknown): void {
    if (!(error instanceof UnknownFormatError || error instanceof CorruptPageError)) throw error;
    this.#log.warn('The pages of this data file cannot be read: using cursors, every change costs a full scan', {
      reason: error.message,
    });
    // Stays mapped until `close`: a held transaction may still look at it.
    this.#pages = undefined;
  }
}
