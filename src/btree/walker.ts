import { PageCursor } from './page-cursor.ts';
import type { Tree } from './tree.ts';
import { ValueRange } from './value-range.ts';

/**
 * Reads a tree in LMDB's own order; every (key, duplicate) pair of a DUPSORT tree. The current entry is
 * `keyBuffer[keyStart, keyEnd)` and `valueBuffer[valueStart, valueEnd)`: the mapping itself, so nothing is copied or
 * allocated per record. The bytes of a key and of a value in its page stay as long as the read transaction; those of a
 * value that straddles two mappings only until the next move.
 */
export class TreeWalker {
  keyBuffer: Buffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  valueBuffer: Buffer = this.keyBuffer;
  valueStart = 0;
  valueEnd = 0;
  readonly #tree: Tree;
  readonly #entries: PageCursor;
  readonly #duplicates: PageCursor | undefined;
  readonly #value: ValueRange;

  constructor(tree: Tree) {
    this.#tree = tree;
    this.#entries = new PageCursor(tree.file, tree.pageLimit);
    this.#duplicates = tree.isDupSort ? new PageCursor(tree.file, tree.pageLimit) : undefined;
    this.#value = new ValueRange(tree.file, tree.pageLimit);
    this.#entries.openTree(tree.root, tree.depth, 0);
  }

  /**
   * Moves on by one entry, to the first at the first call.
   * @returns false at the end
   * @throws CorruptPageError
   */
  next(): boolean {
    const duplicates = this.#duplicates;
    if (duplicates) {
      if (duplicates.next()) {
        this.#showDuplicate(duplicates);
        return true;
      }
      return this.#entries.next() && this.#showFirstDuplicate(duplicates);
    }
    if (!this.#entries.next()) return false;
    this.#showEntry();
    return true;
  }

  /**
   * Moves to the first entry whose key is at or after this one; `next` goes on from there.
   * @returns false when there is none
   * @throws CorruptPageError
   */
  seek(key: Uint8Array, keyStart = 0, keyEnd = key.length): boolean {
    this.#duplicates?.openTree(0, 0, 0);
    if (!this.#entries.seek(this.#tree.keyOrder, key, keyStart, keyEnd)) return false;
    if (this.#duplicates) return this.#showFirstDuplicate(this.#duplicates);
    this.#showEntry();
    return true;
  }

  #showEntry(): void {
    const leaf = this.#entries.leaf;
    this.keyBuffer = leaf.buffer;
    this.keyStart = leaf.keyStart;
    this.keyEnd = leaf.keyEnd;
    const value = this.#value;
    value.read(leaf);
    this.valueBuffer = value.buffer;
    this.valueStart = value.start;
    this.valueEnd = value.end;
  }

  #showFirstDuplicate(duplicates: PageCursor): boolean {
    do {
      const leaf = this.#entries.leaf;
      this.keyBuffer = leaf.buffer;
      this.keyStart = leaf.keyStart;
      this.keyEnd = leaf.keyEnd;
      duplicates.openDuplicates(leaf);
      if (duplicates.next()) {
        this.#showDuplicate(duplicates);
        return true;
      }
    } while (this.#entries.next());
    return false;
  }

  #showDuplicate(duplicates: PageCursor): void {
    const leaf = duplicates.leaf;
    this.valueBuffer = leaf.buffer;
    this.valueStart = leaf.keyStart;
    this.valueEnd = leaf.keyEnd;
  }
}
