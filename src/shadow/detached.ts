import type { WriteTransaction } from '../lmdb/index.ts';
import type { Schema } from './schema.ts';
import { detachedMarks, storeOf, UNKNOWN_FLAGS, writeDetachedMark } from './store/index.ts';
import type { DatabaseView } from './view.ts';

export { detachedMarks, UNKNOWN_FLAGS };

/**
 * Whether the application dropped a DBI whose entries are kept (decision 9): its shadow is there and it is not. What the fleet
 * changes in it goes to the shadow only, nothing of it is published, and when the application makes it again it is filled.
 */
export function isDetached(dbiName: string, view: DatabaseView, { native, droppedDbis }: Schema): boolean {
  if (native || droppedDbis === 'delete' || view.dbis.has(dbiName)) return false;
  return storeOf(false).entries(view, dbiName) !== undefined;
}

/** All of them. */
export function detachedDbis(view: DatabaseView, schema: Schema): string[] {
  return storeOf(false)
    .dbiNames(view)
    .filter((name) => isDetached(name, view, schema));
}

/**
 * Remembers which DBIs are detached, so that one that the application makes again while we are stopped is filled too, and not taken
 * for one that it has emptied. Under the lock, by what is there now.
 *
 * @param isThere whether the application has a DBI; asked of the transaction where nothing is given
 */
export function markDetached(
  transaction: WriteTransaction,
  marks: ReadonlyMap<string, number>,
  isThere = (name: string): boolean => transaction.openDbi(name) !== undefined,
): void {
  for (const [name, flags] of marks) writeDetachedMark(transaction, name, isThere(name) ? undefined : flags);
}

/** Flags of the DBIs that were dropped, as far as they were known then. */
export function rememberedFlags(view: DatabaseView): [dbiName: string, flags: number][] {
  return [...detachedMarks(view)].filter(([, flags]) => flags !== UNKNOWN_FLAGS);
}
