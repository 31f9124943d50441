export { ByteCopier, ByteMatcher } from './bytes.ts';
export { Code, DBI_FLAGS_MASK, DbiFlag, MAX_KEY_SIZE, PRIVATE_DBI_PREFIX, PutFlag } from './constants.ts';
export { Cursor } from './cursor.ts';
export { Environment, type EnvironmentInfo, type EnvironmentOptions, type ReaderInfo } from './environment.ts';
export {
  BadDbiNameError,
  BadValueSizeError,
  DbsFullError,
  DiskFullError,
  FileAccessError,
  LibraryMissingError,
  LmdbError,
  MapFullError,
  MapResizedError,
  MissingDbiError,
  MissingFileError,
  NotLmdbError,
  ReadersFullError,
} from './errors.ts';
export { exitAtOnce, type Liblmdb, liblmdb, shareOneHeap } from './library.ts';
export { type FileMapping, mapFile } from './memory.ts';
export { type Dbi, type DbiStat, ReadTransaction, WriteTransaction } from './transaction.ts';
export { copyView, type TransactionView } from './views.ts';
