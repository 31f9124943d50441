import type { ByteMatcher } from '../lmdb/index.ts';
import { CorruptPageError } from './errors.ts';
import {
  NODE_FLAGS,
  NODE_HEADER_BYTES,
  NODE_KEY_SIZE,
  NodeFlag,
  PAGE_FLAGS,
  PAGE_HEADER_BYTES,
  PAGE_KIND_MASK,
  PAGE_LOWER,
  PAGE_PAD,
  PageFlag,
  readU16,
  readU32,
} from './layout.ts';
import type { KeyOrder } from './order.ts';
import type { PageFile } from './page-file.ts';

const NOTHING = Buffer.alloc(0);

/**
 * The entries of one leaf: a leaf page, a LEAF2 page (keys of one size without headers), a sub-page inside a node, or a
 * single duplicate. Reused from leaf to leaf; its fields are plain so that inner loops allocate nothing. Everything read
 * from the page is checked against its bounds before it is used (I7).
 */
export class LeafPage {
  /** The page that holds the entries, for errors. */
  pageNumber = 0;
  buffer: Buffer = NOTHING;
  count = 0;
  /** The selected entry, and its parts; `dataSize` is the whole size even where `dataStart` holds only a page number. */
  index = 0;
  nodeFlags = 0;
  keyStart = 0;
  keyEnd = 0;
  dataStart = 0;
  dataSize = 0;
  /** Whether the last `search` met the very key. */
  exact = false;

  readonly #file: PageFile;
  readonly #pageLimit: number;
  #start = 0;
  #end = 0;
  #lower = 0;
  #isFixed = false;
  #fixedSize = 0;

  constructor(file: PageFile, pageLimit: number) {
    this.#file = file;
    this.#pageLimit = pageLimit;
  }

  /** @param fixedSize key size if it is a LEAF2 page (its tree's record says so), else 0 */
  load(pageNumber: number, fixedSize: number): void {
    const start = this.#file.locate(pageNumber, this.#pageLimit);
    this.pageNumber = pageNumber;
    this.buffer = this.#file.windowAt(pageNumber);
    this.#setBounds(start, start + this.#file.pageSizeBytes);
    const kind = readU16(this.buffer, start + PAGE_FLAGS) & PAGE_KIND_MASK;
    if (kind === PageFlag.leaf) this.#isFixed = false;
    else if (kind === (PageFlag.leaf | PageFlag.leaf2)) this.#setFixed(fixedSize);
    else throw new CorruptPageError(pageNumber, `a leaf was expected, its flags are 0x${kind.toString(16)}`);
  }

  /** The duplicates inside a node of `outer`: a small page without a place of its own. */
  loadSubPage(outer: LeafPage): void {
    const start = outer.dataStart;
    this.pageNumber = outer.pageNumber;
    this.buffer = outer.buffer;
    if (outer.dataSize < PAGE_HEADER_BYTES) throw new CorruptPageError(outer.pageNumber, 'a sub-page without a header');
    this.#setBounds(start, start + outer.dataSize);
    const kind = readU16(this.buffer, start + PAGE_FLAGS) & PAGE_KIND_MASK;
    if (kind === (PageFlag.leaf | PageFlag.subPage)) this.#isFixed = false;
    else if (kind === (PageFlag.leaf | PageFlag.subPage | PageFlag.leaf2)) {
      this.#setFixed(readU16(this.buffer, start + PAGE_PAD));
    } else throw new CorruptPageError(outer.pageNumber, `a sub-page with flags 0x${kind.toString(16)}`);
  }

  /** One key alone: the only duplicate of a node, which LMDB stores as a plain value. */
  loadSingle(pageNumber: number, buffer: Buffer, start: number, end: number): void {
    this.pageNumber = pageNumber;
    this.buffer = buffer;
    this.#start = start - PAGE_HEADER_BYTES;
    this.#isFixed = true;
    this.#fixedSize = end - start;
    this.count = 1;
  }

  /** No entries, and no page. */
  clear(): void {
    this.count = 0;
  }

  /** Makes an entry the current one: its parts are in the fields. */
  select(index: number): void {
    if (this.#isFixed) {
      this.index = index;
      this.nodeFlags = 0;
      this.keyStart = this.#start + PAGE_HEADER_BYTES + index * this.#fixedSize;
      this.keyEnd = this.keyStart + this.#fixedSize;
      this.dataStart = this.keyEnd;
      this.dataSize = 0;
      return;
    }
    const node = this.#nodeAt(index);
    const keyStart = node + NODE_HEADER_BYTES;
    this.#show(index, node, keyStart, keyStart + readU16(this.buffer, node + NODE_KEY_SIZE));
  }

  /** Compares a key with that of an entry, which need not be the selected one. */
  compareAt(index: number, order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number): number {
    if (this.#isFixed) {
      const at = this.#start + PAGE_HEADER_BYTES + index * this.#fixedSize;
      return order(key, keyStart, keyEnd, this.buffer, at, at + this.#fixedSize);
    }
    const node = this.#nodeAt(index);
    const end = node + NODE_HEADER_BYTES + readU16(this.buffer, node + NODE_KEY_SIZE);
    if (end > this.#end) this.#fail(index);
    return order(key, keyStart, keyEnd, this.buffer, node + NODE_HEADER_BYTES, end);
  }

  /** Selects an entry if it has this very key: equal bytes are equal keys in every order. Never in a LEAF2 page. */
  selectIf(index: number, matcher: ByteMatcher, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    if (this.#isFixed) return false;
    const buffer = this.buffer;
    const node = this.#nodeAt(index);
    const ownStart = node + NODE_HEADER_BYTES;
    const ownEnd = ownStart + readU16(buffer, node + NODE_KEY_SIZE);
    if (ownEnd > this.#end) this.#fail(index);
    if (!matcher.same(buffer, ownStart, ownEnd, key, keyStart, keyEnd)) return false;
    this.#show(index, node, ownStart, ownEnd);
    this.exact = true;
    return true;
  }

  /** The first entry in `[from, to)` at or after the key, else `to`; sets `exact`. Selects nothing. */
  search(order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const position = this.compareAt(middle, order, key, keyStart, keyEnd);
      if (position === 0) {
        this.exact = true;
        return middle;
      }
      if (position > 0) low = middle + 1;
      else high = middle;
    }
    this.exact = false;
    return low;
  }

  #show(index: number, node: number, keyStart: number, keyEnd: number): void {
    const flags = readU16(this.buffer, node + NODE_FLAGS);
    const dataSize = readU32(this.buffer, node);
    if (keyEnd + (flags & NodeFlag.bigData ? 8 : dataSize) > this.#end) this.#fail(index);
    this.index = index;
    this.nodeFlags = flags;
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.dataStart = keyEnd;
    this.dataSize = dataSize;
  }

  #setBounds(start: number, end: number): void {
    const lower = readU16(this.buffer, start + PAGE_LOWER);
    if (lower < PAGE_HEADER_BYTES || start + lower > end) {
      throw new CorruptPageError(this.pageNumber, `its entry table ends at ${lower}`);
    }
    this.#start = start;
    this.#end = end;
    this.#lower = lower;
    this.count = (lower - PAGE_HEADER_BYTES) >>> 1;
  }

  #setFixed(size: number): void {
    if (size === 0 || this.#start + PAGE_HEADER_BYTES + this.count * size > this.#end) {
      throw new CorruptPageError(this.pageNumber, `${this.count} keys of ${size} bytes each`);
    }
    this.#isFixed = true;
    this.#fixedSize = size;
  }

  #nodeAt(index: number): number {
    const offset = readU16(this.buffer, this.#start + PAGE_HEADER_BYTES + 2 * index);
    const node = this.#start + offset;
    if (offset < this.#lower || node + NODE_HEADER_BYTES > this.#end) this.#fail(index);
    return node;
  }

  #fail(index: number): never {
    throw new CorruptPageError(this.pageNumber, `entry ${index} of ${this.count} does not lie within the page`);
  }
}
