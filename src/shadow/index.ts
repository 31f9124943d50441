export { type ApplyOptions, PlanWriter, TouchedKeys } from './apply.ts';
export {
  assertSupported,
  compareChanged,
  compareEverything,
  type LocalScope,
  nativeChanges,
  PendingKeys,
  type Snapshotted,
} from './changes.ts';
export { snapshotSources } from './dump.ts';
export { UnsupportedDbiError } from './errors.ts';
export type { LocalTimes } from './local.ts';
export { isPrivate, SHADOW_PREFIX, shadowedName, shadowFlags, shadowName } from './names.ts';
export { type PlannedDbi, type PlannedWrite, PlanReader, WritePlan } from './plan.ts';
export { RemoteComparer, type RemoteOptions } from './remote.ts';
export type { Schema } from './target.ts';
export { cursorView, type DatabaseView, type DbiView, pagedView } from './view.ts';
