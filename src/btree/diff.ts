import { ChangedLeaves } from './changed-leaves.ts';
import type { DiffSink } from './diff-sink.ts';
import { DuplicateDiff } from './duplicate-diff.ts';
import { NodeFlag, readPageNumber } from './layout.ts';
import type { LeafPage } from './leaf-page.ts';
import { sameBytes } from './order.ts';
import { PageCursor } from './page-cursor.ts';
import type { Tree } from './tree.ts';
import { ValueRange } from './value-range.ts';
import { keysOf, type ZipVisitor, zip } from './zip.ts';

/**
 * What changed between two states of one DBI (I6), in key order: O(changed pages × fan-out), whatever the size of the trees.
 * `undefined` is a DBI that does not exist. The readers of both views must be held.
 *
 * Every difference is given to the sink, and nothing else. Only a DBI that was dropped and created again with other flags is
 * given as all of the old one gone, then all of the new one come: a key of both then comes twice, the last word last.
 *
 * @throws CorruptPageError, CustomOrderError; what the sink was given until then is true, but not all
 */
export function diffTrees(oldTree: Tree | undefined, newTree: Tree | undefined, sink: DiffSink): void {
  if (oldTree && newTree && oldTree.flags !== newTree.flags) {
    diffTrees(oldTree, undefined, sink);
    diffTrees(undefined, newTree, sink);
    return;
  }
  const tree = newTree ?? oldTree;
  if (!tree) return;
  if (oldTree?.root === newTree?.root && oldTree?.depth === newTree?.depth) return;
  zipChanged(oldTree, newTree, tree.isDupSort ? pairs(oldTree, newTree, sink) : values(oldTree ?? tree, tree, sink));
}

/** Visits the nodes of the leaves in which two trees differ. */
export function zipChanged(oldTree: Tree | undefined, newTree: Tree | undefined, visitor: ZipVisitor): void {
  const before = oldTree ?? newTree;
  const after = newTree ?? oldTree;
  if (!before || !after) return;
  if (before.file !== after.file) throw new TypeError('two trees of different files cannot be compared by page number');
  const changed = new ChangedLeaves(after.file, before.pageLimit, after.pageLimit);
  changed.compare(oldTree ?? EMPTY, newTree ?? EMPTY);
  const oldNodes = new PageCursor(before.file, before.pageLimit);
  const newNodes = new PageCursor(after.file, after.pageLimit);
  oldNodes.openLeaves(changed.oldLeaves.pages, changed.oldLeaves.length, 0);
  newNodes.openLeaves(changed.newLeaves.pages, changed.newLeaves.length, 0);
  zip(oldNodes, newNodes, keysOf(after), visitor);
}

const EMPTY = { root: 0, depth: 0 };

function pairs(oldTree: Tree | undefined, newTree: Tree | undefined, sink: DiffSink): ZipVisitor {
  const duplicates = new DuplicateDiff((oldTree ?? newTree)!, (newTree ?? oldTree)!, sink);
  return {
    removed: (before) => duplicates.compare(before, undefined),
    added: (after) => duplicates.compare(undefined, after),
    both: (before, after) => duplicates.compare(before, after),
  };
}

function values(oldTree: Tree, newTree: Tree, sink: DiffSink): ZipVisitor {
  const oldValue = new ValueRange(oldTree.file, oldTree.pageLimit);
  const newValue = new ValueRange(newTree.file, newTree.pageLimit);
  const give = (after: LeafPage): void => {
    sink.candidate(after.buffer, after.keyStart, after.keyEnd, newValue.buffer, newValue.start, newValue.end);
  };
  return {
    removed(before) {
      sink.candidate(before.buffer, before.keyStart, before.keyEnd, undefined, 0, 0);
    },
    added(after) {
      newValue.read(after);
      give(after);
    },
    both(before, after) {
      if (sameOverflow(before, after)) return;
      oldValue.read(before);
      newValue.read(after);
      const { buffer, start, end } = newValue;
      if (!sameBytes(oldValue.buffer, oldValue.start, oldValue.end, buffer, start, end)) give(after);
    },
  };
}

/** The same overflow pages: the same value, without reading it. */
function sameOverflow(before: LeafPage, after: LeafPage): boolean {
  return (
    (before.nodeFlags & after.nodeFlags & NodeFlag.bigData) !== 0 &&
    before.dataSize === after.dataSize &&
    readPageNumber(before.buffer, before.dataStart) === readPageNumber(after.buffer, after.dataStart)
  );
}
