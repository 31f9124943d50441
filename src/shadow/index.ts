export {
  assertSupported,
  compareChanged,
  compareEverything,
  fillShadows,
  type LocalScope,
} from './changes.ts';
export type { PostponedEmpty } from './dbi-writer.ts';
export { DirectWinners } from './direct-winners.ts';
export { UnsupportedDbiError } from './errors.ts';
export { KeySet } from './key-set.ts';
export { nativeChanges } from './native-changes.ts';
export { newestTime } from './newest.ts';
export { collectPending } from './pending.ts';
export { WritePlan } from './plan.ts';
export { FillWriter, PlanWriter } from './plan-writer.ts';
export type { PlannedDbi, PlannedWrite, WinnerSink, WriteSink } from './planned.ts';
export { RemoteComparer, type RemoteOptions } from './remote.ts';
export { deltaSources, snapshotSources } from './sources.ts';
export { isPrivate, SHADOW_PREFIX, type ShadowStore, storeOf } from './store/index.ts';
export type { Schema } from './target.ts';
export { cursorView, type DatabaseView, type DbiView, pagedView, type Snapshotted } from './view.ts';
