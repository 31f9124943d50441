import { ByteMatcher } from '../lmdb/index.ts';
import { PageCursor } from './page-cursor.ts';
import type { Tree } from './tree.ts';
import { ValueRange } from './value-range.ts';

/**
 * Looks keys up. It remembers where the last one was and starts there, so probes in nearly sorted order cost a comparison
 * or two. After a hit the value is `valueBuffer[valueStart, valueEnd)`, with the lifetime that `TreeWalker` gives.
 */
export class TreeReader {
  valueBuffer: Buffer = Buffer.alloc(0);
  valueStart = 0;
  valueEnd = 0;
  readonly #tree: Tree;
  readonly #entries: PageCursor;
  readonly #duplicates: PageCursor | undefined;
  readonly #value: ValueRange;
  readonly #matcher = new ByteMatcher();
  /** The node whose duplicates are open, so that the next pair of the same key starts where the last one was. */
  #openPage = -1;
  #openIndex = -1;

  constructor(tree: Tree) {
    this.#tree = tree;
    this.#entries = new PageCursor(tree.file, tree.pageLimit);
    this.#duplicates = tree.isDupSort ? new PageCursor(tree.file, tree.pageLimit) : undefined;
    this.#value = new ValueRange(tree.file, tree.pageLimit);
    this.#entries.openTree(tree.root, tree.depth, 0);
  }

  /**
   * Finds a key; in a DUPSORT tree its first duplicate.
   * @throws CorruptPageError
   */
  get(key: Uint8Array, keyStart = 0, keyEnd = key.length): boolean {
    if (!this.#entries.stepTo(this.#matcher, key, keyStart, keyEnd) && !this.#find(key, keyStart, keyEnd)) return false;
    if (this.#duplicates) {
      this.#open(this.#duplicates);
      return this.#duplicates.next() && this.#showDuplicate(this.#duplicates);
    }
    this.#value.read(this.#entries.leaf);
    this.valueBuffer = this.#value.buffer;
    this.valueStart = this.#value.start;
    this.valueEnd = this.#value.end;
    return true;
  }

  /**
   * Finds one (key, duplicate) pair. Only for DUPSORT trees.
   * @throws CorruptPageError
   */
  getPair(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const duplicates = this.#duplicates;
    if (!duplicates) throw new TypeError('getPair is for DUPSORT trees');
    if (!this.#find(key, keyStart, keyEnd)) return false;
    const { leaf } = this.#entries;
    if (leaf.pageNumber !== this.#openPage || leaf.index !== this.#openIndex) {
      this.#open(duplicates);
      this.#openPage = leaf.pageNumber;
      this.#openIndex = leaf.index;
    }
    return (
      duplicates.seekNear(this.#tree.duplicateOrder, value, valueStart, valueEnd) &&
      duplicates.leaf.exact &&
      this.#showDuplicate(duplicates)
    );
  }

  #find(key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    return this.#entries.seekNear(this.#tree.keyOrder, key, keyStart, keyEnd) && this.#entries.leaf.exact;
  }

  #open(duplicates: PageCursor): void {
    this.#openPage = -1;
    duplicates.openTree(0, 0, 0);
    duplicates.openDuplicates(this.#entries.leaf);
  }

  #showDuplicate(duplicates: PageCursor): true {
    const { leaf } = duplicates;
    this.valueBuffer = leaf.buffer;
    this.valueStart = leaf.keyStart;
    this.valueEnd = leaf.keyEnd;
    return true;
  }
}
