/** The application's database: what changed in it, and what is merged into it. */

export type { ChangeReceiver } from './change-teller.ts';
export type { FileWatch } from './data-file.ts';
export type { PackOptions } from './fill-packing.ts';
export { LmdbDatabase, type LmdbDatabaseOptions } from './lmdb-database.ts';
export { isPassing, LocalChanges } from './local-changes.ts';
export type {
  Capture,
  LocalDatabase,
  Memory,
  MergeBatch,
  MergeObject,
  MergeResult,
  ShownState,
} from './local-database.ts';
export { type DataFileReplacedError, isReplaced } from './same-file.ts';
export { Sidecar, type SidecarOptions, type SidecarPoint } from './sidecar.ts';
export {
  ShadowBesideError,
  ShadowInsideError,
  SidecarMismatchError,
  SidecarNeedsPagesError,
} from './sidecar-errors.ts';
export type { LockWatch } from './write-lock.ts';
