export { type ApplyOptions, DirectWriter, PlanWriter } from './apply.ts';
export {
  assertSupported,
  compareChanged,
  compareEverything,
  fillShadows,
  type LocalScope,
  nativeChanges,
  PendingKeys,
  type Snapshotted,
} from './changes.ts';
export { DirectPlan } from './direct-plan.ts';
export { snapshotSources } from './dump.ts';
export { UnsupportedDbiError } from './errors.ts';
export type { LocalTimes } from './local.ts';
export { isPrivate, SHADOW_PREFIX, shadowedName, shadowFlags, shadowName } from './names.ts';
export { newestTime } from './newest.ts';
export { type PlannedDbi, type PlannedWrite, PlanReader, WritePlan } from './plan.ts';
export { RemoteComparer, type RemoteOptions } from './remote.ts';
export type { Schema } from './target.ts';
export { TouchedKeys } from './touched.ts';
export { cursorView, type DatabaseView, type DbiView, pagedView } from './view.ts';
