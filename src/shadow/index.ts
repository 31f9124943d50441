export { Adopter, type AdoptOptions } from './adopt.ts';
export {
  assertSupported,
  compareChanged,
  compareEverything,
  compareInto,
  type LocalScope,
} from './changes.ts';
export type { PostponedEmpty } from './dbi-writer.ts';
export { detachedDbis, markDetached, rememberedFlags } from './detached.ts';
export { DirectWinners } from './direct-winners.ts';
export { applicationKeyLength, valueOffset } from './dupsort.ts';
export { UnsupportedDbiError } from './errors.ts';
export { fillShadows } from './fill.ts';
export { Filling } from './filling.ts';
export { KeySet } from './key-set.ts';
export { emptySidecar, hasShadows, type MovedDbi, moveInline, moveToSidecar, startAnew } from './move.ts';
export { nativeChanges } from './native-changes.ts';
export { newestTime } from './newest.ts';
export { isSidecarThere, openSidecar, SidecarPlaceError } from './open-sidecar.ts';
export { collectPending } from './pending.ts';
export { WritePlan } from './plan.ts';
export { FillWriter, PlanWriter } from './plan-writer.ts';
export { type PlannedDbi, PlannedWrite, type WinnerSink, type WriteSink } from './planned.ts';
export { RemoteComparer, type RemoteOptions } from './remote.ts';
export { type Schema, schemaOf } from './schema.ts';
export { collectSince } from './since.ts';
export { deltaSources, entryCount, snapshotSources } from './sources.ts';
export {
  type Beside,
  dropIntents,
  hasFillMarker,
  isPrivate,
  keepValues,
  lacksValues,
  type Resolution,
  readFillMarker,
  readSidecarState,
  removeFillMarker,
  resolveIntents,
  SHADOW_PREFIX,
  type ShadowStore,
  SidecarDisagreesError,
  type SidecarState,
  storeOf,
  type ValuesKept,
  writeFillMarker,
  writeSidecarState,
} from './store/index.ts';
export {
  cursorView,
  type DatabaseView,
  type DbiView,
  type EntryWalker,
  entriesView,
  pagedView,
  type SidecarView,
  type Snapshotted,
} from './view.ts';
