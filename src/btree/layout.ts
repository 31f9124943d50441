/**
 * The bytes of LMDB's data file: liblmdb 0.9, MDB_DATA_VERSION 1, 64 bit, little endian (`mdb.c`: MDB_page, MDB_node,
 * MDB_db, MDB_meta). Offsets are in bytes. Nodes in sub-pages may lie at odd addresses, so integers are put together from bytes.
 */

export const META_MAGIC = 0xbeef_c0de;
export const DATA_VERSION = 1;
export const MIN_PAGE_SIZE_BYTES = 512;
export const MAX_PAGE_SIZE_BYTES = 65_536;

/** Deeper than any tree of LMDB (its cursors hold 32 levels). */
export const MAX_DEPTH = 64;

/** Page header: u64 page number, u16 pad (key size of a LEAF2 page), u16 flags, then u16 lower, u16 upper or u32 pages. */
export const PAGE_HEADER_BYTES = 16;
export const PAGE_PAD = 8;
export const PAGE_FLAGS = 10;
export const PAGE_LOWER = 12;
/** Overflow pages hold their number of pages where the others hold lower and upper. */
export const PAGE_OVERFLOW_COUNT = 12;

export const PageFlag = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08, leaf2: 0x20, subPage: 0x40 } as const;
/** The bits that say what a page is; the others (dirty, loose, keep) are LMDB's own business. */
export const PAGE_KIND_MASK = 0x6f;

/** Node header: u16 lo, u16 hi, u16 flags, u16 key size, then key, then data. */
export const NODE_HEADER_BYTES = 8;
export const NODE_FLAGS = 4;
export const NODE_KEY_SIZE = 6;

export const NodeFlag = { bigData: 0x01, subData: 0x02, dupData: 0x04 } as const;

/** DBI record: u32 pad, u16 flags, u16 depth, u64 branch, leaf and overflow pages, u64 entries, u64 root. */
export const RECORD_BYTES = 48;
export const RECORD_PAD = 0;
export const RECORD_FLAGS = 4;
export const RECORD_DEPTH = 6;
export const RECORD_BRANCH_PAGES = 8;
export const RECORD_LEAF_PAGES = 16;
export const RECORD_OVERFLOW_PAGES = 24;
export const RECORD_ENTRIES = 32;
export const RECORD_ROOT = 40;

/** Meta, after the page header: u32 magic, u32 version, u64 address, u64 map size, two records, u64 last page, u64 txn. */
export const META_FORMAT_MAGIC = PAGE_HEADER_BYTES;
export const META_FORMAT_VERSION = PAGE_HEADER_BYTES + 4;
export const META_MAP_SIZE = PAGE_HEADER_BYTES + 16;
/** The free DBI's record; its pad is the page size. */
export const META_FREE_RECORD = PAGE_HEADER_BYTES + 24;
export const META_MAIN_RECORD = META_FREE_RECORD + RECORD_BYTES;
export const META_LAST_PAGE = META_MAIN_RECORD + RECORD_BYTES;
export const META_TXN_ID = META_LAST_PAGE + 8;
export const META_BYTES = META_TXN_ID + 8;

const TWO_32 = 0x1_0000_0000;

export function readU16(buffer: Uint8Array, at: number): number {
  return buffer[at]! | (buffer[at + 1]! << 8);
}

export function readU32(buffer: Uint8Array, at: number): number {
  return (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0;
}

/** As a double: exact below 2^53, which no page number, size or transaction id of a real file reaches. */
export function readU64(buffer: Uint8Array, at: number): number {
  return readU32(buffer, at) + readU32(buffer, at + 4) * TWO_32;
}

/** A page number of 64 bits; every value beyond the 32 bits that this reader can address becomes `NO_PAGE`. */
export function readPageNumber(buffer: Uint8Array, at: number): number {
  return readU32(buffer, at + 4) === 0 ? readU32(buffer, at) : NO_PAGE;
}

/** What `readPageNumber` makes of LMDB's invalid root (all ones), and of numbers over 2^32: past the end of any file. */
export const NO_PAGE = 0xffff_ffff;
