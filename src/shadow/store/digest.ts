import { hash } from 'node:crypto';

/** 128 bits. */
export const DIGEST_BYTES = 16;

/**
 * The first half of SHA-256, so that nobody who chooses values can make a change that is not noticed. As a string of bytes: that spares
 * a buffer for each (docs/performance.md has what was measured).
 */
export function digestOf(buffer: Buffer, start: number, end: number): string {
  return hash('sha256', buffer.subarray(start, end), 'binary').slice(0, DIGEST_BYTES);
}
