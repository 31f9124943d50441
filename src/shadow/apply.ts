import { sameBytes } from '../btree/index.ts';
import { type Cursor, type Dbi, DbiFlag, PutFlag, type WriteTransaction } from '../lmdb/index.ts';
import {
  applicationStart,
  type Contender,
  ENTRY_DELETED,
  HeaderError,
  HeaderWriter,
  headerProblem,
  incomingWins,
  isDeleted,
  stampOf,
  TIME_ZERO,
  timestampHiOf,
  timestampLoOf,
} from '../merge/index.ts';
import { applicationKeyLength, ShadowKey } from './dupsort.ts';
import { shadowFlags, shadowName } from './names.ts';
import type { PlannedDbi, PlannedWrite, WritePlan, WriteSink } from './plan.ts';
import type { TouchedKeys } from './touched.ts';

export interface ApplyOptions {
  readonly native: boolean;
  /** `header_extra_padding_block`, for what a snapshot brings. */
  readonly extraBlocks?: number;
  /** Keys that changed since the plan was made. */
  readonly touched?: TouchedKeys | undefined;
  /**
   * What becomes of their records: a local plan drops them, for a newer look at main has replaced them; a remote winner is
   * compared again with what is stored now.
   */
  readonly ifTouched: 'drop' | 'decide-again';
  /** Treat every record so: the plan was made against a view that is not the one it is written onto. */
  readonly recheckAll?: boolean;
  /** Where a plan is written in several transactions: what each of them leaves for the last one. */
  readonly postponed?: PostponedEmpty[];
}

/** A live empty duplicate that is to go into main, after everything else. */
interface PostponedEmpty {
  readonly dbi: number;
  readonly timestampHi: number;
  readonly timestampLo: number;
  /** The shadow key. */
  readonly key: Buffer;
}

/** Writes the records of a plan in a write transaction: only puts and deletes, nothing is compared that was not touched. */
export class PlanWriter {
  readonly #transaction: WriteTransaction;
  readonly #plan: WritePlan;
  readonly #options: ApplyOptions;
  readonly #header: HeaderWriter;
  readonly #writers: (DbiWriter | undefined)[] = [];
  readonly #checksKeys: boolean;
  readonly #checksAll: boolean;
  readonly #postponed: PostponedEmpty[];

  constructor(transaction: WriteTransaction, plan: WritePlan, options: ApplyOptions) {
    this.#transaction = transaction;
    this.#plan = plan;
    this.#options = options;
    this.#header = new HeaderWriter(transaction.id, options.extraBlocks ?? 0);
    this.#checksKeys = options.touched !== undefined && !options.touched.isEmpty;
    this.#checksAll = options.ifTouched === 'decide-again' && (options.recheckAll === true || !plan.isOrdered);
    this.#postponed = options.postponed ?? [];
  }

  /** Makes the DBIs that the plan names, also those without a record. */
  openDbis(): void {
    for (let index = 0; index < this.#plan.dbis.length; index++) this.#writer(index);
  }

  write(record: PlannedWrite): void {
    const writer = this.#writer(record.dbi);
    const { buffer, keyStart, keyEnd } = record;
    if (record.writesMain && writer.isEmptyDuplicate(record)) {
      const { dbi, timestampHi, timestampLo } = record;
      this.#postponed.push({ dbi, timestampHi, timestampLo, key: Buffer.from(buffer.subarray(keyStart, keyEnd)) });
      return;
    }
    const isTouched =
      this.#checksAll || (this.#checksKeys && this.#options.touched!.has(writer.name, buffer, keyStart, keyEnd));
    if (isTouched && (this.#options.ifTouched === 'drop' || !writer.decideAgain(record))) return;
    const header = this.#header.set(record.timestampHi, record.timestampLo, record.deleted ? ENTRY_DELETED : 0);
    writer.putEntry(record, header);
    if (record.writesMain && !this.#options.native) writer.writeMain(record);
  }

  /**
   * To be called after the last record. LMDB holds an empty duplicate only as the single one of its key, so whether one can
   * live is known when its neighbours are written; one that cannot gives way, as it does under the application's own put.
   */
  finish(): void {
    for (const { dbi, timestampHi, timestampLo, key } of this.#postponed) {
      this.#writer(dbi).writeEmptyDuplicate(key, timestampHi, timestampLo);
    }
  }

  #writer(index: number): DbiWriter {
    let writer = this.#writers[index];
    if (!writer) {
      writer = new DbiWriter(this.#transaction, this.#plan.dbis[index]!, this.#options.native, this.#header);
      this.#writers[index] = writer;
    }
    return writer;
  }
}

/** Writes straight into the shadows, for DBIs that are copied whole. */
export class DirectWriter implements WriteSink {
  readonly #transaction: WriteTransaction;
  readonly #header: HeaderWriter;
  readonly #writers: DbiWriter[] = [];

  constructor(transaction: WriteTransaction) {
    this.#transaction = transaction;
    this.#header = new HeaderWriter(transaction.id);
  }

  addDbi(dbi: PlannedDbi): number {
    return this.#writers.push(new DbiWriter(this.#transaction, dbi, false, this.#header)) - 1;
  }

  add(
    dbi: number,
    timestampHi: number,
    timestampLo: number,
    deleted: boolean,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const header = this.#header.set(timestampHi, timestampLo, deleted ? ENTRY_DELETED : 0);
    this.#writers[dbi]!.put(key, keyStart, keyEnd, header, value, valueStart, valueEnd);
  }
}

class DbiWriter {
  readonly name: string;
  readonly #transaction: WriteTransaction;
  readonly #planned: PlannedDbi;
  readonly #tracked: Dbi;
  readonly #trackedName: string;
  readonly #entries: Cursor;
  readonly #isDupSort: boolean;
  readonly #header: HeaderWriter;
  #appendsEntries: boolean;
  #main: Dbi | undefined;
  #mainCursor: Cursor | undefined;
  #appendsMain = false;
  readonly #lastKey = Buffer.allocUnsafeSlow(512);
  #lastKeyLength = -1;
  /** Bytes that `decideAgain` found, kept for the record it changed. */
  #found: Uint8Array | undefined;

  constructor(transaction: WriteTransaction, planned: PlannedDbi, native: boolean, header: HeaderWriter) {
    this.name = planned.name;
    this.#header = header;
    this.#transaction = transaction;
    this.#planned = planned;
    this.#isDupSort = (planned.flags & DbiFlag.dupSort) !== 0;
    this.#trackedName = native ? planned.name : shadowName(planned.name);
    this.#tracked = transaction.openOrCreateDbi(this.#trackedName, native ? planned.flags : shadowFlags(planned.flags));
    this.#appendsEntries = planned.fillsEmpty && transaction.stat(this.#tracked).entries === 0;
    this.#entries = transaction.cursor(this.#tracked);
    if (planned.createsMain && !native) this.#openMain();
  }

  putEntry(record: PlannedWrite, header: Buffer): void {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = record;
    this.put(buffer, keyStart, keyEnd, header, buffer, valueStart, valueEnd);
  }

  put(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    header: Buffer,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const entries = this.#entries;
    // The shadow of a DUPSORT DBI may have another order; LMDB refuses an append out of order, and it is done the plain way.
    if (
      this.#appendsEntries &&
      entries.put(key, keyStart, keyEnd, header, value, valueStart, valueEnd, PutFlag.append)
    ) {
      return;
    }
    entries.put(key, keyStart, keyEnd, header, value, valueStart, valueEnd);
  }

  /** Shadow → main for one record; only what differs is written, also with DUPSORT. */
  writeMain(record: PlannedWrite): void {
    const main = this.#openMain();
    if (this.#isDupSort) {
      this.#writePair(main, record);
      return;
    }
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = record;
    if (record.deleted) this.#transaction.delete(main, buffer.subarray(keyStart, keyEnd));
    else this.#putMain(buffer, keyStart, keyEnd, valueStart, valueEnd, PutFlag.append, PutFlag.none);
  }

  #writePair(main: Dbi, record: PlannedWrite): void {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd, oldStart, oldEnd } = record;
    const length = applicationKeyLength(buffer, keyStart, keyEnd);
    const key = buffer.subarray(keyStart, keyStart + length);
    if (oldStart >= 0) this.#deletePair(main, key, this.#found ?? buffer.subarray(oldStart, oldEnd));
    this.#found = undefined;
    if (record.deleted) return;
    const last = this.#lastKey;
    const isSameKey = sameBytes(last, 0, this.#lastKeyLength, buffer, keyStart, keyStart + length);
    if (!isSameKey) {
      this.#dropEmptyDuplicate(main, key);
      buffer.copy(last, 0, keyStart, keyStart + length);
      this.#lastKeyLength = length;
    }
    const append = isSameKey ? PutFlag.appendDup : PutFlag.append;
    this.#putMain(buffer, keyStart, keyStart + length, valueStart, valueEnd, append, PutFlag.noDupData);
  }

  /** LMDB refuses to look for an empty duplicate where there are several. */
  #deletePair(main: Dbi, key: Buffer, value: Uint8Array): void {
    if (value.length > 0) this.#transaction.delete(main, key, value);
    else if (this.#transaction.get(main, key)?.length === 0) this.#transaction.delete(main, key);
  }

  isEmptyDuplicate(record: PlannedWrite): boolean {
    return this.#isDupSort && !record.deleted && record.valueStart === record.valueEnd;
  }

  writeEmptyDuplicate(shadowKey: Buffer, timestampHi: number, timestampLo: number): void {
    const end = shadowKey.length;
    const empty = { timestampHi, timestampLo, deleted: false, buffer: shadowKey, start: end, end };
    const present = this.#present(shadowKey);
    if (present && !incomingWins(present, empty)) return;
    const main = this.#openMain();
    const key = shadowKey.subarray(0, applicationKeyLength(shadowKey, 0, end));
    const other = this.#transaction.get(main, key);
    const givesWay = other !== undefined && other.length > 0;
    const time = givesWay ? stampOf(TIME_ZERO, timestampHi, timestampLo) : { hi: timestampHi, lo: timestampLo };
    this.put(shadowKey, 0, end, this.#header.set(time.hi, time.lo, givesWay ? ENTRY_DELETED : 0), shadowKey, end, end);
    if (!givesWay) this.#transaction.put(main, key, shadowKey.subarray(end));
  }

  /** LMDB drops an empty duplicate without a word when the key gets another one; here it is marked deleted. */
  #dropEmptyDuplicate(main: Dbi, key: Buffer): void {
    if (this.#transaction.get(main, key)?.length !== 0) return;
    const shadowKey = new ShadowKey();
    shadowKey.encode(key, 0, key.length, key, 0, 0);
    const bytes = shadowKey.bytes.subarray(0, shadowKey.length);
    const present = this.#present(bytes);
    if (!present || present.deleted) return;
    const time = stampOf(TIME_ZERO, present.timestampHi, present.timestampLo);
    const end = bytes.length;
    this.put(bytes, 0, end, this.#header.set(time.hi, time.lo, ENTRY_DELETED), bytes, end, end);
    this.#transaction.delete(main, key);
  }

  #putMain(
    buffer: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    append: number,
    plain: number,
  ): void {
    const cursor = this.#mainCursor!;
    // Main may have another order than the shadow; an append out of order is refused by LMDB and done the plain way.
    if (this.#appendsMain && cursor.put(buffer, keyStart, keyEnd, undefined, buffer, valueStart, valueEnd, append))
      return;
    cursor.put(buffer, keyStart, keyEnd, undefined, buffer, valueStart, valueEnd, plain);
  }

  /**
   * Compares a record with what is stored now.
   * @returns whether it still wins; the record then says what main needs
   */
  decideAgain(record: PlannedWrite): boolean {
    this.#found = undefined;
    const present = this.#present(record.buffer.subarray(record.keyStart, record.keyEnd));
    if (!present) {
      record.oldStart = -1;
      record.writesMain = !record.deleted;
      return true;
    }
    const { timestampHi, timestampLo, deleted, buffer } = record;
    const incoming = { timestampHi, timestampLo, deleted, buffer, start: record.valueStart, end: record.valueEnd };
    if (!incomingWins(present, incoming)) return false;
    record.oldStart = present.deleted ? -1 : 0;
    record.writesMain = deleted ? !present.deleted : true;
    this.#found = present.deleted ? undefined : present.buffer.subarray(present.start, present.end);
    return true;
  }

  /** What is stored now under a key of the shadow (or native DBI). */
  #present(key: Buffer): Contender | undefined {
    const stored = this.#transaction.get(this.#tracked, key);
    if (!stored || stored.length === 0) return undefined;
    const at = applicationStart(stored, 0, stored.length);
    if (at < 0) throw new HeaderError(this.#trackedName, key, headerProblem(stored, 0, stored.length));
    return {
      timestampHi: timestampHiOf(stored, 0),
      timestampLo: timestampLoOf(stored, 0),
      deleted: isDeleted(stored, 0),
      buffer: stored,
      start: at,
      end: stored.length,
    };
  }

  #openMain(): Dbi {
    if (this.#main === undefined) {
      this.#main = this.#transaction.openOrCreateDbi(this.#planned.name, this.#planned.flags);
      this.#mainCursor = this.#transaction.cursor(this.#main);
      this.#appendsMain = this.#planned.fillsEmpty && this.#transaction.stat(this.#main).entries === 0;
    }
    return this.#main;
  }
}
