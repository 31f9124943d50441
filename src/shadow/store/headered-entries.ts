import { compareKeys, type KeyOrder, sameBytes } from '../../btree/index.ts';
import { ByteMatcher } from '../../lmdb/index.ts';
import { Entry, takeStored } from '../../merge/index.ts';
import type { DbiView, EntryReader, EntryWalker } from '../view.ts';
import type { StoredEntries, StoredReader, StoredWalker } from './store.ts';

/** Beyond this the call into native code is faster. */
const MATCHER_BYTES = 256;

/** Entries of a DBI whose values carry headers: a shadow, or in native mode the application's own. */
export class HeaderedEntries implements StoredEntries {
  readonly #dbi: DbiView;

  constructor(dbi: DbiView) {
    this.#dbi = dbi;
  }

  get count(): number {
    return this.#dbi.entries;
  }

  get order(): KeyOrder {
    return compareKeys(this.#dbi.flags);
  }

  walk(): StoredWalker {
    return new HeaderedWalker(this.#dbi.name, this.#dbi.walk());
  }

  reader(): StoredReader {
    return new HeaderedReader(this.#dbi.name, this.#dbi.reader());
  }
}

/** An entry that compares its value; the views of the buffers are kept from one call to the next. */
class MatchingEntry extends Entry {
  readonly #matcher = new ByteMatcher();

  get entry(): Entry {
    return this;
  }

  hasValue(buffer: Buffer, start: number, end: number): boolean {
    const { valueBuffer, valueStart, valueEnd } = this;
    return end - start > MATCHER_BYTES
      ? sameBytes(valueBuffer, valueStart, valueEnd, buffer, start, end)
      : this.#matcher.same(valueBuffer, valueStart, valueEnd, buffer, start, end);
  }
}

class HeaderedWalker extends MatchingEntry implements StoredWalker {
  readonly #name: string;
  readonly #walker: EntryWalker;

  constructor(name: string, walker: EntryWalker) {
    super();
    this.#name = name;
    this.#walker = walker;
  }

  next(): boolean {
    const walker = this.#walker;
    if (!walker.next()) return false;
    this.setKey(walker.keyBuffer, walker.keyStart, walker.keyEnd);
    takeStored(this, this.#name, walker.valueBuffer, walker.valueStart, walker.valueEnd);
    return true;
  }
}

class HeaderedReader extends MatchingEntry implements StoredReader {
  readonly #name: string;
  readonly #reader: EntryReader;

  constructor(name: string, reader: EntryReader) {
    super();
    this.#name = name;
    this.#reader = reader;
  }

  find(key: Buffer, keyStart: number, keyEnd: number): boolean {
    const reader = this.#reader;
    if (!reader.get(key, keyStart, keyEnd)) return false;
    const { valueBuffer, valueStart, valueEnd } = reader;
    if (valueStart === valueEnd) return false;
    this.setKey(key, keyStart, keyEnd);
    takeStored(this, this.#name, valueBuffer, valueStart, valueEnd);
    return true;
  }
}
