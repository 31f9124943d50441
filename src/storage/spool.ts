import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, read, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LmdbstreamError } from '../errors/index.ts';
import type { ObjectBody } from './types.ts';

const readAsync = promisify(read);

/** Unit of memory and of writes to the file. */
const BLOCK_BYTES = 64 * 1024;
/** Unit of reading: what a consumer does for each chunk (a job of the pool, a write to a socket) has its price. */
const CHUNK_BYTES = 4 * BLOCK_BYTES;
const DEFAULT_MEMORY_BYTES = 32 * 1024 * 1024;

export interface SpoolOptions {
  /** Bytes kept in memory before a file is used; default 32 MiB. */
  readonly memoryBytes?: number | undefined;
  /** Where the temporary file goes; default `os.tmpdir()` (`TMPDIR`). */
  readonly folder?: string | undefined;
  /** Compute `md5` while appending; default false. */
  readonly md5?: boolean | undefined;
}

/** The temporary file of a spool cannot be made, written or read: most often a full disk. */
export class SpoolError extends LmdbstreamError {
  constructor(folder: string, cause: unknown) {
    super('SPOOL_FAILED', `temporary file in ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'free space there, or set TMPDIR to a folder with room for one snapshot',
      cause,
    });
  }
}

/**
 * An object on its way to or from the storage: in memory up to a bound, beyond it in a temporary file that is
 * unlinked as soon as it is open, so that even `kill -9` leaves nothing behind.
 *
 * Life: `append` any number of times, `finish` once, then read as often as wanted, `dispose` once.
 */
export class Spool implements ObjectBody {
  readonly #memoryBytes: number;
  readonly #folder: string;
  readonly #hash: Hash | undefined;
  /** What follows the file's bytes; all but the last are full. */
  #blocks: Buffer[] = [];
  #fileBytes = 0;
  #sizeBytes = 0;
  #fd: number | undefined;
  #md5: Buffer | undefined;
  #finished = false;
  #disposed = false;
  #readsInFlight = 0;

  constructor(options: SpoolOptions = {}) {
    this.#memoryBytes = options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
    this.#folder = options.folder ?? tmpdir();
    this.#hash = options.md5 ? createHash('md5') : undefined;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** 16 bytes; known after `finish` when asked for in the options. */
  get md5(): Uint8Array | undefined {
    return this.#md5;
  }

  /** True once the bytes no longer fit into memory. */
  get isOnDisk(): boolean {
    return this.#fd !== undefined;
  }

  /** Copies `chunk`. @throws SpoolError when the temporary file cannot take it. */
  append(chunk: Uint8Array): void {
    this.#assertAlive();
    if (this.#finished) throw new TypeError('append to a finished spool');
    this.#hash?.update(chunk);
    let taken = 0;
    while (taken < chunk.byteLength) {
      const used = (this.#sizeBytes - this.#fileBytes) % BLOCK_BYTES;
      if (used === 0) this.#addBlock();
      const part = chunk.subarray(taken, taken + BLOCK_BYTES - used);
      this.#blocks[this.#blocks.length - 1]!.set(part, used);
      this.#sizeBytes += part.byteLength;
      taken += part.byteLength;
    }
  }

  finish(): this {
    this.#assertAlive();
    if (!this.#finished) this.#md5 = this.#hash?.digest();
    this.#finished = true;
    return this;
  }

  /** Fills `buffer` from `position` on; returns the number of bytes, less than asked for only at the end. */
  readSync(position: number, buffer: Uint8Array): number {
    this.#assertAlive();
    let done = 0;
    while (done < buffer.byteLength && position + done < this.#sizeBytes) {
      const at = position + done;
      const rest = buffer.subarray(done);
      if (at < this.#fileBytes) {
        const want = Math.min(rest.byteLength, this.#fileBytes - at);
        done += this.#inFile(() => readSync(this.#fd!, rest, 0, want, at));
      } else {
        done += this.#copyFromBlock(at, rest);
      }
    }
    return done;
  }

  async *open(): AsyncIterable<Uint8Array> {
    this.#assertAlive();
    if (!this.#finished) throw new TypeError('a spool is read after finish()');
    let position = 0;
    while (position < this.#fileBytes) {
      const want = Math.min(CHUNK_BYTES, this.#fileBytes - position);
      const chunk = Buffer.allocUnsafe(want);
      const bytesRead = await this.#readFile(chunk, position);
      position += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
    while (position < this.#sizeBytes) {
      this.#assertAlive();
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#sizeBytes - position));
      position += this.readSync(position, chunk);
      yield chunk;
    }
  }

  /** Frees memory and file; again is no error. A read that is under way fails. */
  dispose(): void {
    this.#disposed = true;
    this.#blocks = [];
    this.#closeWhenIdle();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #addBlock(): void {
    const heldBytes = this.#blocks.length * BLOCK_BYTES;
    const fits = this.#fd === undefined && heldBytes + BLOCK_BYTES <= this.#memoryBytes;
    if (fits || heldBytes === 0) this.#blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES));
    else this.#flushBlocks();
  }

  /** Every block is full when this is called. Once there is a file one block is enough, and it is used again and again. */
  #flushBlocks(): void {
    this.#inFile(() => {
      this.#fd ??= openUnlinked(this.#folder);
      for (const block of this.#blocks) {
        // `write` may take less than it was given.
        for (let done = 0; done < block.byteLength; ) {
          done += writeSync(this.#fd, block, done, block.byteLength - done, this.#fileBytes + done);
        }
        this.#fileBytes += block.byteLength;
      }
      this.#blocks.length = 1;
    });
  }

  #copyFromBlock(position: number, target: Uint8Array): number {
    const offset = position - this.#fileBytes;
    const start = offset % BLOCK_BYTES;
    const available = Math.min(BLOCK_BYTES - start, this.#sizeBytes - position, target.byteLength);
    const block = this.#blocks[Math.floor(offset / BLOCK_BYTES)]!;
    target.set(block.subarray(start, start + available));
    return available;
  }

  async #readFile(chunk: Buffer, position: number): Promise<number> {
    this.#assertAlive();
    // While a read is in flight its descriptor stays open: a closed one could by then be another file.
    this.#readsInFlight++;
    try {
      const { bytesRead } = await readAsync(this.#fd!, chunk, 0, chunk.byteLength, position);
      if (bytesRead === 0) throw new Error('the temporary file is shorter than what was written');
      this.#assertAlive();
      return bytesRead;
    } catch (error) {
      throw error instanceof TypeError ? error : new SpoolError(this.#folder, error);
    } finally {
      this.#readsInFlight--;
      if (this.#disposed) this.#closeWhenIdle();
    }
  }

  #closeWhenIdle(): void {
    if (this.#fd === undefined || this.#readsInFlight > 0) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #inFile<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new SpoolError(this.#folder, error);
    }
  }

  #assertAlive(): void {
    if (this.#disposed) throw new TypeError('the spool was disposed of');
  }
}

let spoolCount = 0;

function openUnlinked(folder: string): number {
  const path = join(folder, `.lmdbstream-spool-${process.pid}-${process.hrtime.bigint()}-${spoolCount++}`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}
