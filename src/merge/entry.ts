import { ENTRY_DELETED } from './flags.ts';

const NO_BYTES = Buffer.alloc(0);

/**
 * One entry of a DBI: key, time, value or deletion mark. Mutable and filled in place, so that a loop over a million entries
 * makes one. The bytes are those of whoever filled it (a page, a decoded block): valid until it is filled again.
 */
export class Entry {
  keyBuffer: Buffer = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;
  /** ns since 1970 as two unsigned 32-bit halves. */
  timestampHi = 0;
  timestampLo = 0;
  /** A deletion mark; its value is empty: `valueStart === valueEnd`. */
  deleted = false;
  valueBuffer: Buffer = NO_BYTES;
  valueStart = 0;
  valueEnd = 0;

  setKey(buffer: Buffer, start: number, end: number): void {
    this.keyBuffer = buffer;
    this.keyStart = start;
    this.keyEnd = end;
  }

  setTime(hi: number, lo: number): void {
    this.timestampHi = hi;
    this.timestampLo = lo;
  }

  /** Makes it a live entry. */
  setValue(buffer: Buffer, start: number, end: number): void {
    this.deleted = false;
    this.valueBuffer = buffer;
    this.valueStart = start;
    this.valueEnd = end;
  }

  /** Makes it a deletion mark. */
  setDeleted(): void {
    this.deleted = true;
    this.valueBuffer = NO_BYTES;
    this.valueStart = 0;
    this.valueEnd = 0;
  }

  /** Shows the same bytes as another entry. */
  copyFrom(other: Entry): void {
    this.setKey(other.keyBuffer, other.keyStart, other.keyEnd);
    this.setTime(other.timestampHi, other.timestampLo);
    this.deleted = other.deleted;
    this.valueBuffer = other.valueBuffer;
    this.valueStart = other.valueStart;
    this.valueEnd = other.valueEnd;
  }

  /** As header and snapshot carry them. */
  get flags(): number {
    return this.deleted ? ENTRY_DELETED : 0;
  }

  /** The key; not a copy. */
  key(): Buffer {
    return this.keyBuffer.subarray(this.keyStart, this.keyEnd);
  }

  /** The value; not a copy. */
  value(): Buffer {
    return this.valueBuffer.subarray(this.valueStart, this.valueEnd);
  }
}
