import { BranchPage } from './branch-page.ts';
import { CorruptPageError } from './errors.ts';
import type { PageFile } from './page-file.ts';

/** Page numbers in the order of their keys. */
class PageList {
  pages = new Uint32Array(64);
  length = 0;

  push(pageNumber: number): void {
    if (this.length === this.pages.length) {
      const larger = new Uint32Array(this.pages.length * 2);
      larger.set(this.pages);
      this.pages = larger;
    }
    this.pages[this.length++] = pageNumber;
  }
}

/** A tree as the comparison sees it: where it begins, and how deep it is (0: empty). */
export interface TreeShape {
  readonly root: number;
  readonly depth: number;
}

/** One side of the comparison: the pages of one level that the other side does not have. */
class Side {
  list = new PageList();
  /** Levels above the leaves. */
  level = 0;
  readonly #file: PageFile;
  readonly #pageLimit: number;
  readonly #branch: BranchPage;
  #spare = new PageList();

  constructor(file: PageFile, pageLimit: number) {
    this.#file = file;
    this.#pageLimit = pageLimit;
    this.#branch = new BranchPage(file, pageLimit);
  }

  start(shape: TreeShape, otherDepth: number): void {
    this.list.length = 0;
    if (shape.depth > 0) this.list.push(shape.root);
    this.level = Math.max(0, (shape.depth || otherDepth) - 1);
  }

  /** From the pages of a level to their children. A level never has more pages than the file: a corrupt tree ends here. */
  descend(): void {
    const children = this.#spare;
    const { pages, length } = this.list;
    const bound = Math.min(this.#pageLimit, this.#file.pageCount);
    children.length = 0;
    for (let i = 0; i < length; i++) {
      this.#branch.load(pages[i]!);
      const { count } = this.#branch;
      if (children.length + count > bound) {
        throw new CorruptPageError(pages[i]!, `its level has more than the ${bound} pages of the file`);
      }
      for (let child = 0; child < count; child++) children.push(this.#branch.child(child));
    }
    this.#spare = this.list;
    this.list = children;
    this.level--;
  }
}

/**
 * The leaves in which two trees of one file differ. While the older tree's reader is held no page of it is reused, so two
 * equal page numbers are equal subtrees (decision 3): level by level from the roots, pages that both sides have are
 * dropped, and only the others are read. Every key that differs lies in what remains, on each side, in key order.
 */
export class ChangedLeaves {
  readonly #old: Side;
  readonly #new: Side;
  /** Open addressing: page number (0: free), and whether the old side has it too. */
  #slots = new Uint32Array(256);
  #shared = new Uint8Array(256);
  /** Size of the part in use, less one. */
  #mask = 255;

  constructor(file: PageFile, oldPageLimit: number, newPageLimit: number) {
    this.#old = new Side(file, oldPageLimit);
    this.#new = new Side(file, newPageLimit);
  }

  get oldLeaves(): PageList {
    return this.#old.list;
  }

  get newLeaves(): PageList {
    return this.#new.list;
  }

  /** @throws CorruptPageError */
  compare(oldShape: TreeShape, newShape: TreeShape): void {
    const before = this.#old;
    const after = this.#new;
    before.start(oldShape, newShape.depth);
    after.start(newShape, oldShape.depth);
    for (;;) {
      if (before.level === after.level) this.#dropShared(before.list, after.list);
      const level = Math.max(before.level, after.level);
      if (level === 0) return;
      if (before.list.length === 0 && after.list.length === 0) return;
      if (before.level === level) before.descend();
      if (after.level === level) after.descend();
    }
  }

  #dropShared(before: PageList, after: PageList): void {
    if (before.length === 0 || after.length === 0) return;
    this.#remember(after);
    const shared = this.#shared;
    const beforePages = before.pages;
    let kept = 0;
    for (let i = 0; i < before.length; i++) {
      const page = beforePages[i]!;
      const slot = this.#slotOf(page);
      if (this.#slots[slot] === page) shared[slot] = 1;
      else beforePages[kept++] = page;
    }
    if (kept === before.length) return;
    before.length = kept;
    const afterPages = after.pages;
    kept = 0;
    for (let i = 0; i < after.length; i++) {
      const page = afterPages[i]!;
      if (shared[this.#slotOf(page)] === 0) afterPages[kept++] = page;
    }
    after.length = kept;
  }

  #remember(list: PageList): void {
    let size = 256;
    while (size < list.length * 2) size *= 2;
    if (size > this.#slots.length) {
      this.#slots = new Uint32Array(size);
      this.#shared = new Uint8Array(size);
    } else {
      this.#slots.fill(0, 0, size);
      this.#shared.fill(0, 0, size);
    }
    this.#mask = size - 1;
    for (let i = 0; i < list.length; i++) {
      const page = list.pages[i]!;
      this.#slots[this.#slotOf(page)] = page;
    }
  }

  /** Where a page is, or would go. At most half of the slots are taken, so the search ends. */
  #slotOf(page: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const mixed = Math.imul(page, 0x9e37_79b1);
    let slot = (mixed ^ (mixed >>> 15)) & mask;
    while (slots[slot] !== 0 && slots[slot] !== page) slot = (slot + 1) & mask;
    return slot;
  }
}
