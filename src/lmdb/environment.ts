import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { dataPathOf } from '../paths/index.ts';
import { Code, EnvFlag, Errno } from './constants.ts';
import { DataFile, type DataFileState, hasKnownFormat, identityOf, statOf } from './data-file.ts';
import { LockFormatError, MapResizedError, ReadersFullError, SamePidError } from './errors.ts';
import { type Address, check, liblmdb } from './library.ts';
import { ReadTransaction, type TransactionHooks, WriteTransaction } from './transaction.ts';

export interface EnvironmentOptions {
  /** The path is the data file itself, not a folder that holds `data.mdb`. */
  readonly noSubdir?: boolean;
  /** Make the folder and the file when missing; without it a missing file is an error. */
  readonly create?: boolean;
  /** Mode of a created folder; 0 means 0775. */
  readonly dirMask?: number;
  /** Mode of created files; 0 means 0664. */
  readonly fileMask?: number;
  /** 0: what the file says, or 1 GiB for a file made here. */
  readonly mapSizeBytes?: number;
  /** 0 means 64. */
  readonly maxDbs?: number;
  readonly readOnly?: boolean;
  /** Only for tests and tools that play the application. */
  readonly writeMap?: boolean;
  readonly noSync?: boolean;
}

export interface EnvironmentInfo {
  readonly mapSizeBytes: number;
  readonly lastPageNumber: number;
  readonly lastTxnId: number;
  /** Slots of the reader table: what the first process that opened the LMDB asked for. */
  readonly maxReaders: number;
  /** Slots that were taken at once, at most so far; LMDB never lowers it while anybody has the LMDB open. */
  readonly numReaders: number;
}

export interface ReaderInfo {
  readonly pid: number;
  readonly thread: string;
  /** undefined: the slot is taken, but no transaction is open in it. */
  readonly txnId: number | undefined;
}

const GIB = 2 ** 30;
const DEFAULT_DIR_MASK = 0o775;
const DEFAULT_FILE_MASK = 0o664;
const DEFAULT_MAX_DBS = 64;

/** While another process has our process id, its end is awaited this long, for it may only have looked. */
const SAME_PID_ATTEMPTS = 10;
const SAME_PID_PAUSE_MS = 100;
const sleepCell = new Int32Array(new SharedArrayBuffer(4));

/**
 * One open LMDB. A process opens an LMDB once: a second open in the same process would drop the process's POSIX locks
 * (decision 2); `open` refuses it. Not shared between threads: a write transaction belongs to the thread that began it.
 */
export class Environment {
  /** Identities of the data files that are open. */
  static readonly #open = new Set<string>();

  /** As given. */
  readonly path: string;
  /** Absolute. */
  readonly dataPath: string;
  readonly options: EnvironmentOptions;
  /** File descriptor of the data file, for mapping it; LMDB's own, never to be closed here. */
  readonly fd: number;
  readonly pageSizeBytes: number;
  readonly #env: Address;
  readonly #dataFile: DataFile;
  readonly #live = new Set<ReadTransaction>();
  /** The one live transaction that has opened DBIs: LMDB's handle table is the environment's and knows no two of them. */
  #dbiOwner: ReadTransaction | undefined;
  #closed = false;

  private constructor(path: string, dataPath: string, options: EnvironmentOptions, env: Address) {
    this.path = path;
    this.dataPath = dataPath;
    this.options = options;
    this.#env = env;
    const fd = new Int32Array(1);
    check('mdb_env_get_fd', liblmdb().envGetFd(env, fd));
    this.fd = fd[0]!;
    this.#dataFile = new DataFile(dataPath, this.fd);
    const stat = new BigUint64Array(6);
    check('mdb_env_stat', liblmdb().envStat(env, stat));
    this.pageSizeBytes = Number(stat[0]! & 0xffff_ffffn);
  }

  /**
   * Opens an LMDB with MDB_NOTLS and clears readers of dead processes.
   * @throws LibraryMissingError, NotLmdbError, LockFormatError, MissingFileError, FileAccessError, LmdbError
   */
  static open(path: string, options: EnvironmentOptions = {}): Environment {
    const lmdb = liblmdb();
    const dataPath = dataPathOf(path, options.noSubdir);
    if (options.create) makeFolder(dirname(dataPath), options.dirMask || DEFAULT_DIR_MASK);
    const existing = statOf(dataPath);
    if (existing && Environment.#open.has(identityOf(existing))) {
      throw new TypeError(`${dataPath} is already open in this process`);
    }
    // LMDB itself would make the file; the reference fails here too (ENV-02).
    if (!existing && !options.create) check(`open ${dataPath}`, Errno.noEntry);
    // LMDB fills an empty file as if it were missing.
    const isNew = (existing?.size ?? 0n) === 0n;
    const out = new BigUint64Array(1);
    check('mdb_env_create', lmdb.envCreate(out));
    const env = Number(out[0]);
    try {
      const mapSizeBytes = options.mapSizeBytes || (isNew ? GIB : 0);
      if (mapSizeBytes > 0) check('mdb_env_set_mapsize', lmdb.envSetMapSize(env, mapSizeBytes));
      check('mdb_env_set_maxdbs', lmdb.envSetMaxDbs(env, options.maxDbs || DEFAULT_MAX_DBS));
      // MDB_CREATE is no environment flag: its bit means NOMETASYNC there (the reference's ENV-06).
      const flags =
        EnvFlag.noTls |
        (options.noSubdir ? EnvFlag.noSubdir : 0) |
        (options.readOnly ? EnvFlag.readOnly : 0) |
        (options.writeMap ? EnvFlag.writeMap : 0) |
        (options.noSync ? EnvFlag.noSync : 0);
      const code = lmdb.envOpen(env, path, flags, options.fileMask || DEFAULT_FILE_MASK);
      if (code === Errno.tryAgain) throw new SamePidError(`open ${path}`, code, process.pid);
      const isFormat = code === Code.versionMismatch || code === Code.invalid;
      if (isFormat && hasKnownFormat(dataPath)) throw new LockFormatError(`open ${path}`, code);
      check(`open ${path}`, code);
      const environment = new Environment(path, dataPath, options, env);
      environment.clearStaleReaders();
      Environment.#open.add(environment.#dataFile.identity);
      return environment;
    } catch (error) {
      lmdb.envClose(env);
      throw error;
    }
  }

  /** Ends what is still open (transactions left behind by an error path) and closes the environment. */
  close(): void {
    if (this.#closed) return;
    for (const transaction of [...this.#live]) transaction.abort();
    this.#closed = true;
    Environment.#open.delete(this.#dataFile.identity);
    liblmdb().envClose(this.#env);
  }

  /**
   * A reader's view of the last commit.
   * @throws ReadersFullError, SamePidError, LmdbError
   */
  beginRead(): ReadTransaction {
    return this.#track(new ReadTransaction(this.#begin(EnvFlag.readOnly), this.#hooks));
  }

  /**
   * Waits for the write lock, for as long as the application holds it: this blocks the thread.
   * @throws LmdbError
   */
  beginWrite(): WriteTransaction {
    return this.#track(new WriteTransaction(this.#begin(0), this.#env, this.#hooks));
  }

  /** Runs `body` in a read transaction that ends with it, whatever happens. */
  read<T>(body: (transaction: ReadTransaction) => T): T {
    const transaction = this.beginRead();
    try {
      return body(transaction);
    } finally {
      transaction.abort();
    }
  }

  /** Runs `body` in a write transaction: committed when it returns, aborted when it throws. */
  write<T>(body: (transaction: WriteTransaction) => T): T {
    const transaction = this.beginWrite();
    try {
      const result = body(transaction);
      transaction.commit();
      return result;
    } finally {
      transaction.abort();
    }
  }

  info(): EnvironmentInfo {
    const info = new BigUint64Array(5);
    check('mdb_env_info', liblmdb().envInfo(this.#env, info));
    return {
      mapSizeBytes: Number(info[1]),
      lastPageNumber: Number(info[2]),
      lastTxnId: Number(info[3]),
      maxReaders: Number(info[4]! & 0xffff_ffffn),
      numReaders: Number(info[4]! >> 32n),
    };
  }

  /** The reader table, this process's own entries included. */
  readers(): ReaderInfo[] {
    const readers: ReaderInfo[] = [];
    liblmdb().readerList(
      this.#env,
      (line) => {
        const [pid, thread, txn] = line.trim().split(/\s+/);
        if (pid && thread && /^\d+$/.test(pid)) {
          readers.push({ pid: Number(pid), thread, txnId: txn === undefined || txn === '-' ? undefined : Number(txn) });
        }
        return 0;
      },
      0,
    );
    return readers;
  }

  /** Frees the slots of readers whose process died; @returns how many. */
  clearStaleReaders(): number {
    const dead = new Int32Array(1);
    check('mdb_reader_check', liblmdb().readerCheck(this.#env, dead));
    return dead[0]!;
  }

  /**
   * Slots of the reader table, taken or free. Each open read transaction takes one, a renewed one keeps its own
   * (`ReadTransaction.renew`), and a write transaction needs none.
   */
  get readerSlots(): number {
    return this.info().maxReaders;
  }

  /** Whether the path still names the file that is open. One system call. @throws FileAccessError */
  dataFileState(): DataFileState {
    return this.#dataFile.state();
  }

  /** Whether a path leads to the open data file, whatever its name. @throws FileAccessError, MissingFileError */
  isDataFile(path: string): boolean {
    const there = statOf(path);
    return there !== undefined && identityOf(there) === this.#dataFile.identity;
  }

  /** Device and inode of the open data file. */
  get dataFileIdentity(): string {
    return this.#dataFile.identity;
  }

  /** When the open data file was changed last, whatever its path names now; nanoseconds since 1970. */
  mtimeNano(): bigint {
    return this.#dataFile.mtimeNano();
  }

  /** Size of the open data file. Under MDB_WRITEMAP that is the map's; what is used tells `info().lastPageNumber`. */
  sizeBytes(): number {
    return this.#dataFile.sizeBytes();
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Transactions of this process that are open, for leak checks. */
  get openTransactions(): number {
    return this.#live.size;
  }

  /**
   * Sets the size of the map; 0 adopts what another process set. No write transaction may be open; cursors of readers are
   * closed, the readers live on.
   * @throws LmdbError
   */
  setMapSize(sizeBytes: number): void {
    // The map moves: a cursor of a held reader would go on reading where it was.
    for (const transaction of this.#live) transaction.closeCursors();
    check('mdb_env_set_mapsize', liblmdb().envSetMapSize(this.#env, sizeBytes));
  }

  /**
   * Makes durable what was committed, by whatever process, without a sync of its own (`MDB_NOSYNC`). Takes no lock.
   * @throws LmdbError
   */
  sync(): void {
    if (!this.options.noSync) check('mdb_env_sync', liblmdb().envSync(this.#env, 1));
  }

  /**
   * Whether commits from now on wait for their meta page, too. While they do not, a power failure may undo the last of them; its pages are
   * on the disk before the next one is, so that nothing is torn.
   * @throws LmdbError
   */
  syncMeta(isOn: boolean): void {
    check('mdb_env_set_flags', liblmdb().envSetFlags(this.#env, EnvFlag.noMetaSync, isOn ? 0 : 1));
  }

  #begin(flags: number): Address {
    if (this.#closed) throw new TypeError('the environment is closed');
    const out = new BigUint64Array(1);
    const begin = () => liblmdb().txnBegin(this.#env, 0, flags, out);
    let code = begin();
    // Another process enlarged the map; readers that are held look at pages through a mapping of their own (btree).
    for (let attempt = 0; code === Code.mapResized && attempt < 8; attempt++) {
      this.setMapSize(0);
      code = begin();
    }
    if (code === Code.readersFull && this.clearStaleReaders() > 0) code = begin();
    if (code === Code.readersFull) throw new ReadersFullError(this.readerSlots);
    // The lock on our place in the lock file (`mdb_reader_pid`); POSIX lets fcntl say either.
    const isOthers = () => flags === EnvFlag.readOnly && (code === Errno.tryAgain || code === Errno.accessDenied);
    for (let attempt = 0; isOthers() && attempt < SAME_PID_ATTEMPTS; attempt++) {
      Atomics.wait(sleepCell, 0, 0, SAME_PID_PAUSE_MS);
      code = begin();
    }
    if (isOthers()) throw new SamePidError('mdb_txn_begin', code, process.pid);
    if (code === Code.mapResized)
      throw new MapResizedError('MAP_RESIZED', 'mdb_txn_begin', code, 'the map keeps growing');
    check('mdb_txn_begin', code);
    return Number(out[0]);
  }

  #track<T extends ReadTransaction>(transaction: T): T {
    this.#live.add(transaction);
    return transaction;
  }

  readonly #hooks: TransactionHooks = {
    opensDbi: (transaction) => {
      // Two at once would take the same slot: the end of one closes the handles of the other, whose commit fails (MDB_BAD_DBI).
      if (this.#dbiOwner && this.#dbiOwner !== transaction) {
        throw new TypeError('another transaction of this environment has opened DBIs and has not ended (mdb_dbi_open)');
      }
      this.#dbiOwner = transaction;
    },
    closesDbis: (transaction) => {
      if (this.#dbiOwner === transaction) this.#dbiOwner = undefined;
    },
    ended: (transaction) => {
      this.#live.delete(transaction);
      if (this.#dbiOwner === transaction) this.#dbiOwner = undefined;
    },
  };
}

function makeFolder(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { recursive: true, mode });
  } catch (error) {
    const errno = -((error as NodeJS.ErrnoException).errno ?? 0);
    // A file of that name is in the way.
    check(`create ${folder}`, errno === Errno.exists ? Errno.notDirectory : errno);
  }
}
