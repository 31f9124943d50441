import { isUtf8 } from 'node:buffer';
import { dbiNameOf } from '../lmdb/index.ts';
import { type CorruptReason, CorruptSnapshotError } from './errors.ts';
import { VARINT_INCOMPLETE, VARINT_OVERFLOW, VarintReader } from './varint.ts';

/** Protobuf wire types; 3 and 4 are groups, which no writer of snapshots has ever used, 6 and 7 do not exist. */
const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
export const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;

/** More bytes are needed than have arrived. */
export const STALLED = -1;

/**
 * Reads the head of one field: the tag and, by wire type, the varint, the fixed value or the length. The results are
 * fields of the object, so that nothing is allocated. A field must end within its message (I7: checked before
 * anything is done with a length); whether it has arrived yet is the caller's question.
 */
export class WireReader {
  /** `field << 3 | wire type` of the field read last. */
  tag = 0;
  /** Wire type 2: bytes that follow the head. */
  length = 0;
  /** Value of wire types 0, 1 and 5, two unsigned halves. */
  lo = 0;
  hi = 0;
  readonly #objectName: string;
  readonly #varint = new VarintReader();

  constructor(objectName: string) {
    this.#objectName = objectName;
  }

  /**
   * @param end offset behind the bytes that have arrived
   * @param limit offset behind the message; may lie beyond `end`, or be Infinity
   * @returns the offset behind the head, or STALLED
   */
  head(buffer: Buffer, offset: number, end: number, limit: number): number {
    let at = this.varint(buffer, offset, end, limit);
    if (at === STALLED) return STALLED;
    if (this.hi !== 0 || this.lo >>> 3 === 0) throw this.corrupt('tag', `no field has the tag ${this.bigInt()}`);
    this.tag = this.lo;
    switch (this.tag & 7) {
      case WIRE_VARINT:
        return this.varint(buffer, at, end, limit);
      case WIRE_LENGTH:
        at = this.varint(buffer, at, end, limit);
        if (at === STALLED) return STALLED;
        this.length = this.hi * 2 ** 32 + this.lo;
        if (this.hi >= 2 ** 31) throw this.corrupt('length', `${this.where()} has a negative length`);
        if (this.length > limit - at) {
          throw this.corrupt('length', `${this.where()} is ${this.length} B long, ${limit - at} B remain`);
        }
        return at;
      case WIRE_FIXED64:
        return this.#fixed(buffer, at, 8, end, limit);
      case WIRE_FIXED32:
        return this.#fixed(buffer, at, 4, end, limit);
      default:
        throw this.corrupt('wire-type', `${this.where()} has the wire type ${this.tag & 7}`);
    }
  }

  /** Reads one varint into `lo` and `hi`. */
  varint(buffer: Buffer, offset: number, end: number, limit: number): number {
    const at = this.#varint.read(buffer, offset, Math.min(end, limit));
    if (at === VARINT_OVERFLOW) throw this.corrupt('varint', 'a varint has more than 64 bits');
    if (at === VARINT_INCOMPLETE) {
      if (end >= limit) throw this.corrupt('truncated', 'a message ends inside of a varint');
      return STALLED;
    }
    this.lo = this.#varint.lo;
    this.hi = this.#varint.hi;
    return at;
  }

  #fixed(buffer: Buffer, at: number, size: 4 | 8, end: number, limit: number): number {
    if (at + size > limit) throw this.corrupt('truncated', `a message ends inside of ${this.where()}`);
    if (at + size > end) return STALLED;
    this.lo = buffer.readUInt32LE(at);
    this.hi = size === 8 ? buffer.readUInt32LE(at + 4) : 0;
    return at + size;
  }

  /** The value of a u32 field. */
  u32(name: string): number {
    if (this.hi !== 0) throw this.corrupt('overflow', `${name} has more than 32 bits`);
    return this.lo;
  }

  bigInt(): bigint {
    return (BigInt(this.hi) << 32n) | BigInt(this.lo);
  }

  /** The string of `length` bytes at `at`, all of which have arrived. */
  text(buffer: Buffer, at: number, name: string): string {
    const bytes = buffer.subarray(at, at + this.length);
    if (!isUtf8(bytes)) throw this.corrupt('utf8', `${name} is not UTF-8`);
    return bytes.toString('utf8');
  }

  /** The name of a DBI, of `length` bytes at `at`: any bytes, as LMDB has them, though its field is a `string`. */
  dbiName(buffer: Buffer, at: number): string {
    return dbiNameOf(buffer, at, at + this.length);
  }

  /** Called for a tag that is not one of the message's: its field number must not be one of them either. */
  assertUnknown(lastField: number, message: string): void {
    const field = this.tag >>> 3;
    if (field > lastField) return;
    throw this.corrupt('wire-type', `${message} field ${field} has the wire type ${this.tag & 7}`);
  }

  where(): string {
    return `field ${this.tag >>> 3}`;
  }

  corrupt(reason: CorruptReason, detail: string): CorruptSnapshotError {
    return new CorruptSnapshotError(this.#objectName, reason, detail);
  }
}
