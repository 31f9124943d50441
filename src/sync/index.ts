export { type DatabaseOptions, DatabaseSync } from './database.ts';
export { type RunOptions, runSync } from './process/run.ts';
export { RemoteIndex } from './remote/remote-index.ts';
export type { DatabasePhase, ErrorInfo, ObjectRef, SyncEvent } from './status/events.ts';
export type { DatabaseStatus } from './status/status.ts';
export { type Clock, systemClock } from './time/clock.ts';
