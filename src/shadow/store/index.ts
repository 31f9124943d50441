import { inlineStore } from './inline-store.ts';
import { nativeStore } from './native-store.ts';
import type { ShadowStore } from './store.ts';

export { detachedMarks, UNKNOWN_FLAGS, writeDetachedMark } from './detached-mark.ts';
export { type FillMarker, hasFillMarker, readFillMarker, removeFillMarker, writeFillMarker } from './fill-marker.ts';
export { isPrivate, SHADOW_PREFIX } from './names.ts';
export type { EntryWriter, ShadowStore, StoredEntries, StoredReader, StoredWalker } from './store.ts';

export function storeOf(native: boolean): ShadowStore {
  return native ? nativeStore : inlineStore;
}
