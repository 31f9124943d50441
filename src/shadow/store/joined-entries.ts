import { compareKeys, type KeyOrder, sameBytes } from '../../btree/index.ts';
import { LmdbstreamError } from '../../errors/index.ts';
import { showDbiName } from '../../lmdb/index.ts';
import type { DbiView, EntryReader, EntryWalker } from '../view.ts';
import { MainValues, mainOf } from './main-values.ts';
import { SidecarEntry } from './sidecar-record.ts';
import type { StoredEntries, StoredReader, StoredWalker, Values } from './store.ts';

/** A view joins a sidecar with an LMDB with which it does not agree: nothing of that may be published or merged. */
export class SidecarDisagreesError extends LmdbstreamError {
  constructor(dbiName: string) {
    super('SIDECAR_DISAGREES', `DBI ${showDbiName(dbiName)} lacks a value that its sidecar knows`, {
      hint: 'this should not be; stop lmdbstream, run `lmdbstream drop-shadow`, start it again, and report it',
    });
  }
}

/** The entries of a sidecar, with the values that the application's DBI has. */
export class JoinedEntries implements StoredEntries {
  readonly #shadow: DbiView;
  readonly #main: DbiView | undefined;

  constructor(shadow: DbiView, main: DbiView | undefined) {
    this.#shadow = shadow;
    this.#main = main;
  }

  get count(): number {
    return this.#shadow.entries;
  }

  get order(): KeyOrder {
    return compareKeys(this.#shadow.flags);
  }

  walk(values: Values = 'agreed'): StoredWalker {
    return new JoinedWalker(this.#shadow.name, this.#shadow.walk(), this.#main, values);
  }

  reader(values: Values = 'agreed'): StoredReader {
    return new JoinedReader(this.#shadow.name, this.#shadow.reader(), this.#main, values);
  }
}

const NO_BYTES = Buffer.alloc(0);

class JoinedEntry extends SidecarEntry {
  protected readonly name: string;
  readonly #values: Values;
  readonly #main: MainValues | undefined;
  #hasFetched = false;

  constructor(name: string, main: DbiView | undefined, values: Values) {
    super();
    this.name = name;
    this.#values = values;
    this.#main = main && new MainValues(mainOf(main));
  }

  get entry(): SidecarEntry {
    return this;
  }

  override hasValue(buffer: Buffer, start: number, end: number): boolean {
    // Where main is as the entries say, its bytes are compared for less than a digest costs.
    if (!this.#hasFetched) return super.hasValue(buffer, start, end);
    return sameBytes(this.valueBuffer, this.valueStart, this.valueEnd, buffer, start, end);
  }

  protected take(buffer: Buffer, start: number, end: number): void {
    this.#hasFetched = false;
    this.takeRecord(this.name, buffer, start, end);
    if (!this.isDigest || this.#values === 'none') return;
    if (this.#values === 'sizes' && this.valueLength > 0) {
      this.setValue(NO_BYTES, 0, this.valueLength);
      return;
    }
    const isThere = this.#main?.fetch(this) ?? false;
    if (this.#values !== 'present') {
      if (!isThere) throw new SidecarDisagreesError(this.name);
      this.#hasFetched = true;
    } else if (!isThere) MainValues.cut(this);
  }
}

class JoinedWalker extends JoinedEntry implements StoredWalker {
  readonly #walker: EntryWalker;

  constructor(name: string, walker: EntryWalker, main: DbiView | undefined, values: Values) {
    super(name, main, values);
    this.#walker = walker;
  }

  next(): boolean {
    const walker = this.#walker;
    if (!walker.next()) return false;
    this.setKey(walker.keyBuffer, walker.keyStart, walker.keyEnd);
    this.take(walker.valueBuffer, walker.valueStart, walker.valueEnd);
    return true;
  }
}

class JoinedReader extends JoinedEntry implements StoredReader {
  readonly #reader: EntryReader;

  constructor(name: string, reader: EntryReader, main: DbiView | undefined, values: Values) {
    super(name, main, values);
    this.#reader = reader;
  }

  find(key: Buffer, keyStart: number, keyEnd: number): boolean {
    const reader = this.#reader;
    if (!reader.get(key, keyStart, keyEnd) || reader.valueStart === reader.valueEnd) return false;
    this.setKey(key, keyStart, keyEnd);
    this.take(reader.valueBuffer, reader.valueStart, reader.valueEnd);
    return true;
  }
}
