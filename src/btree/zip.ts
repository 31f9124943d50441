import { CorruptPageError } from './errors.ts';
import type { LeafPage } from './leaf-page.ts';
import type { KeyOrder } from './order.ts';
import type { PageCursor } from './page-cursor.ts';

/** What becomes of the entries of two sides, in key order. */
export interface ZipVisitor {
  /** Only the old side has this key. */
  removed(before: LeafPage): void;
  /** Only the new side has this key. */
  added(after: LeafPage): void;
  /** Both have it; whether the entries differ is the visitor's business. */
  both(before: LeafPage, after: LeafPage): void;
}

/**
 * Merges the entries of two positions by key.
 * @throws CorruptPageError when a side is not in the order of its DBI's flags: a custom comparator, or corruption. Then a
 * merge could call a key removed that is only elsewhere, so there must not be one.
 */
export function zip(before: PageCursor, after: PageCursor, order: KeyOrder, visitor: ZipVisitor): void {
  const oldSide = new OrderedSide(before, order);
  const newSide = new OrderedSide(after, order);
  const oldLeaf = before.leaf;
  const newLeaf = after.leaf;
  let hasOld = oldSide.next();
  let hasNew = newSide.next();
  while (hasOld && hasNew) {
    const { keyStart, keyEnd } = newLeaf;
    const position = order(oldLeaf.buffer, oldLeaf.keyStart, oldLeaf.keyEnd, newLeaf.buffer, keyStart, keyEnd);
    if (position < 0) {
      visitor.removed(oldLeaf);
      hasOld = oldSide.next();
    } else if (position > 0) {
      visitor.added(newLeaf);
      hasNew = newSide.next();
    } else {
      visitor.both(oldLeaf, newLeaf);
      hasOld = oldSide.next();
      hasNew = newSide.next();
    }
  }
  for (; hasOld; hasOld = oldSide.next()) visitor.removed(oldLeaf);
  for (; hasNew; hasNew = newSide.next()) visitor.added(newLeaf);
}

/** A position that refuses to go backwards. Keys lie in the mapping, so the one before is still there to compare with. */
class OrderedSide {
  readonly #cursor: PageCursor;
  readonly #order: KeyOrder;
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;

  constructor(cursor: PageCursor, order: KeyOrder) {
    this.#cursor = cursor;
    this.#order = order;
  }

  next(): boolean {
    if (!this.#cursor.next()) return false;
    const { leaf } = this.#cursor;
    const { buffer, keyStart, keyEnd } = leaf;
    if (this.#buffer && this.#order(this.#buffer, this.#start, this.#end, buffer, keyStart, keyEnd) >= 0) {
      throw new CorruptPageError(leaf.pageNumber, `entry ${leaf.index} is not after the one before it`);
    }
    this.#buffer = buffer;
    this.#start = keyStart;
    this.#end = keyEnd;
    return true;
  }
}
