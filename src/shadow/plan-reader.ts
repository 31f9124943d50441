import type { Spool } from '../storage/index.ts';
import { PlannedWrite } from './planned.ts';

/**
 * A record of a plan: u8 bits, u8 0, u16 DBI, u32 time hi, u32 time lo, u32 key length, u32 value length, u32 old length;
 * then key, value, old value. Little-endian; it never leaves this process.
 */
export const RECORD_HEAD_SIZE = 24;
export const RECORD_DELETED = 1;
export const RECORD_WRITES_MAIN = 2;
export const RECORD_HAS_OLD = 4;

const WINDOW_SIZE = 256 * 1024;

/** Reads a finished plan record by record through one window that grows only for a large value. */
export class PlanReader {
  readonly #spool: Spool;
  #window = Buffer.allocUnsafeSlow(WINDOW_SIZE);
  #words = new DataView(this.#window.buffer);
  #start = 0;
  #end = 0;
  #position = 0;
  readonly #record = new PlannedWrite();

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
    if (!this.#fill(RECORD_HEAD_SIZE)) return undefined;
    const words = this.#words;
    const head = this.#start;
    const bits = words.getUint8(head);
    const keyLength = words.getUint32(head + 12, true);
    const valueLength = words.getUint32(head + 16, true);
    const oldLength = words.getUint32(head + 20, true);
    const record = this.#record;
    record.deleted = (bits & RECORD_DELETED) !== 0;
    record.writesMain = (bits & RECORD_WRITES_MAIN) !== 0;
    record.dbi = words.getUint16(head + 2, true);
    record.timestampHi = words.getUint32(head + 4, true);
    record.timestampLo = words.getUint32(head + 8, true);
    const total = RECORD_HEAD_SIZE + keyLength + valueLength + oldLength;
    if (!this.#fill(total)) throw new RangeError('a plan ends inside a record');
    const keyStart = this.#start + RECORD_HEAD_SIZE;
    const keyEnd = keyStart + keyLength;
    const valueEnd = keyEnd + valueLength;
    const hasOld = (bits & RECORD_HAS_OLD) !== 0;
    record.keyBuffer = this.#window;
    record.keyStart = keyStart;
    record.keyEnd = keyEnd;
    record.valueBuffer = this.#window;
    record.valueStart = keyEnd;
    record.valueEnd = valueEnd;
    record.oldBuffer = this.#window;
    record.oldStart = hasOld ? valueEnd : -1;
    record.oldEnd = hasOld ? valueEnd + oldLength : -1;
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
