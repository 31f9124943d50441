import { CustomOrderError } from './errors.ts';
import type { LeafPage } from './leaf-page.ts';
import type { KeyOrder } from './order.ts';
import type { PageCursor } from './page-cursor.ts';
import type { Tree } from './tree.ts';

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
 * @throws CustomOrderError when a side is not in the order of its DBI's flags. Then a merge could call a key removed that is
 * only elsewhere, so there must not be one.
 */
export function zip(before: PageCursor, after: PageCursor, ordered: Ordered, visitor: ZipVisitor): void {
  const { order } = ordered;
  const oldSide = new OrderedSide(before, ordered);
  const newSide = new OrderedSide(after, ordered);
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

/** What the entries of a position are, and the order that they must have. */
export interface Ordered {
  readonly order: KeyOrder;
  readonly what: 'keys' | 'duplicates';
  readonly dbiName: string;
}

export function keysOf(tree: Tree): Ordered {
  return { order: tree.keyOrder, what: 'keys', dbiName: tree.name };
}

/** The duplicates of one key. */
export function duplicatesOf(tree: Tree): Ordered {
  return { order: tree.duplicateOrder, what: 'duplicates', dbiName: tree.name };
}

/** A position that refuses to go backwards. Keys lie in the mapping, so the one before is still there to compare with. */
export class OrderedSide {
  readonly #cursor: PageCursor;
  readonly #order: KeyOrder;
  readonly #ordered: Ordered;
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;

  constructor(cursor: PageCursor, ordered: Ordered) {
    this.#cursor = cursor;
    this.#order = ordered.order;
    this.#ordered = ordered;
  }

  /** The cursor was opened anew: what comes next is the first. */
  restart(): void {
    this.#buffer = undefined;
  }

  next(): boolean {
    if (!this.#cursor.next()) return false;
    const { leaf } = this.#cursor;
    const { buffer, keyStart, keyEnd } = leaf;
    if (this.#buffer && this.#order(this.#buffer, this.#start, this.#end, buffer, keyStart, keyEnd) >= 0) {
      throw new CustomOrderError(this.#ordered.dbiName, this.#ordered.what);
    }
    this.#buffer = buffer;
    this.#start = keyStart;
    this.#end = keyEnd;
    return true;
  }
}
