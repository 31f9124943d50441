import { compareKeys } from '../../btree/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import type { DatabaseView, DbiView } from '../view.ts';
import { HeaderedEntries } from './headered-entries.ts';
import { HeaderedWriter } from './headered-writer.ts';
import { canBeShadowed, shadowedName, shadowFlags, shadowName } from './names.ts';
import type { ShadowStore } from './store.ts';

/** Shadow mode as the reference has it: a DBI `_sync_shadow_<name>` beside each of the application's, in the same LMDB. */
export const inlineStore: ShadowStore = {
  isCopy: true,
  holdsEntries: (name) => shadowedName(name) !== undefined,
  dbiNameOf: (name) => shadowedName(name) ?? name,
  canName: canBeShadowed,
  canTakeKeysOf(main, view) {
    const shadow = shadowOf(view, main.name);
    return shadow === undefined || canHoldKeys(shadow, main);
  },
  dbiNames: (view) => [...view.dbis.keys()].map(shadowedName).filter((name) => name !== undefined),
  entries(view, dbiName) {
    const shadow = shadowOf(view, dbiName);
    return shadow && new HeaderedEntries(shadow);
  },
  isSame(a, b) {
    const names = new Set([...a.dbis.keys(), ...b.dbis.keys()].filter(inlineStore.holdsEntries));
    // Without pages there is no root to compare: LMDB's cursors tell nothing of what changed.
    return [...names].every((name) => hasSameRoot(a.dbis.get(name), b.dbis.get(name)));
  },
  orderOf: (dbiFlags) => compareKeys(shadowFlags(dbiFlags)),
  writer: (transaction, dbi) => new HeaderedWriter(transaction, shadowName(dbi.name), shadowFlags(dbi.flags), dbi),
};

function shadowOf(view: DatabaseView, dbiName: string): DbiView | undefined {
  return view.dbis.get(shadowName(dbiName));
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
