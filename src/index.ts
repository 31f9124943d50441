/**
 * lmdbstream as a library. `startSync` keeps the databases of a configuration in step; the rest is what programs need that speak
 * to the same buckets and databases: the storage interface, the codec of snapshots, and the header of entries.
 */
export { type Config, ConfigError, loadConfig, parseConfig } from './config/index.ts';
export { LmdbstreamError } from './errors/index.ts';
export type { Log, LogFields } from './log/index.ts';
export * from './merge/index.ts';
export {
  buildSnapshotName,
  CorruptSnapshotError,
  type DbiSource,
  type EncodeOptions,
  type EntryCursor,
  encodeSnapshot,
  parseSnapshotName,
  type ReadOptions,
  RefusedSnapshotError,
  readSnapshot,
  type SnapshotHeader,
  type SnapshotMeta,
  type SnapshotName,
  SnapshotNameError,
  type SnapshotVisitor,
  type TimestampNano,
  toInstanceId,
  toTimestampNano,
} from './snapshot/index.ts';
export {
  createStorage,
  type ObjectBody,
  type ObjectDownload,
  type ObjectInfo,
  type ObjectStorage,
  StorageError,
} from './storage/index.ts';
export {
  type ChangedDbi,
  type ChangedKey,
  type ChangeEvent,
  type ChangeOrigin,
  type DatabasePhase,
  type DatabaseStatus,
  type ErrorInfo,
  type ObjectRef,
  type RunningSync,
  type StartOptions,
  type SyncEvent,
  startSync,
} from './sync/index.ts';
