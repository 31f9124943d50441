import { sameBytes } from '../../btree/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import { applicationKeyLength, valueOffset } from '../dupsort.ts';
import type { DbiView, EntryReader, EntryWalker } from '../view.ts';
import type { SidecarEntry } from './sidecar-record.ts';

/** Of a DBI of the application: what a value is fetched from. */
export interface MainDbi {
  readonly isDupSort: boolean;
  reader(): EntryReader;
  walk(): EntryWalker;
}

/** Fetches values from the application's DBI, for entries of which only a digest is kept. */
export class MainValues {
  readonly #main: MainDbi;
  #reader: EntryReader | undefined;
  #walker: EntryWalker | undefined;

  constructor(main: MainDbi) {
    this.#main = main;
  }

  /** Gives a live entry the value that main has. @returns false when main has none */
  fetch(entry: SidecarEntry): boolean {
    return this.#main.isDupSort ? this.#fetchPair(entry) : this.#fetchValue(entry);
  }

  #fetchValue(entry: SidecarEntry): boolean {
    this.#reader ??= this.#main.reader();
    const reader = this.#reader;
    if (!reader.get(entry.keyBuffer, entry.keyStart, entry.keyEnd)) return false;
    entry.setValue(reader.valueBuffer, reader.valueStart, reader.valueEnd);
    return true;
  }

  /** The pairs of a key that begin as a cut shadow key says: one, where main is as it should be. */
  #fetchPair(entry: SidecarEntry): boolean {
    const { keyBuffer, keyStart, keyEnd } = entry;
    const length = applicationKeyLength(keyBuffer, keyStart, keyEnd);
    if (length < 0) return false;
    const key = Buffer.from(keyBuffer.subarray(keyStart, keyStart + length));
    const prefixStart = keyStart + valueOffset(length);
    const prefixEnd = keyEnd - 1;
    this.#walker ??= this.#main.walk();
    const walker = this.#walker;
    let found = false;
    for (let more = walker.seek(key); more; more = walker.next()) {
      const { valueBuffer, valueStart, valueEnd } = walker;
      if (!sameBytes(walker.keyBuffer, walker.keyStart, walker.keyEnd, key, 0, key.length)) break;
      const cutEnd = valueStart + prefixEnd - prefixStart;
      if (valueEnd < cutEnd || !sameBytes(valueBuffer, valueStart, cutEnd, keyBuffer, prefixStart, prefixEnd)) continue;
      const isIt = entry.hasValue(valueBuffer, valueStart, valueEnd);
      if (found && !isIt) continue;
      found = true;
      // The walker goes on; the bytes of a page stay, those of a cursor do not.
      const value = Buffer.from(valueBuffer.subarray(valueStart, valueEnd));
      entry.setValue(value, 0, value.length);
      if (isIt) return true;
    }
    return found;
  }

  /** The value as far as its shadow key holds it. */
  static cut(entry: SidecarEntry): void {
    const length = applicationKeyLength(entry.keyBuffer, entry.keyStart, entry.keyEnd);
    if (length >= 0) entry.setValue(entry.keyBuffer, entry.keyStart + valueOffset(length), entry.keyEnd - 1);
  }
}

export function mainOf(main: DbiView): MainDbi {
  return {
    isDupSort: (main.flags & DbiFlag.dupSort) !== 0,
    reader: () => main.reader(),
    walk: () => main.walk(),
  };
}
