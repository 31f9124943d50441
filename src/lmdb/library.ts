import koffi from 'koffi';
import { Code } from './constants.ts';
import { LibraryMissingError, lmdbErrorOf } from './errors.ts';

/** An address in this process. User space ends below 2^47, so a double holds it exactly and no BigInt is made. */
export type Address = number;

type Call = (...args: unknown[]) => number;

/** liblmdb's functions as koffi binds them: every pointer is a plain number, every result LMDB's return code. */
export interface Liblmdb {
  readonly path: string;
  readonly versionText: string;
  readonly envCreate: Call;
  readonly envOpen: Call;
  readonly envClose: Call;
  readonly envSetMapSize: Call;
  readonly envSetFlags: Call;
  readonly envSetMaxDbs: Call;
  readonly envGetFd: Call;
  readonly envInfo: Call;
  readonly envStat: Call;
  readonly envSync: Call;
  readonly txnBegin: Call;
  readonly txnCommit: Call;
  readonly txnAbort: Call;
  readonly txnReset: Call;
  readonly txnRenew: Call;
  readonly txnId: Call;
  readonly dbiOpen: Call;
  readonly dbiClose: Call;
  readonly dbiFlags: Call;
  readonly stat: Call;
  readonly drop: Call;
  readonly get: Call;
  readonly put: Call;
  readonly del: Call;
  readonly cursorOpen: Call;
  readonly cursorClose: Call;
  readonly cursorGet: Call;
  readonly cursorPut: Call;
  readonly readerCheck: Call;
  readonly readerList: (env: Address, each: (line: string) => number, context: number) => number;
  readonly strerror: (code: number) => string;
}

/** The few functions of libc that are needed. */
export interface Libc {
  readonly mmap: Call;
  readonly munmap: Call;
  readonly exit: Call;
  readonly memcpy: Call;
  /** @returns 0, or -1 with `errno` set */
  readonly flock: Call;
  readonly errno: () => number;
}

const CANDIDATES = ['liblmdb.so.0', 'liblmdb.so', 'liblmdb.dylib'];

let library: Liblmdb | undefined;
let libc: Libc | undefined;

/**
 * The system's liblmdb, loaded at the first call (decision 1). `LMDBSTREAM_LIBLMDB` names another file.
 * @throws LibraryMissingError
 */
export function liblmdb(): Liblmdb {
  library ??= bind();
  return library;
}

function bind(): Liblmdb {
  const override = process.env.LMDBSTREAM_LIBLMDB;
  const tried = override ? [override] : CANDIDATES;
  const { handle, path } = loadFirst(tried);
  const call = (name: string, args: string[], result = 'int') => handle.func(`mdb_${name}`, result, args) as Call;
  const eachLine = koffi.pointer(koffi.proto('int LmdbstreamReaderLine(str line, uint64 context)'));
  return {
    path,
    versionText: String(handle.func('mdb_version', 'str', ['void*', 'void*', 'void*'])(null, null, null)),
    envCreate: call('env_create', ['void*']),
    envOpen: call('env_open', ['uint64', 'str', 'uint', 'uint']),
    envClose: call('env_close', ['uint64'], 'void'),
    envSetMapSize: call('env_set_mapsize', ['uint64', 'uint64']),
    envSetFlags: call('env_set_flags', ['uint64', 'uint', 'int']),
    envSetMaxDbs: call('env_set_maxdbs', ['uint64', 'uint']),
    envGetFd: call('env_get_fd', ['uint64', 'void*']),
    envInfo: call('env_info', ['uint64', 'void*']),
    envStat: call('env_stat', ['uint64', 'void*']),
    envSync: call('env_sync', ['uint64', 'int']),
    txnBegin: call('txn_begin', ['uint64', 'uint64', 'uint', 'void*']),
    txnCommit: call('txn_commit', ['uint64']),
    txnAbort: call('txn_abort', ['uint64'], 'void'),
    txnReset: call('txn_reset', ['uint64'], 'void'),
    txnRenew: call('txn_renew', ['uint64']),
    txnId: call('txn_id', ['uint64'], 'uint64'),
    dbiOpen: call('dbi_open', ['uint64', 'void*', 'uint', 'void*']),
    dbiClose: call('dbi_close', ['uint64', 'uint'], 'void'),
    dbiFlags: call('dbi_flags', ['uint64', 'uint', 'void*']),
    stat: call('stat', ['uint64', 'uint', 'void*']),
    drop: call('drop', ['uint64', 'uint', 'int']),
    get: call('get', ['uint64', 'uint', 'uint64', 'uint64']),
    put: call('put', ['uint64', 'uint', 'uint64', 'uint64', 'uint']),
    del: call('del', ['uint64', 'uint', 'uint64', 'uint64']),
    cursorOpen: call('cursor_open', ['uint64', 'uint', 'void*']),
    cursorClose: call('cursor_close', ['uint64'], 'void'),
    cursorGet: call('cursor_get', ['uint64', 'uint64', 'uint64', 'int']),
    cursorPut: call('cursor_put', ['uint64', 'uint64', 'uint64', 'uint']),
    readerCheck: call('reader_check', ['uint64', 'void*']),
    readerList: handle.func('mdb_reader_list', 'int', ['uint64', eachLine, 'uint64']) as never,
    strerror: handle.func('mdb_strerror', 'str', ['int']) as never,
  };
}

function loadFirst(paths: readonly string[]): { handle: ReturnType<typeof koffi.load>; path: string } {
  let cause: unknown;
  for (const path of paths) {
    try {
      return { handle: koffi.load(path), path };
    } catch (error) {
      cause = error;
    }
  }
  throw new LibraryMissingError(paths, cause);
}

/** libc's mmap and friends, loaded at the first call. */
export function systemLibc(): Libc {
  if (!libc) {
    const { handle } = loadFirst(['libc.so.6', 'libSystem.dylib']);
    libc = {
      mmap: handle.func('mmap', 'uint64', ['uint64', 'uint64', 'int', 'int', 'int', 'int64']) as Call,
      exit: handle.func('_exit', 'void', ['int']) as Call,
      munmap: handle.func('munmap', 'int', ['uint64', 'uint64']) as Call,
      flock: handle.func('flock', 'int', ['int', 'int']) as Call,
      errno: () => koffi.errno(),
      memcpy: handle.func('memcpy', 'uint64', ['uint64', 'uint64', 'uint64']) as Call,
    };
  }
  return libc;
}

/**
 * Ends the process now. `process.exit` waits for its worker threads, and one that waits in liblmdb for the application's
 * write lock answers to nobody. To the system it is a crash: LMDB's lock is robust, and readers are cleared by their pid.
 */
export function exitAtOnce(code: number): void {
  systemLibc().exit(code);
}

const M_ARENA_MAX = -8;

/**
 * Makes glibc serve all threads from one heap. LMDB allocates every page that a transaction writes; in the heap that glibc
 * gives a worker thread this costs a third more time for a million records, and for nothing: our threads allocate in turns.
 * To be called before the first worker starts; without effect on other C libraries.
 */
export function shareOneHeap(): void {
  try {
    loadFirst(['libc.so.6']).handle.func('mallopt', 'int', ['int', 'int'])(M_ARENA_MAX, 1);
  } catch {
    // musl has neither that name nor that problem.
  }
}

/** Throws the typed error of a return code other than success. */
export function check(operation: string, code: number): void {
  if (code !== Code.success) throw lmdbErrorOf(operation, code, liblmdb().strerror(code));
}
