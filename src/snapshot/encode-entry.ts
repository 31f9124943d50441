import { ByteCopier } from '../lmdb/index.ts';
import { DBI_TAG, ENTRY_TAG } from './constants.ts';
import type { EntryCursor } from './message.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Why {@link EntryEncoder.fill} stopped: no entries left, no room for the current one, or no member could hold it. */
export type BlockEnd = 'done' | 'full' | 'too-large';

/** What of a cursor's entry is written. */
export type EncodableEntry = Omit<EntryCursor, 'next' | 'close'>;

export interface Block {
  readonly raw: Buffer;
  length: number;
}

const FIXED64_FIELD_BYTES = 9;
/** Bytes of a KV message; 0 for an entirely empty one, which is not written (SNP-09: readers refuse it). */
function bodySize(keyBytes: number, valueBytes: number, hasTimestamp: boolean, flags: number): number {
  let size = 0;
  if (keyBytes > 0) size += 1 + varintSize(keyBytes) + keyBytes;
  if (valueBytes > 0) size += 1 + varintSize(valueBytes) + valueBytes;
  if (flags !== 0) size += 1 + varintSize(flags);
  if (hasTimestamp) size += FIXED64_FIELD_BYTES;
  return size;
}

/** Writes entries as field 2 of DBI: the hot loop of a snapshot. Allocates nothing per entry. */
export class EntryEncoder {
  /** Bytes and entries written by {@link fill} and {@link frameLarge}. */
  bytes = 0;
  entries = 0;
  readonly #keys = new ByteCopier();
  readonly #values = new ByteCopier();
  /** The cursor stands on an entry that found no room yet. */
  #pending = false;

  /** Adds up to `count` entries to the tally; returns false when the cursor has ended. */
  measure(cursor: EntryCursor, tally: { bytes: number; entries: number }, count: number): boolean {
    for (let index = 0; index < count; index++) {
      if (!cursor.next()) return false;
      const body = bodySize(
        cursor.keyEnd - cursor.keyStart,
        cursor.valueEnd - cursor.valueStart,
        (cursor.timestampHi | cursor.timestampLo) !== 0,
        cursor.flags >>> 0,
      );
      if (body === 0) continue;
      tally.bytes += 1 + varintSize(body) + body;
      tally.entries++;
    }
    return true;
  }

  /** Writes entries to the block until it is full or the cursor ends. */
  fill(cursor: EntryCursor, block: Block): BlockEnd {
    const target = block.raw;
    const room = target.length;
    let at = block.length;
    let end: BlockEnd = 'done';
    while (this.#pending || cursor.next()) {
      const keyBytes = cursor.keyEnd - cursor.keyStart;
      const valueBytes = cursor.valueEnd - cursor.valueStart;
      const flags = cursor.flags >>> 0;
      const body = bodySize(keyBytes, valueBytes, (cursor.timestampHi | cursor.timestampLo) !== 0, flags);
      const size = 1 + varintSize(body) + body;
      if (body !== 0 && size > room - at) {
        this.#pending = true;
        end = size > room ? 'too-large' : 'full';
        break;
      }
      this.#pending = false;
      if (body === 0) continue;
      at = this.#write(cursor, target, at, body);
      this.bytes += size;
      this.entries++;
    }
    block.length = at;
    return end;
  }

  /** Writes one entry to the block. @returns false when it has no room for it */
  add(entry: EncodableEntry, block: Block): boolean {
    const keyBytes = entry.keyEnd - entry.keyStart;
    const valueBytes = entry.valueEnd - entry.valueStart;
    const body = bodySize(keyBytes, valueBytes, (entry.timestampHi | entry.timestampLo) !== 0, entry.flags >>> 0);
    if (body === 0) return true;
    const size = 1 + varintSize(body) + body;
    if (size > block.raw.length - block.length) return false;
    block.length = this.#write(entry, block.raw, block.length, body);
    this.bytes += size;
    this.entries++;
    return true;
  }

  #write(entry: EncodableEntry, target: Buffer, offset: number, body: number): number {
    let at = this.#writeHead(entry, target, offset, body);
    if (entry.valueEnd > entry.valueStart) {
      at = this.#values.copy(entry.valueBuffer, entry.valueStart, entry.valueEnd, target, at);
    }
    return this.#writeTail(entry, target, at);
  }

  /** What stands before and behind the value of the cursor's entry, which is larger than a member. */
  frameLarge(cursor: EntryCursor): { before: Buffer; after: Buffer } {
    const keyBytes = cursor.keyEnd - cursor.keyStart;
    const valueBytes = cursor.valueEnd - cursor.valueStart;
    const flags = cursor.flags >>> 0;
    const body = bodySize(keyBytes, valueBytes, (cursor.timestampHi | cursor.timestampLo) !== 0, flags);
    const head = Buffer.alloc(body - valueBytes + 32);
    const tail = Buffer.alloc(32);
    const before = head.subarray(0, this.#writeHead(cursor, head, 0, body));
    const after = tail.subarray(0, this.#writeTail(cursor, tail, 0));
    this.#pending = false;
    this.bytes += 1 + varintSize(body) + body;
    this.entries++;
    return { before, after };
  }

  /** Tag, length, key, and the tag and length of the value. */
  #writeHead(cursor: EncodableEntry, target: Buffer, offset: number, body: number): number {
    const keyBytes = cursor.keyEnd - cursor.keyStart;
    const valueBytes = cursor.valueEnd - cursor.valueStart;
    target[offset] = DBI_TAG.entry;
    let at = writeVarint(target, offset + 1, body);
    if (keyBytes > 0) {
      target[at] = ENTRY_TAG.key;
      at = writeVarint(target, at + 1, keyBytes);
      at = this.#keys.copy(cursor.keyBuffer, cursor.keyStart, cursor.keyEnd, target, at);
    }
    if (valueBytes > 0) {
      target[at] = ENTRY_TAG.value;
      at = writeVarint(target, at + 1, valueBytes);
    }
    return at;
  }

  /** Flags, then the timestamp: the order of the reference. */
  #writeTail(cursor: EncodableEntry, target: Buffer, offset: number): number {
    let at = offset;
    const flags = cursor.flags >>> 0;
    if (flags !== 0) {
      target[at] = ENTRY_TAG.flags;
      at = writeVarint(target, at + 1, flags);
    }
    const lo = cursor.timestampLo;
    const hi = cursor.timestampHi;
    if ((hi | lo) !== 0) {
      target[at] = ENTRY_TAG.timestampNano;
      target[at + 1] = lo;
      target[at + 2] = lo >>> 8;
      target[at + 3] = lo >>> 16;
      target[at + 4] = lo >>> 24;
      target[at + 5] = hi;
      target[at + 6] = hi >>> 8;
      target[at + 7] = hi >>> 16;
      target[at + 8] = hi >>> 24;
      at += FIXED64_FIELD_BYTES;
    }
    return at;
  }
}
