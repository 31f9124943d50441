import { LmdbstreamError } from '../errors/index.ts';
import { showDbiName } from '../lmdb/index.ts';
import type { Entry } from './entry.ts';
import { ENTRY_DELETED, ENTRY_FLAGS_MASK } from './flags.ts';

/**
 * The 24-byte header of values in native and shadow DBIs (docs/format.md, "Value header"), big-endian:
 * timestamp u64, transaction id u64, version u8, flags u8, reserved 4 B, number of extra 8-byte blocks u16.
 */
export const HEADER_SIZE = 24;
export const EXTRA_BLOCK_SIZE = 8;

const TXN_AT = 8;
const VERSION_AT = 16;
const FLAGS_AT = 17;
const EXTRA_COUNT_AT = 22;

/** A value that should start with a header and does not. */
export class HeaderError extends LmdbstreamError {
  constructor(dbiName: string, key: Uint8Array, reason: string) {
    super(
      'BAD_HEADER',
      `invalid entry (DBI ${showDbiName(dbiName)}, key ${Buffer.from(key).toString('hex')}): ${reason}`,
      {
        hint: 'schema_tracks_changes: true is only for applications that write the header themselves',
      },
    );
  }
}

/**
 * Where the application's bytes start in `buffer[start, end)`, or -1 when it holds no valid header.
 * A number, not an exception: this runs once per record.
 */
export function applicationStart(buffer: Uint8Array, start: number, end: number): number {
  if (end - start < HEADER_SIZE || buffer[start + VERSION_AT] !== 0) return -1;
  const extra = (buffer[start + EXTRA_COUNT_AT]! << 8) | buffer[start + EXTRA_COUNT_AT + 1]!;
  const at = start + HEADER_SIZE + extra * EXTRA_BLOCK_SIZE;
  return at > end ? -1 : at;
}

/**
 * Takes a stored value apart: `buffer[start, end)` is header and value. Time, deletion mark and value go into `entry`, its key
 * stays. What a foreign writer left behind a deletion mark is not a value.
 * @returns false when it holds no valid header; `entry` is then as it was
 */
export function readStored(entry: Entry, buffer: Buffer, start: number, end: number): boolean {
  const at = applicationStart(buffer, start, end);
  if (at < 0) return false;
  const deleted = isDeleted(buffer, start);
  entry.timestampHi = readU32(buffer, start);
  entry.timestampLo = readU32(buffer, start + 4);
  entry.deleted = deleted;
  entry.valueBuffer = buffer;
  entry.valueStart = deleted ? end : at;
  entry.valueEnd = end;
  return true;
}

/**
 * As `readStored`, where a value without a header is an error.
 * @throws HeaderError
 */
export function takeStored(entry: Entry, dbiName: string, buffer: Buffer, start: number, end: number): void {
  if (readStored(entry, buffer, start, end)) return;
  throw new HeaderError(dbiName, entry.key(), headerProblem(buffer, start, end));
}

/** Why `applicationStart` said -1. */
export function headerProblem(buffer: Uint8Array, start: number, end: number): string {
  if (end - start < HEADER_SIZE) return `value too short to contain a header (${end - start} bytes)`;
  if (buffer[start + VERSION_AT] !== 0) return `unsupported header version ${buffer[start + VERSION_AT]}, or no header`;
  return 'value too short for its extra header blocks';
}

export function readU32(buffer: Uint8Array, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
}

export function timestampHiOf(buffer: Uint8Array, start: number): number {
  return readU32(buffer, start);
}

export function timestampLoOf(buffer: Uint8Array, start: number): number {
  return readU32(buffer, start + 4);
}

/** Id of the LMDB transaction that wrote the entry; exact below 2^53. */
export function txnIdOf(buffer: Uint8Array, start: number): number {
  return readU32(buffer, start + TXN_AT) * 2 ** 32 + readU32(buffer, start + TXN_AT + 4);
}

export function isDeleted(buffer: Uint8Array, start: number): boolean {
  return (buffer[start + FLAGS_AT]! & ENTRY_DELETED) !== 0;
}

export function flagsOf(buffer: Uint8Array, start: number): number {
  return buffer[start + FLAGS_AT]! & ENTRY_FLAGS_MASK;
}

/** One header of our own, rewritten for every entry: the bytes are what a put takes. */
export class HeaderWriter {
  readonly bytes: Buffer;
  readonly #words: DataView;

  /** @param extraBlocks `header_extra_padding_block`: one zero block after the header */
  constructor(txnId: number, extraBlocks = 0) {
    this.bytes = Buffer.alloc(HEADER_SIZE + extraBlocks * EXTRA_BLOCK_SIZE);
    this.bytes.writeBigUInt64BE(BigInt(txnId), TXN_AT);
    this.bytes.writeUInt16BE(extraBlocks, EXTRA_COUNT_AT);
    this.#words = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  set(timestampHi: number, timestampLo: number, flags: number): Buffer {
    this.#words.setUint32(0, timestampHi);
    this.#words.setUint32(4, timestampLo);
    this.bytes[FLAGS_AT] = flags & ENTRY_FLAGS_MASK;
    return this.bytes;
  }
}
