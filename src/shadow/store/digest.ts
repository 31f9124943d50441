import { hash } from 'node:crypto';
import { ShortSha256 } from '../../lmdb/index.ts';

/** 128 bits. */
export const DIGEST_BYTES = 16;

const digest = Buffer.allocUnsafeSlow(DIGEST_BYTES);
const digestWords = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
let short: ShortSha256 | undefined;
let isLoaded = false;

/**
 * SHA-256, of which the first half is kept, so that nobody who chooses values can make a change that is not noticed (decision 16 has
 * what was measured).
 * @returns always the same buffer
 */
export function digestOf(buffer: Buffer, start: number, end: number): Buffer {
  if (!isLoaded) {
    short = ShortSha256.load();
    isLoaded = true;
  }
  if (short !== undefined && end - start <= ShortSha256.maxBytes) {
    short.take(buffer, start, end);
    const { words } = short;
    for (let i = 0; i < DIGEST_BYTES / 4; i++) digestWords.setUint32(4 * i, words[i]!);
  } else {
    // A string of bytes costs less than a buffer.
    digest.write(hash('sha256', buffer.subarray(start, end), 'binary'), 0, DIGEST_BYTES, 'latin1');
  }
  return digest;
}
