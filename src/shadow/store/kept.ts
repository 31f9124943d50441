import { sameBytes } from '../../btree/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import { type Entry, HEADER_SIZE } from '../../merge/index.ts';
import { type DatabaseView, type EntryReader, entriesView } from '../view.ts';
import { InMain } from './in-main.ts';
import { shadowName } from './names.ts';
import { SidecarEntry, StoredForm } from './sidecar-record.ts';

const NOTHING = Buffer.alloc(0);
const FLAGS_AT = 17;

/**
 * What a sidecar keeps of one DBI, key by key, where the application's LMDB may be another than it says: for a sidecar that is being
 * rebuilt (decision 16).
 */
export class Kept {
  /** What `find` has found. */
  readonly entry = new SidecarEntry();
  readonly #reader: EntryReader | undefined;
  readonly #main: InMain;
  readonly #isDupSort: boolean;
  readonly #name: string;
  readonly #form = new StoredForm();
  readonly #inMain = new SidecarEntry();
  #key: Buffer = NOTHING;
  #record: Buffer = NOTHING;

  /** @param dbiFlags of the application's DBI */
  constructor(view: DatabaseView, dbiName: string, dbiFlags: number) {
    this.#name = shadowName(dbiName);
    this.#reader = entriesView(view).dbis.get(this.#name)?.reader();
    this.#main = new InMain(view.dbis.get(dbiName));
    this.#isDupSort = (dbiFlags & DbiFlag.dupSort) !== 0;
  }

  /** @throws HeaderError */
  find(key: Buffer, keyStart: number, keyEnd: number): boolean {
    const reader = this.#reader;
    this.#key = key.subarray(keyStart, keyEnd);
    this.#record = NOTHING;
    if (!reader?.get(key, keyStart, keyEnd) || reader.valueStart === reader.valueEnd) return false;
    const { valueBuffer, valueStart, valueEnd } = reader;
    this.entry.setKey(key, keyStart, keyEnd);
    this.entry.takeRecord(this.#name, valueBuffer, valueStart, valueEnd);
    this.#record = valueBuffer.subarray(valueStart, valueEnd);
    return true;
  }

  /** Whether what was found is this very entry. */
  isEntry(other: Entry): boolean {
    const { entry } = this;
    return (
      entry.timestampLo === other.timestampLo &&
      entry.timestampHi === other.timestampHi &&
      entry.deleted === other.deleted &&
      (entry.deleted || entry.hasValue(other.valueBuffer, other.valueStart, other.valueEnd))
    );
  }

  /** Whether the application's DBI is as what was found says; where nothing was, whether it lacks the key, too. */
  get isInMain(): boolean {
    return this.#main.shows(this.#key, this.#record);
  }

  /** Whether the application's DBI is as another entry of that key says. */
  hasInMain(other: Entry): boolean {
    if (!this.#isDupSort) {
      const main = this.#inMain;
      this.takeMain(main, other);
      if (main.deleted || other.deleted) return main.deleted === other.deleted;
      const { valueBuffer, valueStart, valueEnd } = main;
      return sameBytes(valueBuffer, valueStart, valueEnd, other.valueBuffer, other.valueStart, other.valueEnd);
    }
    const form = this.#form;
    form.set(other, true);
    const header = Buffer.alloc(HEADER_SIZE);
    form.mark(header);
    header[FLAGS_AT] = other.flags;
    return this.#main.shows(other.key(), Buffer.concat([header, form.buffer.subarray(form.start, form.end)]));
  }

  /** Makes an entry say what the application's DBI has under the key of another. */
  takeMain(entry: Entry, { keyBuffer, keyStart, keyEnd }: Entry): void {
    entry.setKey(keyBuffer, keyStart, keyEnd);
    this.#main.takeInto(entry);
  }
}
