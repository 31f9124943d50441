import { type Cursor, type Dbi, PutFlag, type WriteTransaction } from '../../lmdb/index.ts';
import { Entry, HeaderWriter, takeStored } from '../../merge/index.ts';
import type { EntryWriter, StoredDbi } from './store.ts';

/** Writes entries, header first, to a DBI of the application's LMDB. */
export class HeaderedWriter implements EntryWriter {
  readonly #transaction: WriteTransaction;
  readonly #name: string;
  readonly #dbi: Dbi;
  readonly #cursor: Cursor;
  readonly #header: HeaderWriter;
  readonly #appends: boolean;
  #stored: Entry | undefined;

  /** @param name of the DBI that holds the entries, made with `flags` when it is missing */
  constructor(transaction: WriteTransaction, name: string, flags: number, { fillsEmpty, extraBlocks }: StoredDbi) {
    this.#transaction = transaction;
    this.#name = name;
    this.#dbi = transaction.openOrCreateDbi(name, flags);
    this.#appends = fillsEmpty;
    this.#cursor = transaction.cursor(this.#dbi);
    this.#header = new HeaderWriter(transaction.id, extraBlocks);
  }

  put(entry: Entry): void {
    const header = this.#header.set(entry.timestampHi, entry.timestampLo, entry.flags);
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = entry;
    const cursor = this.#cursor;
    // The shadow of a DUPSORT DBI may have another order; LMDB refuses an append out of order, and it is done the plain way.
    if (
      this.#appends &&
      cursor.put(keyBuffer, keyStart, keyEnd, header, valueBuffer, valueStart, valueEnd, PutFlag.append)
    ) {
      return;
    }
    cursor.put(keyBuffer, keyStart, keyEnd, header, valueBuffer, valueStart, valueEnd);
  }

  find(key: Buffer): Entry | undefined {
    const bytes = this.#transaction.get(this.#dbi, key);
    if (!bytes || bytes.length === 0) return undefined;
    this.#stored ??= new Entry();
    const stored = this.#stored;
    const value = bytes as Uint8Array as Buffer;
    stored.setKey(key, 0, key.length);
    takeStored(stored, this.#name, value, 0, value.length);
    return stored;
  }
}
