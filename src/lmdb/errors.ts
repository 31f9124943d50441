import { LmdbstreamError } from '../errors/index.ts';
import { Code } from './constants.ts';

/** Anything liblmdb or the system answered that has no class of its own. `errno` is LMDB's or the system's number. */
export class LmdbError extends LmdbstreamError {
  readonly errno: number;
  /** What was being done, e.g. `mdb_put`. */
  readonly operation: string;

  constructor(code: string, operation: string, errno: number, text: string, hint?: string) {
    super(code, `${operation}: ${text}`, { hint });
    this.operation = operation;
    this.errno = errno;
  }
}

/** liblmdb could not be loaded. */
export class LibraryMissingError extends LmdbstreamError {
  constructor(tried: readonly string[], cause: unknown) {
    super('LIBLMDB_MISSING', `liblmdb was not found (tried ${tried.join(', ')})`, {
      hint: 'install it (Debian and Ubuntu: apt-get install liblmdb0) or set LMDBSTREAM_LIBLMDB to its path',
      cause,
    });
  }
}

/** The map is full: the put did not happen and its transaction can only be aborted. */
export class MapFullError extends LmdbError {}
/** Another process enlarged the map. `Environment` adopts the new size by itself; seen only when that fails. */
export class MapResizedError extends LmdbError {}
/** Every slot of the reader table is taken. */
export class ReadersFullError extends LmdbError {
  /** How many there are: what the application, or whoever opened the LMDB first, has asked for (`mdb_env_set_maxreaders`). */
  readonly slots: number;

  constructor(slots: number) {
    const taken = slots === 1 ? 'the only slot is taken' : `all ${slots} slots are taken`;
    super(
      'READERS_FULL',
      'mdb_txn_begin',
      Code.readersFull,
      `the reader table is full: ${taken}`,
      'let the application, which opens the LMDB first, ask for more (mdb_env_set_maxreaders), or stop some readers; mdb_stat -rr lists them',
    );
    this.slots = slots;
  }
}
/**
 * A process of another PID namespace has our process id, and so our place in the lock file: LMDB tells readers apart by that
 * id alone. It passes when that process closes the LMDB.
 */
export class SamePidError extends LmdbError {
  constructor(operation: string, errno: number, pid: number) {
    super(
      'SAME_PID',
      operation,
      errno,
      `another process with our process id (${pid}) uses this LMDB, in another container`,
      'give every container on one LMDB other process ids with --minimum-pid (sync --minimum-pid 50), or let them share a PID namespace',
    );
  }
}
/** The disk, or what lies between it and us, failed. */
export class DiskError extends LmdbError {}
/** More DBIs than `max_dbs`. */
export class DbsFullError extends LmdbError {}
/** The data file is not an LMDB, or has a format this liblmdb cannot read. */
export class NotLmdbError extends LmdbError {}
/** The data file is one of ours, but whoever has it open keeps a lock file of another layout. */
export class LockFormatError extends NotLmdbError {
  constructor(operation: string, errno: number) {
    super(
      'LOCK_FORMAT',
      operation,
      errno,
      'the lock file beside the data file is of another LMDB',
      'a program with another build of LMDB (LMDB 1.0, the npm package `lmdb`, 32 bits) has this LMDB open: only programs of one and the same liblmdb can share it',
    );
  }
}
/** The path does not exist. */
export class MissingFileError extends LmdbError {}
/** No right to read or write the file. */
export class FileAccessError extends LmdbError {}
/** Key or value of a length that LMDB refuses. */
export class BadValueSizeError extends LmdbError {}
/** The DBI does not exist. */
export class MissingDbiError extends LmdbError {}
/** A name that no DBI can have: empty, longer than a key, or with a NUL in it. */
export class BadDbiNameError extends LmdbstreamError {
  constructor(name: string) {
    super('BAD_DBI_NAME', `not a name of a DBI: ${JSON.stringify(name)}`, {
      hint: 'a name has 1 to 511 bytes, and no NUL among them',
    });
  }
}
/** The file system is full. */
export class DiskFullError extends LmdbError {}

type ErrorClass = new (code: string, operation: string, errno: number, text: string, hint?: string) => LmdbError;

const KNOWN = new Map<number, [ErrorClass, string, string | undefined]>([
  [Code.mapFull, [MapFullError, 'MAP_FULL', 'raise options.map_size, here and in the application']],
  [Code.mapResized, [MapResizedError, 'MAP_RESIZED', undefined]],
  [
    Code.dbsFull,
    [
      DbsFullError,
      'DBS_FULL',
      'raise options.max_dbs of this database in the configuration: every DBI needs a second one for its shadow',
    ],
  ],
  [
    Code.versionMismatch,
    [
      NotLmdbError,
      'LMDB_FORMAT',
      'the data file has another LMDB format (the npm package `lmdb` and LMDB 1.0 each write one): the application must use the liblmdb of this system (0.9), and the LMDB be dumped and loaded again (mdb_dump, mdb_load)',
    ],
  ],
  [Code.invalid, [NotLmdbError, 'NOT_LMDB', 'the file is not an LMDB data file: check the path and no_subdir']],
  [Code.badValSize, [BadValueSizeError, 'BAD_VALSIZE', undefined]],
  [2, [MissingFileError, 'NO_SUCH_FILE', 'check the path, or set options.create']],
  [
    13,
    [FileAccessError, 'ACCESS_DENIED', 'run as the user that owns the LMDB, or give this user read and write rights'],
  ],
  [
    1,
    [FileAccessError, 'ACCESS_DENIED', 'run as the user that owns the LMDB, or give this user read and write rights'],
  ],
  [30, [FileAccessError, 'READ_ONLY', 'the file system is mounted read-only']],
  [20, [MissingFileError, 'NOT_A_DIRECTORY', 'the path is a file: set options.no_subdir']],
  [21, [MissingFileError, 'IS_A_DIRECTORY', 'the path is a directory: unset options.no_subdir']],
  [28, [DiskFullError, 'DISK_FULL', 'make room on the file system of the LMDB']],
  [122, [DiskFullError, 'DISK_QUOTA', 'make room within the quota of this user on the file system of the LMDB']],
  [27, [DiskFullError, 'FILE_TOO_LARGE', 'raise the largest size of a file (ulimit -f; LimitFSIZE of the unit)']],
  // LMDB answers so to a write that was cut short, which is how a full disk shows first.
  [5, [DiskError, 'IO_ERROR', 'look for a full disk first, then at the system log for errors of the disk']],
]);

const NAMES = new Map<number, string>([
  [Code.keyExist, 'KEYEXIST'],
  [Code.notFound, 'NOTFOUND'],
  [Code.corrupted, 'CORRUPTED'],
  [Code.incompatible, 'INCOMPATIBLE'],
  [Code.badTxn, 'BAD_TXN'],
  [Code.badDbi, 'BAD_DBI'],
]);

/** The typed error for a return code; `text` is `mdb_strerror`'s. */
export function lmdbErrorOf(operation: string, errno: number, text: string): LmdbError {
  const known = KNOWN.get(errno);
  if (known) return new known[0](known[1], operation, errno, text, known[2]);
  return new LmdbError(NAMES.get(errno) ?? `LMDB_${errno}`, operation, errno, text);
}
