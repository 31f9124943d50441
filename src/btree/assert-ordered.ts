import { NodeFlag } from './layout.ts';
import { PageCursor } from './page-cursor.ts';
import type { Tree } from './tree.ts';
import { duplicatesOf, keysOf, OrderedSide } from './zip.ts';

/**
 * Looks at every key of a tree, and every duplicate: whether they are in the order that the DBI's flags say. O(entries), without
 * reading values; for the first look at a DBI, since later ones see only what changed (`zip`).
 * @throws CustomOrderError, CorruptPageError
 */
export function assertOrdered(tree: Tree): void {
  const keys = new PageCursor(tree.file, tree.pageLimit);
  keys.openTree(tree.root, tree.depth, 0);
  const side = new OrderedSide(keys, keysOf(tree));
  if (!tree.isDupSort) {
    while (side.next());
    return;
  }
  const duplicates = new PageCursor(tree.file, tree.pageLimit);
  const ofOneKey = new OrderedSide(duplicates, duplicatesOf(tree));
  while (side.next()) {
    if ((keys.leaf.nodeFlags & NodeFlag.dupData) === 0) continue;
    duplicates.openDuplicates(keys.leaf);
    ofOneKey.restart();
    while (ofOneKey.next());
  }
}
