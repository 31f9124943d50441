import { ByteCopier } from '../lmdb/index.ts';
import { Spool } from '../storage/index.ts';

/**
 * Writes worked out before the lock and replayed under it (decision 4). Any number of them in bounded memory:
 * records are packed into a spool, which goes to an unlinked temporary file beyond `memoryBytes`.
 *
 * Record: u8 bits, u8 0, u16 DBI, u32 time hi, u32 time lo, u32 key length, u32 value length, u32 old length;
 * then key, value, old value. Little-endian; it never leaves this process.
 */
const HEAD_SIZE = 24;
const BIT_DELETED = 1;
const BIT_WRITES_MAIN = 2;
const BIT_HAS_OLD = 4;

const STAGING_SIZE = 256 * 1024;
const DEFAULT_MEMORY_BYTES = 1024 * 1024;

export interface PlannedDbi {
  /** The application's DBI. */
  readonly name: string;
  /** Flags of the application's DBI, existing or to be made. */
  readonly flags: number;
  /** Make the application's DBI when it is missing (a snapshot brought it). */
  readonly createsMain: boolean;
  /** The target held nothing when the plan was made: its rows can be appended. */
  readonly fillsEmpty: boolean;
}

/** The record under the replay's nose; bytes are valid only during the call. */
export interface PlannedWrite {
  dbi: number;
  deleted: boolean;
  /** The application's DBI changes too: a remote winner. */
  writesMain: boolean;
  timestampHi: number;
  timestampLo: number;
  buffer: Buffer;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
  /** The live value that a winner replaces, for deleting its pair in a DUPSORT DBI; -1 when there was none. */
  oldStart: number;
  oldEnd: number;
}

/** Bytes inside a buffer. */
export interface Slice {
  buffer: Buffer;
  start: number;
  end: number;
}

const NO_BYTES = Buffer.alloc(0);

/** Takes what must be written to headered DBIs: into a plan, or straight into a write transaction. */
export interface WriteSink {
  /** @returns the index that `add` wants */
  addDbi(dbi: PlannedDbi): number;
  /** The bytes are read before it returns. A deleted entry has no value. */
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
  ): void;
}

export class WritePlan implements WriteSink {
  readonly dbis: PlannedDbi[] = [];
  /**
   * DBIs whose shadow holds nothing yet: they are copied whole under the lock, straight from the application's pages. A plan of
   * them would only be a second copy of everything.
   */
  readonly fills: string[] = [];
  /** Records added. */
  count = 0;
  /** Every DBI comes once and its keys ascend, so no key comes twice. */
  isOrdered = true;
  readonly #spool: Spool;
  readonly #staging = Buffer.allocUnsafeSlow(STAGING_SIZE);
  readonly #words = new DataView(this.#staging.buffer);
  readonly #keys = new ByteCopier();
  readonly #values = new ByteCopier();
  #staged = 0;

  constructor(memoryBytes: number = DEFAULT_MEMORY_BYTES) {
    this.#spool = new Spool({ memoryBytes });
  }

  /** Nothing to write, not even an empty DBI to make. */
  get isEmpty(): boolean {
    return this.dbis.length === 0 && this.fills.length === 0;
  }

  addFill(dbiName: string, entries: number): void {
    this.fills.push(dbiName);
    this.count += entries;
  }

  addDbi(dbi: PlannedDbi): number {
    return this.dbis.push(dbi) - 1;
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
    writesMain = false,
    old?: Slice,
  ): void {
    const keyLength = keyEnd - keyStart;
    const valueLength = deleted ? 0 : valueEnd - valueStart;
    const oldLength = old ? old.end - old.start : 0;
    const head = this.#reserve(HEAD_SIZE + keyLength);
    const staging = this.#staging;
    staging[head] = (deleted ? BIT_DELETED : 0) | (writesMain ? BIT_WRITES_MAIN : 0) | (old ? BIT_HAS_OLD : 0);
    staging[head + 1] = 0;
    const words = this.#words;
    words.setUint16(head + 2, dbi, true);
    words.setUint32(head + 4, timestampHi, true);
    words.setUint32(head + 8, timestampLo, true);
    words.setUint32(head + 12, keyLength, true);
    words.setUint32(head + 16, valueLength, true);
    words.setUint32(head + 20, oldLength, true);
    this.#keys.copy(key, keyStart, keyEnd, staging, head + HEAD_SIZE);
    if (valueLength > 0) this.#append(value, valueStart, valueEnd);
    if (oldLength > 0) this.#append(old!.buffer, old!.start, old!.end);
    this.count++;
  }

  /** Calls `write` for every record in the order of adding; the object passed is reused. May be called again. */
  replay(write: (record: PlannedWrite) => void): void {
    const reader = new PlanReader(this.#finished());
    let record = reader.next();
    while (record) {
      write(record);
      record = reader.next();
    }
  }

  /** A pull reader, for replaying in several transactions. */
  reader(): PlanReader {
    return new PlanReader(this.#finished());
  }

  dispose(): void {
    this.#spool.dispose();
  }

  #finished(): Spool {
    this.#flush();
    return this.#spool.finish();
  }

  #reserve(length: number): number {
    if (this.#staged + length > STAGING_SIZE) this.#flush();
    const at = this.#staged;
    this.#staged += length;
    return at;
  }

  #append(source: Buffer, start: number, end: number): void {
    if (end - start > STAGING_SIZE) {
      this.#flush();
      this.#spool.append(source.subarray(start, end));
      return;
    }
    const at = this.#reserve(end - start);
    this.#values.copy(source, start, end, this.#staging, at);
  }

  #flush(): void {
    if (this.#staged > 0) this.#spool.append(this.#staging.subarray(0, this.#staged));
    this.#staged = 0;
  }
}

/** Reads a finished plan record by record through one window that grows only for a large value. */
export class PlanReader {
  readonly #spool: Spool;
  #window = Buffer.allocUnsafeSlow(STAGING_SIZE);
  #words = new DataView(this.#window.buffer);
  #start = 0;
  #end = 0;
  #position = 0;
  readonly #record: PlannedWrite = {
    dbi: 0,
    deleted: false,
    writesMain: false,
    timestampHi: 0,
    timestampLo: 0,
    buffer: NO_BYTES,
    keyStart: 0,
    keyEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    oldStart: -1,
    oldEnd: -1,
  };

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Where the next record starts; for `seek`. */
  get position(): number {
    return this.#position - (this.#end - this.#start);
  }

  /** Goes back to (or on to) a position that was read from `position`. */
  seek(position: number): void {
    this.#position = position;
    this.#start = 0;
    this.#end = 0;
  }

  next(): PlannedWrite | undefined {
    if (!this.#fill(HEAD_SIZE)) return undefined;
    const words = this.#words;
    const head = this.#start;
    const bits = words.getUint8(head);
    const keyLength = words.getUint32(head + 12, true);
    const valueLength = words.getUint32(head + 16, true);
    const oldLength = words.getUint32(head + 20, true);
    const record = this.#record;
    record.deleted = (bits & BIT_DELETED) !== 0;
    record.writesMain = (bits & BIT_WRITES_MAIN) !== 0;
    record.dbi = words.getUint16(head + 2, true);
    record.timestampHi = words.getUint32(head + 4, true);
    record.timestampLo = words.getUint32(head + 8, true);
    const total = HEAD_SIZE + keyLength + valueLength + oldLength;
    if (!this.#fill(total)) throw new RangeError('a plan ends inside a record');
    record.buffer = this.#window;
    record.keyStart = this.#start + HEAD_SIZE;
    record.keyEnd = record.keyStart + keyLength;
    record.valueStart = record.keyEnd;
    record.valueEnd = record.valueStart + valueLength;
    const hasOld = (bits & BIT_HAS_OLD) !== 0;
    record.oldStart = hasOld ? record.valueEnd : -1;
    record.oldEnd = hasOld ? record.valueEnd + oldLength : -1;
    this.#start += total;
    return record;
  }

  /** Makes `length` bytes available at `#start`. */
  #fill(length: number): boolean {
    if (this.#end - this.#start >= length) return true;
    const rest = this.#end - this.#start;
    if (length > this.#window.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#window.length * 2));
      this.#window.copy(larger, 0, this.#start, this.#end);
      this.#window = larger;
      this.#words = new DataView(larger.buffer);
    } else {
      this.#window.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = rest;
    const got = this.#spool.readSync(this.#position, this.#window.subarray(rest));
    this.#position += got;
    this.#end += got;
    return this.#end >= length;
  }
}
