import { copyStore } from './copy-store.ts';
import { nativeStore } from './native-store.ts';
import type { ShadowStore } from './store.ts';

export { detachedMarks, UNKNOWN_FLAGS, writeDetachedMark } from './detached-mark.ts';
export { type FillMarker, hasFillMarker, readFillMarker, removeFillMarker, writeFillMarker } from './fill-marker.ts';
export { dropIntents, type Resolution, resolveIntents } from './intents.ts';
export { SidecarDisagreesError } from './joined-entries.ts';
export { Kept } from './kept.ts';
export { MainValues, mainOf } from './main-values.ts';
export { isPrivate, SHADOW_PREFIX, shadowedName } from './names.ts';
export { SidecarEntry, StoredForm } from './sidecar-record.ts';
export { readSidecarState, type SidecarState, writeSidecarState } from './sidecar-state.ts';
export type { Beside, EntryWriter, ShadowStore, StoredEntries, StoredReader, StoredWalker, Values } from './store.ts';
export { keepValues, lacksValues, type ValuesKept } from './values.ts';

export function storeOf(native: boolean): ShadowStore {
  return native ? nativeStore : copyStore;
}
