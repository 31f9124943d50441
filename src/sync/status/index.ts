/** What happens, as data; and what is made of it: the status of a database, and lines of the log. */

export type {
  ChangedDbi,
  ChangedKey,
  ChangeEvent,
  ChangeEventBody,
  ChangeListening,
  ChangeOrigin,
} from './change-event.ts';
export {
  type DatabasePhase,
  type DbiStats,
  type EnvironmentStats,
  type ErrorInfo,
  errorInfo,
  errorText,
  type LimitName,
  type LmdbStats,
  type ObjectRef,
  type Report,
  refOf,
  type SidecarStats,
  type SyncEvent,
  type SyncEventBody,
} from './events.ts';
export { lineOf } from './line.ts';
export { PendingChanges } from './pending-changes.ts';
export { downloadProgress, isProgress, ProgressPace } from './progress.ts';
export { type FailureReport, RepeatedFailure, reportFields } from './repeated-failure.ts';
export { type DatabaseStatus, newStatus, reduceStatus } from './status.ts';
