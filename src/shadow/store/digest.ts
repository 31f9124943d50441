import { hash } from 'node:crypto';

/** 128 bits. */
export const DIGEST_BYTES = 16;

/**
 * SHA-256, of which the first half is kept, so that nobody who chooses values can make a change that is not noticed. As a string of
 * bytes, longer than a digest: that spares a buffer for each (decision 16 has what was measured).
 */
export function digestOf(buffer: Buffer, start: number, end: number): string {
  return hash('sha256', buffer.subarray(start, end), 'binary');
}
