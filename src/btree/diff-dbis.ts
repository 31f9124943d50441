import { zipChanged } from './diff.ts';
import type { LeafPage } from './leaf-page.ts';
import { sameBytes } from './order.ts';
import type { Tree } from './tree.ts';
import { isDbi, nameOf, treeAt, type View } from './view.ts';

/** A named DBI whose record differs between two views; it may still hold the same entries. */
export interface DbiChange {
  readonly name: string;
  /** undefined: created since. */
  readonly oldTree: Tree | undefined;
  /** undefined: dropped since. */
  readonly newTree: Tree | undefined;
  /** Dropped and created again as a DBI of another kind. */
  readonly flagsChanged: boolean;
}

/**
 * The named DBIs that were written to, created or dropped between two views, in the order of their names: those that are not
 * listed are untouched. `undefined` is a database that was empty.
 * @throws CorruptPageError, UnknownFormatError
 */
export function diffDbis(oldView: View | undefined, newView: View): DbiChange[] {
  const oldMain = oldView?.mainTree;
  const newMain = newView.mainTree;
  const changes: DbiChange[] = [];
  const note = (before: LeafPage | undefined, after: LeafPage | undefined): void => {
    const oldTree = before && isDbi(before) ? treeAt(before, oldMain ?? newMain) : undefined;
    const newTree = after && isDbi(after) ? treeAt(after, newMain) : undefined;
    const leaf = after ?? before;
    if (!leaf || (!oldTree && !newTree)) return;
    const flagsChanged = oldTree !== undefined && newTree !== undefined && oldTree.flags !== newTree.flags;
    changes.push({ name: nameOf(leaf), oldTree, newTree, flagsChanged });
  };
  zipChanged(oldMain, newMain, {
    removed: (before) => note(before, undefined),
    added: (after) => note(undefined, after),
    both: (before, after) => {
      if (!sameRecord(before, after)) note(before, after);
    },
  });
  return changes;
}

function sameRecord(before: LeafPage, after: LeafPage): boolean {
  if (isDbi(before) !== isDbi(after)) return false;
  // Data of the unnamed DBI is not compared: it is nobody's DBI.
  if (!isDbi(before)) return true;
  const oldEnd = before.dataStart + before.dataSize;
  const newEnd = after.dataStart + after.dataSize;
  return sameBytes(before.buffer, before.dataStart, oldEnd, after.buffer, after.dataStart, newEnd);
}
