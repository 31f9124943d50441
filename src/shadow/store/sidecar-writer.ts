import { type Cursor, type Dbi, DbiFlag, PutFlag, type WriteTransaction } from '../../lmdb/index.ts';
import { type Entry, HeaderWriter } from '../../merge/index.ts';
import { IntentWriter } from './intents.ts';
import { MainValues } from './main-values.ts';
import { shadowFlags, shadowName } from './names.ts';
import { SidecarEntry, StoredForm } from './sidecar-record.ts';
import type { Beside, EntryWriter, StoredDbi } from './store.ts';

/** Writes entries to a sidecar. Of one that changes main too it notes what it replaces, until main is committed. */
export class SidecarWriter implements EntryWriter {
  readonly #transaction: WriteTransaction;
  readonly #name: string;
  readonly #dbi: Dbi;
  readonly #cursor: Cursor;
  readonly #header: HeaderWriter;
  readonly #appends: boolean;
  readonly #isDupSort: boolean;
  readonly #value = new StoredForm();
  readonly #found = new SidecarEntry();
  readonly #intents: IntentWriter | undefined;
  readonly #main: WriteTransaction | undefined;
  readonly #mainName: string;
  readonly #keepsValues: boolean;

  /** @param transaction the sidecar's */
  constructor(
    transaction: WriteTransaction,
    { name, flags, fillsEmpty, keepsValues = false }: StoredDbi,
    { main, txnId }: Beside,
  ) {
    this.#transaction = transaction;
    this.#name = shadowName(name);
    this.#dbi = transaction.openOrCreateDbi(this.#name, shadowFlags(flags));
    this.#cursor = transaction.cursor(this.#dbi);
    this.#header = new HeaderWriter(txnId);
    this.#appends = fillsEmpty;
    this.#isDupSort = (flags & DbiFlag.dupSort) !== 0;
    // Of a DBI that the application has dropped, or is getting back, the entries are right whether main is committed or not.
    this.#intents = main && !keepsValues ? new IntentWriter(transaction, name, flags) : undefined;
    this.#main = main;
    this.#mainName = name;
    this.#keepsValues = keepsValues;
  }

  put(entry: Entry): void {
    this.#value.set(entry, this.#isDupSort, this.#keepsValues);
    const header = this.#header.set(entry.timestampHi, entry.timestampLo, entry.flags);
    const { buffer, start, end } = this.#value;
    this.#value.mark(header);
    const { keyBuffer, keyStart, keyEnd } = entry;
    this.#intents?.note(this.#dbi, entry, header, this.#value);
    const cursor = this.#cursor;
    if (this.#appends && cursor.put(keyBuffer, keyStart, keyEnd, header, buffer, start, end, PutFlag.append)) return;
    cursor.put(keyBuffer, keyStart, keyEnd, header, buffer, start, end);
  }

  /** Its value is what main has in the same write transaction. */
  find(key: Buffer): Entry | undefined {
    const bytes = this.#transaction.get(this.#dbi, key);
    if (!bytes || bytes.length === 0) return undefined;
    const found = this.#found;
    found.setKey(key, 0, key.length);
    found.takeRecord(this.#name, bytes as Uint8Array as Buffer, 0, bytes.length);
    if (found.isDigest) this.#fetch(found);
    return found;
  }

  #fetch(found: SidecarEntry): void {
    const main = this.#main;
    const dbi = main?.openDbi(this.#mainName);
    if (main === undefined || dbi === undefined) return;
    if (!this.#isDupSort) {
      const value = main.get(dbi, found.key());
      if (value) found.setValue(value as Uint8Array as Buffer, 0, value.length);
      return;
    }
    const cursor = main.cursor(dbi);
    new MainValues({ isDupSort: true, reader: () => unreachable(), walk: () => cursor }).fetch(found);
    cursor.close();
  }
}

function unreachable(): never {
  throw new TypeError('pairs are walked');
}
