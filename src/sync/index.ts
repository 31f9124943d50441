export { type Clock, systemClock } from './clock.ts';
export { type DatabaseOptions, DatabaseSync } from './database.ts';
export { RemoteIndex } from './remote-index.ts';
export { type RunOptions, runSync } from './run.ts';
export type { DatabaseStatus } from './status.ts';
