import { createHash } from 'node:crypto';
import type { ObjectBody } from '../types.ts';
import { bodyChunks } from './body-stream.ts';

/** Up to here an object goes up in one request, from which its ETag is an MD5 and which costs one call, not three. */
export const SINGLE_REQUEST_MAX_BYTES = 64 * 1024 * 1024;
/** Held in memory once for every part that is on its way. */
const PART_BYTES = 16 * 1024 * 1024;
/** S3's limit; Azure allows 50,000 blocks. */
const MAX_PARTS = 10_000;

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

export function partBytesFor(sizeBytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / MAX_PARTS));
}

/** Parts of equal size but for the last; each is a buffer of its own. */
export async function* partsOf(chunks: AsyncIterable<Uint8Array>, partBytes: number): AsyncIterable<Part> {
  let number = 1;
  let bytes = Buffer.allocUnsafeSlow(partBytes);
  let used = 0;
  for await (const chunk of chunks) {
    for (let taken = 0; taken < chunk.byteLength; ) {
      if (used === partBytes) {
        yield { number: number++, bytes };
        bytes = Buffer.allocUnsafeSlow(partBytes);
        used = 0;
      }
      const piece = chunk.subarray(taken, taken + partBytes - used);
      bytes.set(piece, used);
      used += piece.byteLength;
      taken += piece.byteLength;
    }
  }
  if (used > 0) yield { number, bytes: bytes.subarray(0, used) };
}

/**
 * Sends parts, at most `concurrency` at a time; results are in the order of the parts. When one fails `onFailure` is
 * told, and the error is thrown only after the others have ended too: nothing of an upload outlives its call.
 */
export async function sendParts<T>(
  parts: AsyncIterable<Part>,
  concurrency: number,
  send: (part: Part) => Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<T[]> {
  const results: T[] = [];
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    onFailure(error);
  };
  try {
    for await (const part of parts) {
      const sending: Promise<void> = send(part)
        .then((result) => {
          results[part.number - 1] = result;
        }, fail)
        .finally(() => inFlight.delete(sending));
      inFlight.add(sending);
      if (inFlight.size >= concurrency) await Promise.race(inFlight);
      if (failure !== undefined) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(inFlight);
  if (failure !== undefined) throw failure.error;
  return results;
}

/** 16 bytes; reads the whole body unless it knows its MD5 already. */
export async function md5Of(body: ObjectBody): Promise<Buffer> {
  if (body.md5 !== undefined) return Buffer.from(body.md5);
  const hash = createHash('md5');
  for await (const chunk of bodyChunks(body)) hash.update(chunk);
  return hash.digest();
}

export const md5OfBytes = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();
