import { CorruptPageError } from './errors.ts';
import {
  NODE_FLAGS,
  NODE_HEADER_BYTES,
  NODE_KEY_SIZE,
  PAGE_FLAGS,
  PAGE_HEADER_BYTES,
  PAGE_KIND_MASK,
  PAGE_LOWER,
  PageFlag,
  readU16,
  readU32,
} from './layout.ts';
import type { KeyOrder } from './order.ts';
import type { PageFile } from './page-file.ts';

/** A branch page: page numbers of children, each but the first with the least key that may be found below it. */
export class BranchPage {
  count = 0;
  readonly #file: PageFile;
  readonly #pageLimit: number;
  #pageNumber = 0;
  #buffer: Buffer | undefined;
  #start = 0;
  #end = 0;
  #lower = 0;

  constructor(file: PageFile, pageLimit: number) {
    this.#file = file;
    this.#pageLimit = pageLimit;
  }

  /** @throws CorruptPageError */
  load(pageNumber: number): void {
    const start = this.#file.locate(pageNumber, this.#pageLimit);
    const buffer = this.#file.windowAt(pageNumber);
    const kind = readU16(buffer, start + PAGE_FLAGS) & PAGE_KIND_MASK;
    if (kind !== PageFlag.branch) {
      throw new CorruptPageError(pageNumber, `a branch was expected, its flags are 0x${kind.toString(16)}`);
    }
    const lower = readU16(buffer, start + PAGE_LOWER);
    if (lower < PAGE_HEADER_BYTES + 2 || lower > this.#file.pageSizeBytes) {
      throw new CorruptPageError(pageNumber, `its entry table ends at ${lower}`);
    }
    this.#pageNumber = pageNumber;
    this.#buffer = buffer;
    this.#start = start;
    this.#end = start + this.#file.pageSizeBytes;
    this.#lower = lower;
    this.count = (lower - PAGE_HEADER_BYTES) >>> 1;
  }

  /** The page number of a child. Its 48 bits lie where a leaf node has its data size and flags. */
  child(index: number): number {
    const node = this.#nodeAt(index);
    const buffer = this.#buffer!;
    if (readU16(buffer, node + NODE_FLAGS) !== 0) {
      throw new CorruptPageError(this.#pageNumber, `child ${index} is past the end of any file`);
    }
    return readU32(buffer, node);
  }

  /** The child below which a key is found, if anywhere: the last whose least key is not after it. */
  search(order: KeyOrder, key: Uint8Array, keyStart: number, keyEnd: number): number {
    const buffer = this.#buffer!;
    let low = 1;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#nodeAt(middle) + NODE_HEADER_BYTES;
      const end = at + readU16(buffer, at - NODE_HEADER_BYTES + NODE_KEY_SIZE);
      if (end > this.#end) this.#fail(middle);
      if (order(key, keyStart, keyEnd, buffer, at, end) >= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #nodeAt(index: number): number {
    const offset = readU16(this.#buffer!, this.#start + PAGE_HEADER_BYTES + 2 * index);
    const node = this.#start + offset;
    if (offset < this.#lower || node + NODE_HEADER_BYTES > this.#end) this.#fail(index);
    return node;
  }

  #fail(index: number): never {
    throw new CorruptPageError(this.#pageNumber, `child ${index} of ${this.count} does not lie within the page`);
  }
}
