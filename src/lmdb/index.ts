export { ByteCopier, ByteMatcher } from './bytes.ts';
export { Code, DBI_FLAGS_MASK, DbiFlag, MAX_KEY_SIZE, PRIVATE_DBI_PREFIX, PutFlag } from './constants.ts';
export { Cursor } from './cursor.ts';
export type { DataFileState } from './data-file.ts';
export type { Dbi } from './dbi.ts';
export {
  compareDbiNames,
  dbiNameBytes,
  dbiNameOf,
  isDbiName,
  showDbiName,
} from './dbi-name.ts';
export { Environment, type EnvironmentInfo, type EnvironmentOptions, type ReaderInfo } from './environment.ts';
export {
  BadDbiNameError,
  BadValueSizeError,
  DbsFullError,
  DiskError,
  DiskFullError,
  FileAccessError,
  LibraryMissingError,
  LmdbError,
  LockFormatError,
  MapFullError,
  MapResizedError,
  MissingDbiError,
  MissingFileError,
  NotLmdbError,
  ReadersFullError,
  SamePidError,
} from './errors.ts';
export { acquireInstanceLock, type InstanceLock, InstanceLockedError } from './instance-lock.ts';
export { exitAtOnce, type Liblmdb, liblmdb, shareOneHeap } from './library.ts';
export { type FileMapping, mapFile } from './memory.ts';
export { ShortSha256 } from './sha256.ts';
export { type DbiStat, ReadTransaction, WriteTransaction } from './transaction.ts';
export { copyView, type TransactionView } from './views.ts';
