import {
  assertOrdered,
  CustomOrderError,
  compareDuplicates,
  compareKeys,
  sameBytes,
  type Tree,
  TreeReader,
  TreeWalker,
  type View,
} from '../btree/index.ts';
import { type Cursor, type Dbi, DbiFlag, type ReadTransaction } from '../lmdb/index.ts';

/** Entries in LMDB's order; the current one's bytes are `keyBuffer[keyStart, keyEnd)` and so on, until the next move. */
export interface EntryWalker {
  readonly keyBuffer: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueBuffer: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  next(): boolean;
  /** To the first entry at or after a key. */
  seek(key: Buffer): boolean;
}

/** Point look-ups, cheapest in nearly sorted order. After a hit the value is `valueBuffer[valueStart, valueEnd)`. */
export interface EntryReader {
  readonly valueBuffer: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  get(key: Buffer, keyStart: number, keyEnd: number): boolean;
  getPair(key: Buffer, keyStart: number, keyEnd: number, value: Buffer, valueStart: number, valueEnd: number): boolean;
}

/** One DBI as a transaction sees it. */
export interface DbiView {
  readonly name: string;
  readonly flags: number;
  readonly entries: number;
  /** The pages, where they can be read: two trees can then be compared by page number. */
  readonly tree: Tree | undefined;
  walk(): EntryWalker;
  reader(): EntryReader;
  /**
   * Looks at all keys and duplicates: whether they are in the order of the DBI's flags.
   * @throws CustomOrderError
   */
  assertOrdered(): void;
}

/** The DBI without a name, which is also the list of the others: an application may keep data in it, or give it flags. */
export interface UnnamedDbi {
  readonly flags: number;
  /** The first key that is no DBI. */
  readonly plainKey: Buffer | undefined;
}

/** All named DBIs as one transaction sees them. */
export interface DatabaseView {
  readonly txnId: number;
  readonly dbis: ReadonlyMap<string, DbiView>;
  readonly unnamed: UnnamedDbi;
  /** Of the LMDB in which the entries lie, where they lie beside the application's (decision 16). */
  readonly sidecar?: SidecarView | undefined;
}

export interface SidecarView extends DatabaseView {
  /** Its pages, where they can be read. */
  readonly pages: View | undefined;
}

/** The LMDB in which shadows, and what else is ours, lie. */
export function entriesView(view: DatabaseView): DatabaseView {
  return view.sidecar ?? view;
}

/** The pages of that LMDB, where they can be read. */
export function entriesPages({ view, pages }: Snapshotted): View | undefined {
  return view.sidecar ? view.sidecar.pages : pages;
}

/** A held transaction: what it sees, and its pages where they can be read. */
export interface Snapshotted {
  readonly view: DatabaseView;
  readonly pages: View | undefined;
}

/** The fast way: LMDB's pages through a mapping of the file. */
export function pagedView(view: View): DatabaseView {
  const dbis = new Map<string, DbiView>();
  const root = view.root();
  for (const { name, tree } of root.dbis) dbis.set(name, new PagedDbi(name, tree));
  return { txnId: view.txnId, dbis, unnamed: { flags: view.mainTree.flags, plainKey: root.plainKey } };
}

class PagedDbi implements DbiView {
  readonly name: string;
  readonly tree: Tree;

  constructor(name: string, tree: Tree) {
    this.name = name;
    this.tree = tree;
  }

  get flags(): number {
    return this.tree.flags;
  }

  get entries(): number {
    return this.tree.entries;
  }

  walk(): EntryWalker {
    return new TreeWalker(this.tree);
  }

  reader(): EntryReader {
    return new TreeReader(this.tree);
  }

  assertOrdered(): void {
    assertOrdered(this.tree);
  }
}

/** The slow way, for a data file whose pages we cannot read: liblmdb's cursors. */
export function cursorView(transaction: ReadTransaction): DatabaseView {
  const dbis = new Map<string, DbiView>();
  const { dbiNames, plainKey } = transaction.root();
  for (const name of dbiNames) {
    dbis.set(name, new CursorDbi(transaction, name, transaction.openDbi(name)!));
  }
  const flags = transaction.dbiFlags(transaction.openMain());
  return { txnId: transaction.id, dbis, unnamed: { flags, plainKey } };
}

class CursorDbi implements DbiView {
  readonly name: string;
  readonly flags: number;
  readonly entries: number;
  readonly tree = undefined;
  readonly #transaction: ReadTransaction;
  readonly #dbi: Dbi;

  constructor(transaction: ReadTransaction, name: string, dbi: Dbi) {
    this.name = name;
    this.flags = transaction.dbiFlags(dbi);
    this.entries = transaction.stat(dbi).entries;
    this.#transaction = transaction;
    this.#dbi = dbi;
  }

  walk(): EntryWalker {
    return this.#transaction.cursor(this.#dbi);
  }

  reader(): EntryReader {
    return new CursorReader(this.#transaction.cursor(this.#dbi));
  }

  assertOrdered(): void {
    const keyOrder = compareKeys(this.flags);
    const duplicateOrder = compareDuplicates(this.flags);
    const cursor = this.#transaction.cursor(this.#dbi);
    let key: Buffer | undefined;
    let value: Buffer | undefined;
    while (cursor.next()) {
      const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = cursor;
      if (key && value && sameBytes(key, 0, key.length, keyBuffer, keyStart, keyEnd)) {
        if (duplicateOrder(value, 0, value.length, valueBuffer, valueStart, valueEnd) >= 0) {
          throw new CustomOrderError(this.name, 'duplicates');
        }
      } else if (key && keyOrder(key, 0, key.length, keyBuffer, keyStart, keyEnd) >= 0) {
        throw new CustomOrderError(this.name, 'keys');
      }
      key = cursor.key();
      value = this.flags & DbiFlag.dupSort ? cursor.value() : undefined;
    }
    cursor.close();
  }
}

class CursorReader implements EntryReader {
  readonly #cursor: Cursor;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  get valueBuffer(): Buffer {
    return this.#cursor.valueBuffer;
  }
  get valueStart(): number {
    return this.#cursor.valueStart;
  }
  get valueEnd(): number {
    return this.#cursor.valueEnd;
  }

  get(key: Buffer, keyStart: number, keyEnd: number): boolean {
    return this.#cursor.find(key.subarray(keyStart, keyEnd));
  }

  getPair(key: Buffer, keyStart: number, keyEnd: number, value: Buffer, valueStart: number, valueEnd: number): boolean {
    const cursor = this.#cursor;
    // LMDB refuses to look for an empty duplicate where there are several; it can only be the single one.
    if (valueStart === valueEnd) return cursor.find(key.subarray(keyStart, keyEnd)) && cursor.valueEnd === 0;
    return cursor.findPair(key.subarray(keyStart, keyEnd), value.subarray(valueStart, valueEnd));
  }
}
