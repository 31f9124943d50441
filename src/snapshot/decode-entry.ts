import { ENTRY_TAG, MAX_KEY_BYTES } from './constants.ts';
import { RefusedSnapshotError } from './errors.ts';
import type { EntryRef } from './message.ts';
import { WIRE_LENGTH, type WireReader } from './wire.ts';

const LAST_ENTRY_FIELD = 4;

/** Reads KV messages into one {@link EntryRef}: the hot loop of loading. Allocates nothing per entry. */
export class EntryDecoder {
  readonly ref: EntryRef = {
    buffer: Buffer.alloc(0),
    keyStart: 0,
    keyEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    timestampHi: 0,
    timestampLo: 0,
    flags: 0,
  };
  readonly #wire: WireReader;
  readonly #objectName: string;
  readonly #maxValueBytes: number;

  constructor(wire: WireReader, objectName: string, maxValueBytes: number) {
    this.#wire = wire;
    this.#objectName = objectName;
    this.#maxValueBytes = maxValueBytes;
  }

  /** Reads the KV message `buffer[start, end)`, all of which has arrived. */
  decode(buffer: Buffer, start: number, end: number): EntryRef {
    if (start === end) throw this.#wire.corrupt('empty-entry', 'it holds an entirely empty entry');
    const { ref } = this;
    let keyStart = start;
    let keyEnd = start;
    let valueStart = start;
    let valueEnd = start;
    let timestampHi = 0;
    let timestampLo = 0;
    let flags = 0;
    let at = start;
    while (at < end) {
      // The four fields as every writer puts them: a tag of one byte and, mostly, a length of one byte.
      const tag = buffer[at]!;
      const next = at + 1 < end ? buffer[at + 1]! : 0xff;
      if (tag === ENTRY_TAG.key && next < 0x80) {
        keyStart = at + 2;
        keyEnd = at = keyStart + next;
        if (at > end) throw this.#tooLong(next, end - keyStart);
      } else if (tag === ENTRY_TAG.value && next < 0x80) {
        valueStart = at + 2;
        valueEnd = at = valueStart + next;
        if (at > end) throw this.#tooLong(next, end - valueStart);
      } else if (tag === ENTRY_TAG.timestampNano && at + 9 <= end) {
        timestampLo = word(buffer, at + 1);
        timestampHi = word(buffer, at + 5);
        at += 9;
      } else if (tag === ENTRY_TAG.flags && next < 0x80) {
        flags = next;
        at += 2;
      } else {
        at = this.#wire.head(buffer, at, end, end);
        const { length } = this.#wire;
        switch (this.#wire.tag) {
          case ENTRY_TAG.key:
            keyStart = at;
            keyEnd = at += length;
            break;
          case ENTRY_TAG.value:
            valueStart = at;
            valueEnd = at += length;
            break;
          case ENTRY_TAG.timestampNano:
            timestampLo = this.#wire.lo;
            timestampHi = this.#wire.hi;
            break;
          case ENTRY_TAG.flags:
            flags = this.#wire.lo; // SNP-15: cut to 32 bits, silently
            break;
          default:
            this.#wire.assertUnknown(LAST_ENTRY_FIELD, 'KV');
            if ((this.#wire.tag & 7) === WIRE_LENGTH) at += length;
        }
      }
    }
    const keyBytes = keyEnd - keyStart;
    if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES) throw this.#badKey(keyBytes);
    if (valueEnd - valueStart > this.#maxValueBytes) throw this.tooLargeValue(valueEnd - valueStart);
    ref.buffer = buffer;
    ref.keyStart = keyStart;
    ref.keyEnd = keyEnd;
    ref.valueStart = valueStart;
    ref.valueEnd = valueEnd;
    ref.timestampHi = timestampHi;
    ref.timestampLo = timestampLo;
    ref.flags = flags;
    return ref;
  }

  tooLargeValue(bytes: number): RefusedSnapshotError {
    const detail = `it holds a value of ${bytes} B, at most ${this.#maxValueBytes} B are taken`;
    return new RefusedSnapshotError(this.#objectName, 'value-size', detail);
  }

  #badKey(bytes: number): RefusedSnapshotError {
    const detail = `it holds a key of ${bytes} B, LMDB takes 1 to ${MAX_KEY_BYTES} B`;
    return new RefusedSnapshotError(this.#objectName, 'key-size', detail);
  }

  #tooLong(length: number, rest: number): Error {
    return this.#wire.corrupt('length', `a field of an entry is ${length} B long, ${rest} B remain`);
  }
}

function word(buffer: Buffer, at: number): number {
  return (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0;
}
