import {
  META_BYTES,
  META_LAST_PAGE,
  META_MAIN_RECORD,
  META_MAP_SIZE,
  META_TXN_ID,
  RECORD_ROOT,
  readPageNumber,
  readU64,
} from './layout.ts';
import type { PageFile } from './page-file.ts';

const TWO_32 = 0x1_0000_0000;

/** One of the two meta pages; a commit writes the one that the commit before it did not. */
export interface Meta {
  readonly txnId: number;
  readonly mapSizeBytes: number;
  /** The highest page number that this commit may use. */
  readonly lastPage: number;
  /** Root page number of the tree of DBIs; all ones when it is empty. */
  readonly mainRoot: number;
  /** The page's first bytes, copied. */
  readonly bytes: Buffer;
}

/** Both meta pages as they are now. A commit may be under way in one of them: `openView` tells when one can be relied on. */
export function readMeta(file: PageFile): readonly [Meta, Meta] {
  return [readOne(file, 0), readOne(file, 1)];
}

/** The last committed transaction. Two loads from the mapping, no system call: made for polling. */
export function lastTxnId(file: PageFile): number {
  return Math.max(txnIdOf(file, 0), txnIdOf(file, 1));
}

function readOne(file: PageFile, page: 0 | 1): Meta {
  const bytes = Buffer.allocUnsafeSlow(META_BYTES);
  const offset = file.offsetOf(page);
  file.windowAt(page).copy(bytes, 0, offset, offset + META_BYTES);
  return {
    txnId: readU64(bytes, META_TXN_ID),
    mapSizeBytes: readU64(bytes, META_MAP_SIZE),
    lastPage: readU64(bytes, META_LAST_PAGE),
    mainRoot: readPageNumber(bytes, META_MAIN_RECORD + RECORD_ROOT),
    bytes,
  };
}

/** The id is written last, and its low word in one store: no half-written id is ever seen below 2^32 transactions. */
function txnIdOf(file: PageFile, page: 0 | 1): number {
  const words = file.metaTxnId(page);
  return Atomics.load(words, 0) + Atomics.load(words, 1) * TWO_32;
}
