import { DbiFlag } from '../../lmdb/index.ts';
import type { Entry } from '../../merge/index.ts';
import { SEPARATOR_SIZE } from '../dupsort.ts';
import type { DbiView, EntryReader } from '../view.ts';
import { MainValues, mainOf } from './main-values.ts';
import { SidecarEntry, valueInKey } from './sidecar-record.ts';

/** Whether the application's DBI is as a record says. */
export class InMain {
  readonly #main: DbiView | undefined;
  readonly #reader: EntryReader | undefined;
  readonly #values: MainValues | undefined;
  readonly #record = new SidecarEntry();

  constructor(main: DbiView | undefined) {
    this.#main = main;
    this.#reader = main?.reader();
    this.#values = main && new MainValues(mainOf(main));
  }

  /** @param bytes nothing: no record, and so nothing in main */
  shows(key: Buffer, bytes: Buffer): boolean {
    const record = this.#record;
    record.setKey(key, 0, key.length);
    record.setDeleted();
    if (bytes.length > 0) record.takeRecord('', bytes, 0, bytes.length);
    if (!this.#main) return record.deleted;
    return this.#main.flags & DbiFlag.dupSort ? this.#showsPair(record) : this.#showsValue(record);
  }

  /**
   * Makes an entry say what the application's DBI has under its key: that value, or that there is none. The bytes are valid until the next
   * call.
   */
  takeInto(entry: Entry): void {
    const { keyBuffer, keyStart, keyEnd } = entry;
    entry.setDeleted();
    if (!this.#main) return;
    const reader = this.#reader!;
    if (!(this.#main.flags & DbiFlag.dupSort)) {
      if (reader.get(keyBuffer, keyStart, keyEnd))
        entry.setValue(reader.valueBuffer, reader.valueStart, reader.valueEnd);
      return;
    }
    const record = this.#record;
    record.setKey(keyBuffer, keyStart, keyEnd);
    const at = valueInKey(record);
    if (at < 0) return;
    if (reader.getPair(keyBuffer, keyStart, at - SEPARATOR_SIZE, keyBuffer, at, keyEnd - 1)) {
      entry.setValue(keyBuffer, at, keyEnd - 1);
    } else if (record.mayBeCut && this.#values!.fetch(record)) {
      entry.setValue(record.valueBuffer, record.valueStart, record.valueEnd);
    }
  }

  #showsValue(record: SidecarEntry): boolean {
    const reader = this.#reader!;
    const isThere = reader.get(record.keyBuffer, record.keyStart, record.keyEnd);
    if (!isThere || record.deleted) return isThere !== record.deleted;
    return record.hasValue(reader.valueBuffer, reader.valueStart, reader.valueEnd);
  }

  #showsPair(record: SidecarEntry): boolean {
    const { keyBuffer, keyStart, keyEnd } = record;
    const at = valueInKey(record);
    if (at < 0) return record.deleted;
    const isThere = this.#reader!.getPair(keyBuffer, keyStart, at - SEPARATOR_SIZE, keyBuffer, at, keyEnd - 1);
    if (!record.mayBeCut || (isThere && !record.isDigest)) return isThere !== record.deleted;
    const isAnyThere = this.#values!.fetch(record);
    if (record.deleted || !isAnyThere) return isAnyThere !== record.deleted;
    return record.isDigest && record.hasValue(record.valueBuffer, record.valueStart, record.valueEnd);
  }
}
