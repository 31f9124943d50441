import type { KeyOrder } from '../../btree/index.ts';
import type { WriteTransaction } from '../../lmdb/index.ts';
import type { Entry } from '../../merge/index.ts';
import type { EntryCursor } from '../../snapshot/index.ts';
import type { DatabaseView, DbiView } from '../view.ts';

/**
 * Where the entries of the application's DBIs are kept: their times and deletion marks, and the values as last seen. Only this
 * folder knows in which LMDB and DBI they lie and what these are called.
 *
 * DBIs have the application's names everywhere in this interface. A view is what the store itself sees of one moment; a store that
 * keeps its entries in another LMDB gets views that hold both, of the same state.
 */
export interface ShadowStore {
  /** The entries are a copy beside the application's DBIs; false where they are those DBIs (native mode). */
  readonly isCopy: boolean;
  /** Whether a DBI of the application's LMDB is one that holds entries. `name` is its name in the LMDB. */
  holdsEntries(name: string): boolean;
  /** The application's DBI whose entries such a DBI holds. */
  dbiNameOf(name: string): string;
  /** Whether entries of a DBI of this name can be kept. */
  canName(dbiName: string): boolean;
  /** Whether the entries that are kept of a DBI can take the keys that it holds now. */
  canTakeKeysOf(main: DbiView, view: DatabaseView): boolean;
  /** DBIs of which entries are kept, also those that the application has dropped since. */
  dbiNames(view: DatabaseView): string[];
  /** undefined: none are kept. */
  entries(view: DatabaseView, dbiName: string): StoredEntries | undefined;
  /** Whether two views surely show the same entries; cheap. */
  isSame(a: DatabaseView, b: DatabaseView): boolean;
  /** The order of the entries of a DBI with these flags. */
  orderOf(dbiFlags: number): KeyOrder;
  /** Opens the entries of a DBI for writing; makes them where there are none. */
  writer(transaction: WriteTransaction, dbi: StoredDbi, beside?: Beside): EntryWriter;
}

/** The application's side of a write to a sidecar. */
export interface Beside {
  /** The write transaction of the application's LMDB that is committed afterwards; undefined: nothing of it is written. */
  readonly main: WriteTransaction | undefined;
  /** The transaction of the application's LMDB with which the entries agree then. */
  readonly txnId: number;
}

/**
 * Which values of live entries are wanted, where they have to be fetched from the application's DBI. `none`: only `hasValue` is asked.
 * `sizes`: as `agreed`, but only how long they are. `agreed`: main is as the entries say. `present`: it may have changed, and a value may be another one, or cut.
 */
export type Values = 'none' | 'sizes' | 'agreed' | 'present';

export interface StoredDbi {
  /** The application's DBI. */
  readonly name: string;
  /** Flags of the application's DBI. */
  readonly flags: number;
  /** Nothing was kept when this was planned, and entries will come in order, in one transaction or in several. */
  readonly fillsEmpty: boolean;
  /** `header_extra_padding_block`. */
  readonly extraBlocks: number;
  /** A sidecar keeps values whole: the application has dropped the DBI, and nobody else has them here. */
  readonly keepsValues?: boolean | undefined;
}

/** The entries of one DBI as a view shows them, deletion marks included. */
export interface StoredEntries {
  readonly count: number;
  readonly order: KeyOrder;
  /** @param values `agreed` where nothing is said */
  walk(values?: Values): StoredWalker;
  reader(values?: Values): StoredReader;
}

interface Shown {
  /** The current entry; valid until the next move. */
  readonly entry: Entry;
  /** Whether its value, if it is live, is `buffer[start, end)`. A store that keeps digests compares these. */
  hasValue(buffer: Buffer, start: number, end: number): boolean;
}

/** Entries in order. @throws HeaderError */
export interface StoredWalker extends Shown, EntryCursor {
  next(): boolean;
}

/** Point look-ups, cheapest in nearly sorted order. @throws HeaderError */
export interface StoredReader extends Shown {
  /** A stored value of no bytes at all counts as absent (HDR-13). */
  find(key: Buffer, keyStart: number, keyEnd: number): boolean;
}

/** Writes entries of one DBI in a write transaction of the LMDB that holds them. */
export interface EntryWriter {
  put(entry: Entry): void;
  /** What is stored now, also by this transaction; valid until the next call. @throws HeaderError */
  find(key: Buffer): Entry | undefined;
}
