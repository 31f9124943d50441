import { MAX_KEY_SIZE } from '../lmdb/index.ts';

/**
 * `dupsort_hack_v1` (docs/format.md): one shadow key for each pair of a DUPSORT DBI,
 * key ‖ 00 00 00 00 ‖ value cut so that all fits 511 bytes ‖ u8 length of key.
 */
export const SEPARATOR_SIZE = 4;
const LENGTH_SIZE = 1;
const OVERHEAD = SEPARATOR_SIZE + LENGTH_SIZE;
export const DUPSORT_MAX_KEY_SIZE = 255;

/** One encoded key, overwritten by every `encode`: a scan of a million pairs allocates nothing. */
export class ShadowKey {
  readonly bytes = Buffer.allocUnsafeSlow(MAX_KEY_SIZE);
  length = 0;
  /** The value did not fit: another pair could have the same shadow key. */
  isCut = false;

  /** The caller has checked that the key is 1 to 255 bytes long. */
  encode(key: Buffer, keyStart: number, keyEnd: number, value: Buffer, valueStart: number, valueEnd: number): void {
    const keyLength = keyEnd - keyStart;
    const room = MAX_KEY_SIZE - OVERHEAD - keyLength;
    const valueLength = Math.min(valueEnd - valueStart, room);
    const bytes = this.bytes;
    key.copy(bytes, 0, keyStart, keyEnd);
    bytes.fill(0, keyLength, keyLength + SEPARATOR_SIZE);
    value.copy(bytes, keyLength + SEPARATOR_SIZE, valueStart, valueStart + valueLength);
    this.length = keyLength + OVERHEAD + valueLength;
    bytes[this.length - 1] = keyLength;
    this.isCut = valueEnd - valueStart > room;
  }
}

/**
 * Length of the application's key inside a shadow key, or -1 when it is none (DUP-06 to DUP-08).
 */
export function applicationKeyLength(buffer: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < OVERHEAD + 1) return -1;
  const keyLength = buffer[end - 1]!;
  if (keyLength === 0 || length < keyLength + OVERHEAD) return -1;
  for (let i = 0; i < SEPARATOR_SIZE; i++) if (buffer[start + keyLength + i] !== 0) return -1;
  return keyLength;
}

/** Where the (possibly cut) value starts inside a shadow key of an application key of `keyLength` bytes. */
export function valueOffset(keyLength: number): number {
  return keyLength + SEPARATOR_SIZE;
}
