import { fstatSync } from 'node:fs';
import { type FileMapping, mapFile } from '../lmdb/index.ts';
import { CorruptPageError, UnknownFormatError } from './errors.ts';
import {
  DATA_VERSION,
  MAX_PAGE_SIZE_BYTES,
  META_BYTES,
  META_FORMAT_MAGIC,
  META_FORMAT_VERSION,
  META_FREE_RECORD,
  META_MAGIC,
  META_TXN_ID,
  MIN_PAGE_SIZE_BYTES,
  NO_PAGE,
  PAGE_FLAGS,
  PageFlag,
  RECORD_PAD,
  readU16,
  readU32,
} from './layout.ts';

export interface PageFileOptions {
  /** Size of one mapping: a power of two from 64 KiB to 1 GiB, the default. */
  readonly windowBytes?: number;
}

const DEFAULT_WINDOW_BYTES = 2 ** 30;

/**
 * The data file of an open environment, mapped read-only in windows of one size, as far as a view has asked for (`mapPages`). A
 * window is mapped whole even where the file ends inside it, so that a growing file needs no new mapping; but a page at or past `pageCount` is never touched
 * (the system answers that with SIGBUS). A branch or leaf page never straddles two windows; a large value may.
 *
 * What is read is only meaningful while a read transaction keeps the pages in place (decision 3).
 */
export class PageFile {
  readonly pageSizeBytes: number;
  readonly #fd: number;
  readonly #windowBytes: number;
  readonly #windowShift: number;
  readonly #windowMask: number;
  readonly #mappings: FileMapping[] = [];
  readonly #windows: Buffer[] = [];
  readonly #metaTxnIds: readonly [Uint32Array, Uint32Array];
  #pageCount = 0;
  #closed = false;

  /**
   * @param fd the environment's own descriptor of the data file (`Environment.fd`); it is not closed here
   * @throws UnknownFormatError when the file is not liblmdb 0.9's; LmdbError when it cannot be mapped
   */
  constructor(fd: number, options: PageFileOptions = {}) {
    const windowBytes = options.windowBytes ?? DEFAULT_WINDOW_BYTES;
    if (windowBytes < MAX_PAGE_SIZE_BYTES || windowBytes > DEFAULT_WINDOW_BYTES || !isPowerOfTwo(windowBytes)) {
      throw new RangeError(`windowBytes ${windowBytes} is not a power of two from 64 KiB to 1 GiB`);
    }
    this.#fd = fd;
    this.#windowBytes = windowBytes;
    const sizeBytes = fstatSync(fd).size;
    if (sizeBytes < META_BYTES) throw new UnknownFormatError(`the data file has only ${sizeBytes} bytes`);
    this.#mapUpTo(Math.min(sizeBytes, 2 * MAX_PAGE_SIZE_BYTES));
    try {
      this.pageSizeBytes = pageSizeOf(this.#windows[0]!);
      this.#windowShift = Math.log2(windowBytes / this.pageSizeBytes);
      this.#windowMask = windowBytes / this.pageSizeBytes - 1;
      this.refresh();
      if (this.#pageCount < 2) throw new UnknownFormatError('the data file ends before its second meta page');
      for (const page of [0, 1]) checkFormat(this.windowAt(page), this.offsetOf(page));
      const { buffer, byteOffset } = this.#windows[0]!;
      this.#metaTxnIds = [
        new Uint32Array(buffer, byteOffset + META_TXN_ID, 2),
        new Uint32Array(buffer, byteOffset + this.pageSizeBytes + META_TXN_ID, 2),
      ];
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Whole pages in the file at the last `refresh`. */
  get pageCount(): number {
    return this.#pageCount;
  }

  /** Looks at the size of the file again. */
  refresh(): void {
    if (this.#closed) throw new TypeError('the page file is closed');
    const sizeBytes = fstatSync(this.#fd).size;
    const pageCount = Math.floor(sizeBytes / this.pageSizeBytes);
    if (pageCount >= NO_PAGE) throw new UnknownFormatError(`the data file has ${pageCount} pages, over 2^32`);
    this.#pageCount = pageCount;
  }

  /**
   * Maps the pages below `pageLimit`, as far as they are in the file: those that some transaction uses. Under MDB_WRITEMAP the
   * file is as large as the map, however little of it is in use.
   */
  mapPages(pageLimit: number): void {
    this.#mapUpTo(Math.min(pageLimit, this.#pageCount) * this.pageSizeBytes);
  }

  /** Unmaps. Nothing that was read from this file may be touched afterwards. */
  close(): void {
    this.#closed = true;
    this.#pageCount = 0;
    this.#windows.length = 0;
    for (const mapping of this.#mappings.splice(0)) mapping.unmap();
  }

  /** The window that holds a page. */
  windowAt(pageNumber: number): Buffer {
    return this.#windows[pageNumber >>> this.#windowShift]!;
  }

  /** Where a page begins in its window. */
  offsetOf(pageNumber: number): number {
    return (pageNumber & this.#windowMask) * this.pageSizeBytes;
  }

  /**
   * Where a page begins in its window, once it is known to be there.
   * @param pageLimit the first page number that the tree's transaction did not know
   * @throws CorruptPageError when it lies beyond, or carries another number
   */
  locate(pageNumber: number, pageLimit: number): number {
    if (pageNumber < 2 || pageNumber >= pageLimit || pageNumber >= this.#pageCount) {
      throw new CorruptPageError(pageNumber, `not between 2 and ${Math.min(pageLimit, this.#pageCount)}`);
    }
    const offset = this.offsetOf(pageNumber);
    const window = this.windowAt(pageNumber);
    if (readU32(window, offset) !== pageNumber || readU32(window, offset + 4) !== 0) {
      throw new CorruptPageError(pageNumber, 'carries the number of another page');
    }
    return offset;
  }

  /** The two words of a meta page's transaction id, low one first, as they are in the mapping. */
  metaTxnId(page: 0 | 1): Uint32Array {
    return this.#metaTxnIds[page];
  }

  /** Copies bytes that may straddle windows. The caller has checked that they lie within `pageCount` pages. */
  copyTo(target: Buffer, position: number, length: number): void {
    let done = 0;
    while (done < length) {
      const at = position + done;
      const window = this.#windows[Math.floor(at / this.#windowBytes)]!;
      const offset = at % this.#windowBytes;
      const part = Math.min(length - done, this.#windowBytes - offset);
      window.copy(target, done, offset, offset + part);
      done += part;
    }
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  #mapUpTo(sizeBytes: number): void {
    while (this.#windows.length * this.#windowBytes < sizeBytes) {
      const mapping = mapFile(this.#fd, this.#windows.length * this.#windowBytes, this.#windowBytes);
      this.#mappings.push(mapping);
      this.#windows.push(mapping.buffer);
    }
  }
}

function pageSizeOf(window: Buffer): number {
  checkFormat(window, 0);
  const pageSizeBytes = readU32(window, META_FREE_RECORD + RECORD_PAD);
  if (pageSizeBytes < MIN_PAGE_SIZE_BYTES || pageSizeBytes > MAX_PAGE_SIZE_BYTES || !isPowerOfTwo(pageSizeBytes)) {
    throw new UnknownFormatError(`page size ${pageSizeBytes}`);
  }
  return pageSizeBytes;
}

/** The parts of a meta page that never change while the file lives. */
function checkFormat(window: Buffer, offset: number): void {
  const flags = readU16(window, offset + PAGE_FLAGS);
  const magic = readU32(window, offset + META_FORMAT_MAGIC);
  const version = readU32(window, offset + META_FORMAT_VERSION);
  if (!(flags & PageFlag.meta) || magic !== META_MAGIC) throw new UnknownFormatError('not an LMDB data file');
  if (version !== DATA_VERSION) throw new UnknownFormatError(`data version ${version}`);
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
