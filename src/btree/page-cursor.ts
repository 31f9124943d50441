import { type ByteMatcher, DbiFlag } from '../lmdb/index.ts';
import { BranchPage } from './branch-page.ts';
import { CorruptPageError } from './errors.ts';
import {
  MAX_DEPTH,
  NO_PAGE,
  NodeFlag,
  RECORD_BYTES,
  RECORD_FLAGS,
  RECORD_PAD,
  RECORD_ROOT,
  readPageNumber,
  readU16,
  readU32,
} from './layout.ts';
import { LeafPage } from './leaf-page.ts';
import type { KeyOrder } from './order.ts';
import type { PageFile } from './page-file.ts';
import { depthOf } from './tree.ts';
import { ValueRange } from './value-range.ts';

/**
 * A position among the entries of a tree, in order: `leaf` holds the current one. It moves over a whole tree, over a list
 * of its leaves (diff), or over the duplicates of one node, wherever LMDB put them.
 *
 * It cannot loop on a corrupt file: a page has to be of the kind its level asks for, and no more leaves are visited than
 * there are pages (I7).
 */
export class PageCursor {
  readonly leaf: LeafPage;
  readonly #branch: BranchPage;
  readonly #pageLimit: number;
  readonly #single: ValueRange;
  /** The path: the branch page of each level from the root, and which of its children was taken. */
  readonly #path = new Uint32Array(MAX_DEPTH);
  readonly #taken = new Uint16Array(MAX_DEPTH);
  #branchLevels = 0;
  #root = NO_PAGE;
  #fixedSize = 0;
  #list: Uint32Array | undefined;
  #listLength = 0;
  #listAt = 0;
  #leavesVisited = 0;
  /** Nothing was selected since it was opened. */
  #isFresh = true;

  constructor(file: PageFile, pageLimit: number) {
    this.leaf = new LeafPage(file, pageLimit);
    this.#branch = new BranchPage(file, pageLimit);
    this.#pageLimit = pageLimit;
    this.#single = new ValueRange(file, pageLimit);
  }

  /** Before the first entry of a tree. `depth` 0: empty. `fixedSize`: key size in LEAF2 pages. */
  openTree(root: number, depth: number, fixedSize: number): void {
    this.#reset(fixedSize);
    this.#root = depth === 0 ? NO_PAGE : root;
    this.#branchLevels = depth === 0 ? 0 : depth - 1;
  }

  /** Before the first entry of some leaves, in the order given. */
  openLeaves(pages: Uint32Array, length: number, fixedSize: number): void {
    this.#reset(fixedSize);
    this.#list = pages;
    this.#listLength = length;
    this.#listAt = 0;
  }

  /**
   * Before the first duplicate of the selected node of a DUPSORT tree: its value, its sub-page, or its sub-database. The bound
   * on leaves is for all nodes together; whoever does not walk the tree once calls `openTree` in between.
   */
  openDuplicates(outer: LeafPage): void {
    const flags = outer.nodeFlags;
    if ((flags & NodeFlag.dupData) === 0) {
      if (flags & NodeFlag.subData) throw new CorruptPageError(outer.pageNumber, 'a DBI among duplicates');
      this.#single.read(outer);
      this.#clear(0);
      this.leaf.loadSingle(outer.pageNumber, this.#single.buffer, this.#single.start, this.#single.end);
    } else if (flags & NodeFlag.subData) {
      const { root, depth, fixedSize } = subTreeOf(outer);
      const visited = this.#leavesVisited;
      this.openTree(root, depth, fixedSize);
      this.#leavesVisited = visited;
    } else {
      this.#clear(0);
      this.leaf.loadSubPage(outer);
    }
  }

  /** Moves on by one entry, to the first one at the first call. @returns false at the end, where it stays */
  next(): boolean {
    const leaf = this.leaf;
    const index = this.#isFresh ? 0 : leaf.index + 1;
    if (index < leaf.count) {
      this.#isFresh = false;
      leaf.select(index);
      return true;
    }
    return this.#nextLeaf();
  }

  /** Moves to the first entry at or after a key. @returns false when there is none; `leaf.exact` tells a hit */
  seek(order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const leaf = this.leaf;
    if (this.#root !== NO_PAGE) {
      this.#leavesVisited = 0;
      let page = this.#root;
      for (let level = 0; level < this.#branchLevels; level++) {
        page = this.#take(level, page, -1, order, key, keyStart, keyEnd);
      }
      leaf.load(page, this.#fixedSize);
    }
    return this.#settle(leaf.search(order, key, keyStart, keyEnd, 0, leaf.count));
  }

  /**
   * As `seek`, but looks around the current position first: the entry itself, the next one, the leaf, the next leaf. Probes
   * in nearly sorted order therefore cost one or two comparisons each.
   */
  seekNear(order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const leaf = this.leaf;
    const count = leaf.count;
    if (this.#isFresh || count === 0) return this.seek(order, key, keyStart, keyEnd);
    const at = leaf.index < count ? leaf.index : count - 1;
    let from = at;
    // After a hit the next entry is the likely one; after a miss it is the entry where the cursor stopped.
    if (leaf.exact && at + 1 < count) {
      const next = leaf.compareAt(at + 1, order, key, keyStart, keyEnd);
      if (next === 0) return this.#hit(at + 1);
      if (next > 0) from = at + 2;
    }
    if (from === at) {
      const here = leaf.compareAt(at, order, key, keyStart, keyEnd);
      if (here === 0) return this.#hit(at);
      if (here < 0) return this.#seekBefore(at, order, key, keyStart, keyEnd);
      from = at + 1;
    }
    if (from < count && leaf.compareAt(count - 1, order, key, keyStart, keyEnd) <= 0) {
      return this.#settle(leaf.search(order, key, keyStart, keyEnd, from, count));
    }
    // After the last entry of this leaf: the next one, if the key is not after its last entry too.
    if (this.#root === NO_PAGE || !this.#nextLeaf()) return this.#miss(leaf.count);
    if (leaf.compareAt(leaf.count - 1, order, key, keyStart, keyEnd) <= 0) {
      return this.#settle(leaf.search(order, key, keyStart, keyEnd, 0, leaf.count));
    }
    return this.seek(order, key, keyStart, keyEnd);
  }

  /**
   * Moves on by one entry if that has the very key: what is looked up in the order of the tree is mostly there. Else it may have
   * moved to the first entry of the next leaf, from where `seekNear` finds every key.
   */
  stepTo(matcher: ByteMatcher, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    if (this.#isFresh) return false;
    const leaf = this.leaf;
    // After a miss the cursor stopped at the entry behind the key.
    const index = leaf.exact ? leaf.index + 1 : leaf.index;
    if (index < leaf.count) return leaf.selectIf(index, matcher, key, keyStart, keyEnd);
    if (this.#root === NO_PAGE || !this.#nextLeaf()) return false;
    leaf.exact = false;
    return leaf.selectIf(0, matcher, key, keyStart, keyEnd);
  }

  /** The key is before entry `at` of this leaf. */
  #seekBefore(at: number, order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const leaf = this.leaf;
    if (at > 0) {
      const before = leaf.compareAt(at - 1, order, key, keyStart, keyEnd);
      if (before === 0) return this.#hit(at - 1);
      if (before > 0) return this.#miss(at);
      // The first entry is a bound only when the key is not before it: the key may belong to a leaf to the left.
      if (leaf.compareAt(0, order, key, keyStart, keyEnd) >= 0) {
        return this.#settle(leaf.search(order, key, keyStart, keyEnd, 0, at - 1));
      }
    }
    return this.seek(order, key, keyStart, keyEnd);
  }

  #reset(fixedSize: number): void {
    this.#clear(fixedSize);
    this.#leavesVisited = 0;
  }

  #clear(fixedSize: number): void {
    this.leaf.clear();
    this.#root = NO_PAGE;
    this.#branchLevels = 0;
    this.#fixedSize = fixedSize;
    this.#list = undefined;
    this.#isFresh = true;
  }

  #hit(index: number): true {
    this.leaf.exact = true;
    this.leaf.select(index);
    return true;
  }

  #miss(index: number): boolean {
    this.leaf.exact = false;
    return this.#settle(index);
  }

  /** Stands on an entry of this leaf, or on the first of the next one when `index` is past the end. */
  #settle(index: number): boolean {
    this.#isFresh = false;
    if (index < this.leaf.count) {
      this.leaf.select(index);
      return true;
    }
    this.leaf.index = index;
    return this.#nextLeaf();
  }

  #nextLeaf(): boolean {
    do {
      const page = this.#nextPage();
      if (page === NO_PAGE) {
        if (this.leaf.count > 0) this.leaf.index = this.leaf.count;
        return false;
      }
      if (++this.#leavesVisited > this.#pageLimit)
        throw new CorruptPageError(page, 'the tree has more leaves than pages');
      this.leaf.load(page, this.#fixedSize);
    } while (this.leaf.count === 0);
    this.#isFresh = false;
    this.leaf.select(0);
    return true;
  }

  /** The leaf after the current one, or NO_PAGE. */
  #nextPage(): number {
    if (this.#list) return this.#listAt < this.#listLength ? this.#list[this.#listAt++]! : NO_PAGE;
    if (this.#root === NO_PAGE) return NO_PAGE;
    if (this.#isFresh) return this.#leftmost(0, this.#root);
    for (let level = this.#branchLevels - 1; level >= 0; level--) {
      this.#branch.load(this.#path[level]!);
      const index = this.#taken[level]! + 1;
      if (index < this.#branch.count) {
        this.#taken[level] = index;
        return this.#leftmost(level + 1, this.#branch.child(index));
      }
    }
    return NO_PAGE;
  }

  #leftmost(fromLevel: number, fromPage: number): number {
    let page = fromPage;
    for (let level = fromLevel; level < this.#branchLevels; level++) page = this.#take(level, page, 0);
    return page;
  }

  /** Goes down one level: to child `index`, or where the key leads when that is -1. @returns the child's page number */
  #take(level: number, page: number, index: number, order?: KeyOrder, key?: Uint8Array, start = 0, end = 0): number {
    const branch = this.#branch;
    branch.load(page);
    const taken = index >= 0 ? index : branch.search(order!, key!, start, end);
    this.#path[level] = page;
    this.#taken[level] = taken;
    return branch.child(taken);
  }
}

/** The tree of duplicates that the selected node points to. `fixedSize`: their size in its LEAF2 pages, else 0. */
export function subTreeOf(leaf: LeafPage): { root: number; depth: number; fixedSize: number } {
  const { buffer, pageNumber } = leaf;
  const at = subRecordOf(leaf);
  const root = readPageNumber(buffer, at + RECORD_ROOT);
  const isFixed = (readU16(buffer, at + RECORD_FLAGS) & DbiFlag.dupFixed) !== 0;
  return {
    root,
    depth: root === NO_PAGE ? 0 : depthOf(buffer, at, pageNumber),
    fixedSize: isFixed ? readU32(buffer, at + RECORD_PAD) : 0,
  };
}

/** Where the record of a node's sub-database lies. */
export function subRecordOf(leaf: LeafPage): number {
  if (leaf.dataSize !== RECORD_BYTES) {
    throw new CorruptPageError(leaf.pageNumber, `a DBI record of ${leaf.dataSize} bytes`);
  }
  return leaf.dataStart;
}
