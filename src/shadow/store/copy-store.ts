import { compareKeys } from '../../btree/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import { type DatabaseView, type DbiView, entriesView } from '../view.ts';
import { HeaderedEntries } from './headered-entries.ts';
import { HeaderedWriter } from './headered-writer.ts';
import { JoinedEntries } from './joined-entries.ts';
import { canBeShadowed, shadowedName, shadowFlags, shadowName } from './names.ts';
import { SidecarWriter } from './sidecar-writer.ts';
import type { ShadowStore } from './store.ts';

/**
 * Shadow mode: a DBI `_sync_shadow_<name>` for each of the application's; as the reference has it in the same LMDB, or in a sidecar,
 * where digests stand for values (decision 16). A view says which of the two it is.
 */
export const copyStore: ShadowStore = {
  isCopy: true,
  holdsEntries: (name) => shadowedName(name) !== undefined,
  dbiNameOf: (name) => shadowedName(name) ?? name,
  canName: canBeShadowed,
  canTakeKeysOf(main, view) {
    const shadow = shadowOf(view, main.name);
    return shadow === undefined || canHoldKeys(shadow, main);
  },
  dbiNames: (view) => [...entriesView(view).dbis.keys()].map(shadowedName).filter((name) => name !== undefined),
  entries(view, dbiName) {
    const shadow = shadowOf(view, dbiName);
    if (shadow === undefined) return undefined;
    return view.sidecar ? new JoinedEntries(shadow, view.dbis.get(dbiName)) : new HeaderedEntries(shadow);
  },
  isSame(a, b) {
    // A sidecar has one writer.
    if (a.sidecar) return a.sidecar.txnId === b.sidecar?.txnId;
    const names = new Set([...a.dbis.keys(), ...b.dbis.keys()].filter(copyStore.holdsEntries));
    // Without pages there is no root to compare: LMDB's cursors tell nothing of what changed.
    return [...names].every((name) => hasSameRoot(a.dbis.get(name), b.dbis.get(name)));
  },
  orderOf: (dbiFlags) => compareKeys(shadowFlags(dbiFlags)),
  writer: (transaction, dbi, beside) =>
    beside
      ? new SidecarWriter(transaction, dbi, beside)
      : new HeaderedWriter(transaction, shadowName(dbi.name), shadowFlags(dbi.flags), dbi),
};

function shadowOf(view: DatabaseView, dbiName: string): DbiView | undefined {
  return entriesView(view).dbis.get(shadowName(dbiName));
}

function hasSameRoot(a: DbiView | undefined, b: DbiView | undefined): boolean {
  return a?.tree?.root !== undefined && a.tree.root === b?.tree?.root;
}

/** A DBI of integer keys orders keys of any other kind or size wrongly, without a word; one of byte strings holds them all. */
function canHoldKeys(shadow: DbiView, main: DbiView): boolean {
  if (!(shadow.flags & DbiFlag.integerKey)) return true;
  if (!(shadowFlags(main.flags) & DbiFlag.integerKey)) return false;
  if (shadow.entries === 0 || main.entries === 0) return true;
  return firstKeySize(shadow) === firstKeySize(main);
}

function firstKeySize(dbi: DbiView): number {
  const walker = dbi.walk();
  return walker.next() ? walker.keyEnd - walker.keyStart : 0;
}
