import { sameBytes } from '../btree/index.ts';
import { type Cursor, type Dbi, DbiFlag, MAX_KEY_SIZE, PutFlag, type WriteTransaction } from '../lmdb/index.ts';
import { Entry, incomingWins, stampOf, TIME_ZERO } from '../merge/index.ts';
import { applicationKeyLength, ShadowKey } from './dupsort.ts';
import type { PlannedDbi, PlannedWrite } from './planned.ts';
import type { Beside, EntryWriter, ShadowStore } from './store/index.ts';

/** A live empty duplicate that is to go into main, after everything else. */
export interface PostponedEmpty {
  readonly dbi: number;
  readonly timestampHi: number;
  readonly timestampLo: number;
  /** The shadow key. */
  readonly key: Buffer;
}

/** Writes the entries of one DBI, and what they mean for the application's DBI. */
export class DbiWriter {
  readonly name: string;
  /** Of the application's LMDB. */
  readonly #transaction: WriteTransaction;
  readonly #planned: PlannedDbi;
  readonly #entries: EntryWriter;
  readonly #isDupSort: boolean;
  #main: Dbi | undefined;
  #mainCursor: Cursor | undefined;
  #appendsMain = false;
  #isDetached = false;
  /** For DUPSORT only; a change of one record pays for no more than it needs. */
  #mark: Entry | undefined;
  #lastKey: Buffer | undefined;
  #lastKeyLength = -1;

  /** @param transaction of the LMDB that holds the entries; beside a sidecar, the application's is another one */
  constructor(
    transaction: WriteTransaction,
    planned: PlannedDbi,
    store: ShadowStore,
    extraBlocks: number,
    beside?: Beside,
  ) {
    this.name = planned.name;
    this.#transaction = beside?.main ?? transaction;
    this.#planned = planned;
    this.#isDupSort = (planned.flags & DbiFlag.dupSort) !== 0;
    const { name, flags, fillsEmpty, createsMain } = planned;
    const opensMain = createsMain && store.isCopy && !(beside && !beside.main);
    if (opensMain && beside) this.#openMain();
    // Nothing but the entries has the values then.
    const isDetached = beside?.main !== undefined && beside.main.openDbi(name) === undefined;
    const keepsValues = planned.keepsValues || isDetached;
    this.#entries = store.writer(transaction, { name, flags, fillsEmpty, extraBlocks, keepsValues }, beside);
    if (opensMain) this.#openMain();
  }

  putEntry(entry: Entry): void {
    this.#entries.put(entry);
  }

  /** Entry → main; only what differs is written, also with DUPSORT. */
  writeMain(write: PlannedWrite): void {
    const main = this.#openMain();
    if (main === undefined) return;
    if (this.#isDupSort) this.#writePair(main, write);
    else if (write.deleted) this.#transaction.delete(main, write.key());
    else this.#putMain(write, write.keyEnd, PutFlag.append, PutFlag.none);
  }

  #writePair(main: Dbi, write: PlannedWrite): void {
    const { keyBuffer, keyStart, keyEnd, oldBuffer, oldStart, oldEnd } = write;
    const applicationKeyEnd = keyStart + applicationKeyLength(keyBuffer, keyStart, keyEnd);
    const key = keyBuffer.subarray(keyStart, applicationKeyEnd);
    if (oldStart >= 0) this.#deletePair(main, key, oldBuffer.subarray(oldStart, oldEnd));
    if (write.deleted) return;
    this.#lastKey ??= Buffer.allocUnsafeSlow(MAX_KEY_SIZE);
    const last = this.#lastKey;
    const isSameKey = sameBytes(last, 0, this.#lastKeyLength, keyBuffer, keyStart, applicationKeyEnd);
    if (!isSameKey) {
      this.#dropEmptyDuplicate(main, key);
      this.#lastKeyLength = keyBuffer.copy(last, 0, keyStart, applicationKeyEnd);
    }
    this.#putMain(write, applicationKeyEnd, isSameKey ? PutFlag.appendDup : PutFlag.append, PutFlag.noDupData);
  }

  /** LMDB refuses to look for an empty duplicate where there are several. */
  #deletePair(main: Dbi, key: Buffer, value: Buffer): void {
    if (value.length > 0) this.#transaction.delete(main, key, value);
    else if (this.#transaction.get(main, key)?.length === 0) this.#transaction.delete(main, key);
  }

  isEmptyDuplicate(write: PlannedWrite): boolean {
    return this.#isDupSort && !write.deleted && write.valueStart === write.valueEnd;
  }

  writeEmptyDuplicate(shadowKey: Buffer, timestampHi: number, timestampLo: number): void {
    const entry = this.#scratchEntry();
    entry.setKey(shadowKey, 0, shadowKey.length);
    entry.setTime(timestampHi, timestampLo);
    entry.setValue(shadowKey, shadowKey.length, shadowKey.length);
    const present = this.#entries.find(shadowKey);
    // The same entry again: a DBI that the application made anew is being filled from the shadow.
    if (present && incomingWins(entry, present)) return;
    const main = this.#openMain();
    const key = shadowKey.subarray(0, applicationKeyLength(shadowKey, 0, shadowKey.length));
    const other = main === undefined ? undefined : this.#transaction.get(main, key);
    if (other === undefined || other.length === 0) {
      this.#entries.put(entry);
      if (main !== undefined) this.#transaction.put(main, key, entry.value());
    } else this.#putMark(shadowKey, timestampHi, timestampLo);
  }

  /** LMDB drops an empty duplicate without a word when the key gets another one; here it is marked deleted. */
  #dropEmptyDuplicate(main: Dbi, key: Buffer): void {
    if (this.#transaction.get(main, key)?.length !== 0) return;
    const shadowKey = new ShadowKey();
    shadowKey.encode(key, 0, key.length, key, 0, 0);
    const bytes = shadowKey.bytes.subarray(0, shadowKey.length);
    const present = this.#entries.find(bytes);
    if (!present || present.deleted) return;
    this.#putMark(bytes, present.timestampHi, present.timestampLo);
    this.#transaction.delete(main, key);
  }

  /** Marks an empty duplicate deleted, right after the time at which it lived. */
  #putMark(shadowKey: Buffer, timestampHi: number, timestampLo: number): void {
    const time = stampOf(TIME_ZERO, timestampHi, timestampLo);
    const mark = this.#scratchEntry();
    mark.setKey(shadowKey, 0, shadowKey.length);
    mark.setTime(time.hi, time.lo);
    mark.setDeleted();
    this.#entries.put(mark);
  }

  #scratchEntry(): Entry {
    this.#mark ??= new Entry();
    return this.#mark;
  }

  #putMain(write: PlannedWrite, keyEnd: number, append: number, plain: number): void {
    const { keyBuffer, keyStart, valueBuffer, valueStart, valueEnd } = write;
    const cursor = this.#mainCursor!;
    // Main may have another order than the shadow; an append out of order is refused by LMDB and done the plain way.
    if (
      this.#appendsMain &&
      cursor.put(keyBuffer, keyStart, keyEnd, undefined, valueBuffer, valueStart, valueEnd, append)
    ) {
      return;
    }
    cursor.put(keyBuffer, keyStart, keyEnd, undefined, valueBuffer, valueStart, valueEnd, plain);
  }

  /**
   * Compares a write with what is stored now.
   * @returns whether it still wins; it then says what main needs
   */
  decideAgain(write: PlannedWrite): boolean {
    const present = this.#entries.find(write.key());
    write.setNoOld();
    if (!present) {
      write.writesMain = !write.deleted;
      return true;
    }
    if (!incomingWins(present, write)) return false;
    write.writesMain = !write.deleted || !present.deleted;
    if (!present.deleted) write.setOld(present);
    return true;
  }

  /** @returns undefined when the application has dropped it: its entries are kept, and main is left alone (decision 9) */
  #openMain(): Dbi | undefined {
    if (this.#main !== undefined || this.#isDetached) return this.#main;
    const { name, flags, createsMain, fillsEmpty } = this.#planned;
    this.#main = createsMain ? this.#transaction.openOrCreateDbi(name, flags) : this.#transaction.openDbi(name);
    this.#isDetached = this.#main === undefined;
    if (this.#main === undefined) return undefined;
    this.#mainCursor = this.#transaction.cursor(this.#main);
    this.#appendsMain = fillsEmpty && this.#transaction.stat(this.#main).entries === 0;
    return this.#main;
  }
}
