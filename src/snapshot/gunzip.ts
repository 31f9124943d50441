import { setImmediate } from 'node:timers/promises';
import { createGunzip, type Gunzip, gunzipSync } from 'node:zlib';
import { CorruptSnapshotError, RefusedSnapshotError } from './errors.ts';
import type { SnapshotLimits } from './limits.ts';

export interface GunzipOptions {
  readonly objectName: string;
  readonly limits: SnapshotLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface GunzipSummary {
  readonly compressedBytes: number;
  readonly decompressedBytes: number;
}

/** What the pool is given at a time: so much that it stays busy while this thread parses. */
const CHUNK_BYTES = 256 * 1024;
/** Chunks that wait for this thread, at most. */
const CHUNKS_AHEAD = 2;
/** A delta of a few entries is decompressed here at once: the stream with its buffers and turns would cost many times as much. */
const INLINE_BYTES = 32 * 1024;
const INLINE_OUTPUT_BYTES = 256 * 1024;
const INLINE_CHUNK_BYTES = 4 * 1024;
/** After so much this thread looks whether the pool wants its next chunk; parsing it takes some 200 µs. */
const SLICE_BYTES = 96 * 1024;

/** Decompresses an object: `gunzipTo`, or another that a simulator brings, which has no pool of threads. */
export type GunzipObject = typeof gunzipTo;

/**
 * Decompresses every gzip member of the object in the libuv pool and hands it to `take` in slices. The pool works two
 * chunks ahead; between two slices it is given more, or it would stand still for as long as `take` takes.
 * @throws CorruptSnapshotError, RefusedSnapshotError, whatever `take` and the source throw, the signal's reason
 */
export async function gunzipTo(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  take: (chunk: Buffer) => void,
  options: GunzipOptions,
): Promise<GunzipSummary> {
  options.signal?.throwIfAborted();
  if (!(source instanceof Uint8Array)) return streamTo(source, take, options);
  const decompressed = source.length <= INLINE_BYTES ? inlined(source, options) : undefined;
  if (!decompressed) return streamTo(chunksOf(source), take, options);
  if (decompressed.length > 0) take(decompressed);
  return { compressedBytes: source.length, decompressedBytes: decompressed.length };
}

/** @returns undefined when it is more than is done at once */
function inlined(bytes: Uint8Array, { objectName, limits }: GunzipOptions): Buffer | undefined {
  if (bytes.length === 0) throw emptyError(objectName);
  const maxOutputLength = Math.min(INLINE_OUTPUT_BYTES, limits.maxDecompressedBytes);
  try {
    const settings = { maxOutputLength, chunkSize: INLINE_CHUNK_BYTES, info: true };
    const { buffer, engine } = gunzipSync(bytes, settings) as unknown as { buffer: Buffer; engine: Gunzip };
    if (engine.bytesWritten !== bytes.length) throw garbageError(objectName);
    return buffer;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw isZlibDataError(error) ? gzipError(objectName, error) : error;
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

async function streamTo(
  source: AsyncIterable<Uint8Array>,
  take: (chunk: Buffer) => void,
  { objectName, limits, signal }: GunzipOptions,
): Promise<GunzipSummary> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES, ...{ readableHighWaterMark: CHUNKS_AHEAD * CHUNK_BYTES } });
  // Everything is reported through the loop below; what comes after it (a write to a closed stream) says nothing new.
  gunzip.on('error', () => {});
  const abort = (): void => void gunzip.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  const feeder = new Feeder(source, gunzip);
  let decompressedBytes = 0;
  try {
    for await (const chunk of gunzip) {
      decompressedBytes += chunk.length;
      // Stops bombs (I7): their output counts, whatever they are packed into.
      if (decompressedBytes > limits.maxDecompressedBytes) {
        const detail = `it is more than ${limits.maxDecompressedBytes} B decompressed`;
        throw new RefusedSnapshotError(objectName, 'decompressed-size', detail);
      }
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        if (at > 0) await setImmediate();
        take(chunk.subarray(at, at + SLICE_BYTES));
      }
    }
    if (feeder.fedBytes === 0) throw emptyError(objectName);
    // zlib stops quietly at a zero byte behind a member: only the count of bytes it took shows what is left.
    if (gunzip.bytesWritten !== feeder.fedBytes) throw garbageError(objectName);
  } catch (error) {
    signal?.throwIfAborted();
    if (feeder.failed) throw feeder.failure;
    if (!isZlibDataError(error)) throw error;
    throw feeder.fedBytes === 0 ? emptyError(objectName) : gzipError(objectName, error);
  } finally {
    signal?.removeEventListener('abort', abort);
    gunzip.destroy();
    // The source is closed when this returns, except after an abort: it may then hang in a request for long.
    if (!signal?.aborted) await feeder.settled;
  }
  return { compressedBytes: feeder.fedBytes, decompressedBytes };
}

/** Writes the source to the stream, as fast as the stream takes it, and closes the source in every case. */
class Feeder {
  fedBytes = 0;
  failed = false;
  failure: unknown;
  /** Never rejects. */
  readonly settled: Promise<void>;

  constructor(source: AsyncIterable<Uint8Array>, gunzip: Gunzip) {
    this.settled = this.#run(source, gunzip).catch((error: unknown) => {
      this.failed = true;
      this.failure = error;
      gunzip.destroy();
    });
  }

  async #run(source: AsyncIterable<Uint8Array>, gunzip: Gunzip): Promise<void> {
    for await (const chunk of source) {
      if (gunzip.destroyed) return;
      this.fedBytes += chunk.length;
      if (chunk.length > 0 && !gunzip.write(chunk)) await drained(gunzip);
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  }
}

function drained(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      gunzip.off('drain', done).off('close', done);
      resolve();
    };
    gunzip.on('drain', done).on('close', done);
  });
}

function isZlibDataError(error: unknown): error is Error & { code: string } {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('Z_') && code !== 'Z_MEM_ERROR';
}

function garbageError(objectName: string): CorruptSnapshotError {
  return new CorruptSnapshotError(objectName, 'trailing-garbage', 'other bytes follow its last gzip member');
}

function emptyError(objectName: string): CorruptSnapshotError {
  return new CorruptSnapshotError(objectName, 'empty-object', 'it is empty');
}

function gzipError(objectName: string, error: Error & { code: string }): CorruptSnapshotError {
  const truncated = error.code === 'Z_BUF_ERROR';
  return new CorruptSnapshotError(objectName, truncated ? 'truncated' : 'gzip', `gzip: ${error.message}`, error);
}
