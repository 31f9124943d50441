/** Numbers of `lmdb.h` (liblmdb 0.9); only those that lmdbstream uses. */

/** Flags of `mdb_env_open`. */
export const EnvFlag = {
  noSubdir: 0x4000,
  noSync: 0x10000,
  noMetaSync: 0x40000,
  readOnly: 0x20000,
  writeMap: 0x80000,
  noTls: 0x200000,
} as const;

/** The flags that a DBI keeps in the file; also what a snapshot carries. */
export const DbiFlag = {
  reverseKey: 0x02,
  dupSort: 0x04,
  integerKey: 0x08,
  dupFixed: 0x10,
  integerDup: 0x20,
  reverseDup: 0x40,
} as const;

/** All persistent flags together. */
export const DBI_FLAGS_MASK = 0x7e;

/** `mdb_dbi_open` only; never stored. */
export const CREATE = 0x40000;

/** Flags of `mdb_put` and `mdb_cursor_put`. */
export const PutFlag = {
  none: 0,
  noOverwrite: 0x10,
  noDupData: 0x20,
  append: 0x20000,
  appendDup: 0x40000,
} as const;

/** Operations of `mdb_cursor_get` (`enum MDB_cursor_op`). */
export const CursorOp = {
  first: 0,
  getBoth: 2,
  getBothRange: 3,
  getCurrent: 4,
  last: 6,
  next: 8,
  set: 15,
  setRange: 17,
} as const;

/** Return codes that callers tell apart. */
export const Code = {
  success: 0,
  keyExist: -30799,
  notFound: -30798,
  corrupted: -30796,
  versionMismatch: -30794,
  invalid: -30793,
  mapFull: -30792,
  dbsFull: -30791,
  readersFull: -30790,
  mapResized: -30785,
  incompatible: -30784,
  badTxn: -30782,
  badValSize: -30781,
  badDbi: -30780,
} as const;

/** Numbers of the system (`errno.h`) that are told apart. */
export const Errno = { noEntry: 2, tryAgain: 11, accessDenied: 13, exists: 17, notDirectory: 20 } as const;

/** `mdb_env_get_maxkeysize` of every liblmdb in distributions; keys and duplicates may not be longer. */
export const MAX_KEY_SIZE = 511;

/** Names that start with this are lmdbstream's own (and the reference's) and never travel. */
export const PRIVATE_DBI_PREFIX = '_sync';
