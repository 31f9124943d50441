import { compareKeys, diffDbis, diffTrees } from '../btree/index.ts';
import type { KeySet } from './key-set.ts';
import type { LocalComparer } from './local.ts';
import { isPrivate, storeOf } from './store/index.ts';
import { type DatabaseView, entriesPages, type Snapshotted } from './view.ts';

/**
 * Remembers what changed between two transactions and could not be written (map full, disk full): the application's keys. They
 * are kept when the held reader is renewed, so that the application's file does not grow without bound; where keys do not tell all,
 * the set overflows.
 */
export function collectPending(base: Snapshotted, now: Snapshotted, into: KeySet): void {
  if (!base.pages || !now.pages) {
    into.overflow();
    return;
  }
  for (const change of diffDbis(base.pages, now.pages)) {
    if (isPrivate(change.name)) continue;
    if (!change.oldTree || !change.newTree || change.flagsChanged) into.overflow();
    if (into.hasOverflowed) return;
    diffTrees(change.oldTree, change.newTree, {
      candidate: (key, ks, ke) => into.add(change.name, key, ks, ke),
      pair: (key, ks, ke) => into.add(change.name, key, ks, ke),
    });
  }
}

/**
 * Collects the keys that we wrote to shadows between two transactions. What the application has made of them right after our commit
 * may look as it did before it: comparing main alone would not find that.
 */
export function collectOwnWrites(base: Snapshotted, now: Snapshotted, into: KeySet): void {
  const store = storeOf(false);
  for (const { name, oldTree, newTree } of diffDbis(entriesPages(base)!, entriesPages(now)!)) {
    if (!store.holdsEntries(name)) continue;
    const dbiName = store.dbiNameOf(name);
    const add = (key: Buffer, ks: number, ke: number): void => into.add(dbiName, key, ks, ke);
    diffTrees(oldTree, newTree, { candidate: add, pair: add });
  }
}

/** Hands every remembered key, as main has it now, to the comparer of its DBI. */
export function lookAgain(
  pending: KeySet,
  view: DatabaseView,
  comparerOf: (dbiName: string) => LocalComparer | undefined,
): void {
  for (const dbiName of pending.dbiNames) {
    const into = comparerOf(dbiName);
    if (!into) continue;
    const main = view.dbis.get(dbiName);
    if (!main || into.isDupSort || pending.isWhole(dbiName)) {
      // Which pairs of a key went is not remembered; and a dropped DBI is compared whole in any case.
      into.compareAll();
      continue;
    }
    const reader = main.reader();
    const keys = pending.sorted(dbiName, compareKeys(main.flags));
    for (let index = 0; index < keys.length; index++) {
      const start = keys.startOf(index);
      const end = keys.endOf(index);
      const isThere = reader.get(keys.buffer, start, end);
      const { valueBuffer, valueStart, valueEnd } = reader;
      into.candidate(keys.buffer, start, end, isThere ? valueBuffer : undefined, valueStart, valueEnd);
    }
  }
}
