/** Keeps databases in step with a bucket: `startSync` for a program, `DatabaseSync` for one database in this thread. */
export {
  FULL_TOKEN_BUCKET,
  type TokenBucketLimits,
  type TokenBucketState,
  takeToken,
  tokenWaitMs,
} from './chain/index.ts';
export { type DatabaseOptions, type DatabasePorts, DatabaseSync, systemPorts } from './database/index.ts';
export {
  prepareWorker,
  type RunningSync,
  type RunOptions,
  runSync,
  type StartOptions,
  startSync,
} from './process/index.ts';
export type {
  DatabasePhase,
  DatabaseStatus,
  DbiStats,
  ErrorInfo,
  LmdbStats,
  ObjectRef,
  SyncEvent,
  SyncEventBody,
} from './status/index.ts';
export { loadCutoff } from './sweep/index.ts';
export { type Clock, systemClock } from './time/index.ts';
