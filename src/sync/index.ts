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
export {
  type ChangedDbi,
  type ChangedKey,
  type ChangeEvent,
  type ChangeOrigin,
  type DatabasePhase,
  type DatabaseStatus,
  type DbiStats,
  type ErrorInfo,
  type LmdbStats,
  type ObjectRef,
  PendingChanges,
  RepeatedFailure,
  reportFields,
  type SyncEvent,
  type SyncEventBody,
} from './status/index.ts';
export { loadCutoff } from './sweep/index.ts';
export { type Clock, nowMs, systemClock, Wake } from './time/index.ts';
