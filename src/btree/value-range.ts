import { CorruptPageError } from './errors.ts';
import {
  NodeFlag,
  PAGE_FLAGS,
  PAGE_HEADER_BYTES,
  PAGE_KIND_MASK,
  PAGE_OVERFLOW_COUNT,
  PageFlag,
  readPageNumber,
  readU16,
  readU32,
} from './layout.ts';
import type { LeafPage } from './leaf-page.ts';
import type { PageFile } from './page-file.ts';

/** The value of a node, wherever it is: in the node, or on overflow pages of its own. */
export class ValueRange {
  /** The value is `buffer[start, end)`: the mapping itself, or a copy when overflow pages straddle two windows. */
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  readonly #file: PageFile;
  readonly #pageLimit: number;
  #copy: Buffer | undefined;

  constructor(file: PageFile, pageLimit: number) {
    this.#file = file;
    this.#pageLimit = pageLimit;
  }

  /** @throws CorruptPageError */
  read(leaf: LeafPage): void {
    if (leaf.nodeFlags & NodeFlag.bigData) {
      this.#readOverflow(readPageNumber(leaf.buffer, leaf.dataStart), leaf.dataSize);
      return;
    }
    this.buffer = leaf.buffer;
    this.start = leaf.dataStart;
    this.end = leaf.dataStart + leaf.dataSize;
  }

  #readOverflow(pageNumber: number, sizeBytes: number): void {
    const file = this.#file;
    const start = locateOverflow(file, this.#pageLimit, pageNumber, sizeBytes);
    if (start + sizeBytes <= file.windowBytes) {
      this.buffer = file.windowAt(pageNumber);
      this.start = start;
    } else {
      if (!this.#copy || this.#copy.length < sizeBytes) this.#copy = Buffer.allocUnsafeSlow(sizeBytes);
      file.copyTo(this.#copy, pageNumber * file.pageSizeBytes + PAGE_HEADER_BYTES, sizeBytes);
      this.buffer = this.#copy;
      this.start = 0;
    }
    this.end = this.start + sizeBytes;
  }
}

/**
 * Where a value on overflow pages begins in the window of the first, once all of them are known to be there.
 * @param pageLimit as in `PageFile.locate`
 * @throws CorruptPageError
 */
export function locateOverflow(file: PageFile, pageLimit: number, pageNumber: number, sizeBytes: number): number {
  const offset = file.locate(pageNumber, pageLimit);
  const window = file.windowAt(pageNumber);
  const kind = readU16(window, offset + PAGE_FLAGS) & PAGE_KIND_MASK;
  if (kind !== PageFlag.overflow) {
    throw new CorruptPageError(pageNumber, `an overflow page was expected, its flags are 0x${kind.toString(16)}`);
  }
  const pages = readU32(window, offset + PAGE_OVERFLOW_COUNT);
  const needed = Math.ceil((PAGE_HEADER_BYTES + sizeBytes) / file.pageSizeBytes);
  if (pages < needed || pageNumber + needed > Math.min(pageLimit, file.pageCount)) {
    throw new CorruptPageError(pageNumber, `${sizeBytes} bytes on ${pages} overflow pages`);
  }
  return offset + PAGE_HEADER_BYTES;
}
