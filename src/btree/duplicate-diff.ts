import { ChangedLeaves } from './changed-leaves.ts';
import type { DiffSink } from './diff-sink.ts';
import { NodeFlag } from './layout.ts';
import type { LeafPage } from './leaf-page.ts';
import { sameBytes } from './order.ts';
import { PageCursor, subTreeOf } from './page-cursor.ts';
import type { Tree } from './tree.ts';
import { duplicatesOf, type Ordered, type ZipVisitor, zip } from './zip.ts';

/** Compares the duplicates of single keys of two DUPSORT trees, and gives the sink the pairs that came or went. */
export class DuplicateDiff implements ZipVisitor {
  readonly #ordered: Ordered;
  readonly #sink: DiffSink;
  readonly #old: PageCursor;
  readonly #new: PageCursor;
  readonly #changed: ChangedLeaves;
  /** The node whose key the pairs at hand have. */
  #key: LeafPage | undefined;

  constructor(oldTree: Tree, newTree: Tree, sink: DiffSink) {
    this.#ordered = duplicatesOf(newTree);
    this.#sink = sink;
    this.#old = new PageCursor(oldTree.file, oldTree.pageLimit);
    this.#new = new PageCursor(newTree.file, newTree.pageLimit);
    this.#changed = new ChangedLeaves(newTree.file, oldTree.pageLimit, newTree.pageLimit);
  }

  /** The duplicates of one key; `undefined`: that side does not have the key. */
  compare(before: LeafPage | undefined, after: LeafPage | undefined): void {
    this.#key = after ?? before;
    if (before && after && hasSubTree(before) && hasSubTree(after)) {
      if (!this.#openChangedLeaves(before, after)) return;
    } else {
      if (before && after && !hasSubTree(before) && !hasSubTree(after) && sameNode(before, after)) return;
      if (before) this.#old.openDuplicates(before);
      else this.#old.openTree(0, 0, 0);
      if (after) this.#new.openDuplicates(after);
      else this.#new.openTree(0, 0, 0);
    }
    zip(this.#old, this.#new, this.#ordered, this);
  }

  removed(before: LeafPage): void {
    this.#emit(before, false);
  }

  added(after: LeafPage): void {
    this.#emit(after, true);
  }

  both(before: LeafPage, after: LeafPage): void {
    // Equal in order yet not in bytes: DUPFIXED integers of an odd size, of which LMDB compares only a part.
    if (sameBytes(before.buffer, before.keyStart, before.keyEnd, after.buffer, after.keyStart, after.keyEnd)) return;
    this.#emit(before, false);
    this.#emit(after, true);
  }

  #openChangedLeaves(before: LeafPage, after: LeafPage): boolean {
    const oldTree = subTreeOf(before);
    const newTree = subTreeOf(after);
    if (oldTree.root === newTree.root) return false;
    const changed = this.#changed;
    changed.compare(oldTree, newTree);
    this.#old.openLeaves(changed.oldLeaves.pages, changed.oldLeaves.length, oldTree.fixedSize);
    this.#new.openLeaves(changed.newLeaves.pages, changed.newLeaves.length, newTree.fixedSize);
    return true;
  }

  #emit(duplicate: LeafPage, present: boolean): void {
    const key = this.#key!;
    const { buffer, keyStart, keyEnd } = duplicate;
    this.#sink.pair(key.buffer, key.keyStart, key.keyEnd, buffer, keyStart, keyEnd, present);
  }
}

function hasSubTree(leaf: LeafPage): boolean {
  return (leaf.nodeFlags & NodeFlag.subData) !== 0;
}

/** Whether two nodes hold the same bytes in their pages. */
function sameNode(before: LeafPage, after: LeafPage): boolean {
  if (before.nodeFlags !== after.nodeFlags || before.nodeFlags & NodeFlag.bigData) return false;
  const oldEnd = before.dataStart + before.dataSize;
  const newEnd = after.dataStart + after.dataSize;
  return sameBytes(before.buffer, before.dataStart, oldEnd, after.buffer, after.dataStart, newEnd);
}
