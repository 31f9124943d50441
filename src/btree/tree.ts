import { DBI_FLAGS_MASK, DbiFlag } from '../lmdb/index.ts';
import { CorruptPageError, UnknownFormatError } from './errors.ts';
import {
  MAX_DEPTH,
  NO_PAGE,
  RECORD_BRANCH_PAGES,
  RECORD_DEPTH,
  RECORD_ENTRIES,
  RECORD_FLAGS,
  RECORD_LEAF_PAGES,
  RECORD_OVERFLOW_PAGES,
  RECORD_ROOT,
  readPageNumber,
  readU16,
  readU64,
} from './layout.ts';
import { compareDuplicates, compareKeys, type KeyOrder } from './order.ts';
import type { PageFile } from './page-file.ts';

/** One B+tree of a view: a named DBI, or the root tree that holds their names. Cheap; reads nothing but its record. */
export class Tree {
  /** Of the DBI; '' for the unnamed one. */
  readonly name: string;
  readonly file: PageFile;
  /** Page numbers from here on did not exist when the tree was committed, or lie past the end of the file. */
  readonly pageLimit: number;
  /** Persistent flags (`DbiFlag`). */
  readonly flags: number;
  /** Levels of pages; 0 when empty. */
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  /** Records, every duplicate counted. */
  readonly entries: number;
  /** Page number of the root; meaningless when `depth` is 0. */
  readonly root: number;
  readonly isDupSort: boolean;
  readonly keyOrder: KeyOrder;
  readonly duplicateOrder: KeyOrder;

  /**
   * @param buffer holds the 48 bytes of an MDB_db at `at`
   * @param pageNumber the page it was read from, for errors
   * @throws CorruptPageError, UnknownFormatError
   */
  constructor(name: string, file: PageFile, pageLimit: number, buffer: Uint8Array, at: number, pageNumber: number) {
    this.name = name;
    this.file = file;
    this.pageLimit = pageLimit;
    this.flags = readU16(buffer, at + RECORD_FLAGS);
    this.branchPages = readU64(buffer, at + RECORD_BRANCH_PAGES);
    this.leafPages = readU64(buffer, at + RECORD_LEAF_PAGES);
    this.overflowPages = readU64(buffer, at + RECORD_OVERFLOW_PAGES);
    this.entries = readU64(buffer, at + RECORD_ENTRIES);
    this.root = readPageNumber(buffer, at + RECORD_ROOT);
    this.depth = this.root === NO_PAGE ? 0 : depthOf(buffer, at, pageNumber);
    if (this.flags & ~DBI_FLAGS_MASK) throw new UnknownFormatError(`DBI flags 0x${this.flags.toString(16)}`);
    this.isDupSort = (this.flags & DbiFlag.dupSort) !== 0;
    this.keyOrder = compareKeys(this.flags);
    this.duplicateOrder = compareDuplicates(this.flags);
  }
}

/** The depth in a record whose root is a page. */
export function depthOf(buffer: Uint8Array, at: number, pageNumber: number): number {
  const depth = readU16(buffer, at + RECORD_DEPTH);
  if (depth === 0 || depth > MAX_DEPTH) throw new CorruptPageError(pageNumber, `a tree of depth ${depth}`);
  return depth;
}
