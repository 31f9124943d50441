import { compareKeys } from '../../btree/index.ts';
import { HeaderedEntries } from './headered-entries.ts';
import { HeaderedWriter } from './headered-writer.ts';
import { isPrivate } from './names.ts';
import type { ShadowStore } from './store.ts';

/** Native mode (`schema_tracks_changes`): the application writes the headers itself, and its DBIs are the entries. */
export const nativeStore: ShadowStore = {
  isCopy: false,
  holdsEntries: (name) => !isPrivate(name),
  dbiNameOf: (name) => name,
  canName: () => true,
  canTakeKeysOf: () => true,
  dbiNames: (view) => [...view.dbis.keys()].filter(nativeStore.holdsEntries),
  entries(view, dbiName) {
    const dbi = view.dbis.get(dbiName);
    return dbi && new HeaderedEntries(dbi);
  },
  isSame: (a, b) => a.txnId === b.txnId,
  orderOf: compareKeys,
  writer: (transaction, dbi) => new HeaderedWriter(transaction, dbi.name, dbi.flags, dbi),
};
