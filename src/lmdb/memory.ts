import koffi from 'koffi';
import { LmdbError } from './errors.ts';
import { type Address, systemLibc } from './library.ts';

const TWO_32 = 0x1_0000_0000;

/** The address of a buffer's first byte. Stable for as long as the buffer lives: V8 never moves a backing store. */
export function addressOf(buffer: Uint8Array): Address {
  return Number(koffi.address(buffer));
}

/**
 * The memory through which keys and values pass to liblmdb: two `MDB_val` {u64 size, u64 address}, then room for a key
 * and a value. One per thread is enough, since every call into LMDB is synchronous; nothing is allocated per record.
 */
export class Scratch {
  static readonly keyAt = 64;
  static readonly valueAt = 64 + 1024;
  static readonly valueRoom = 64 * 1024;

  readonly buffer: Buffer;
  /** Address of the key's `MDB_val`; the value's follows 16 bytes later. */
  readonly keyVal: Address;
  readonly dataVal: Address;
  readonly #words: Uint32Array;
  /** The two addresses that are written for almost every record, as their 32-bit halves. */
  readonly #keyRoom: readonly [number, number];
  readonly #valueRoom: readonly [number, number];
  /** Keeps a joined large value alive until the call into LMDB has read it. */
  #large: Buffer | undefined;

  constructor() {
    const memory = new ArrayBuffer(Scratch.valueAt + Scratch.valueRoom);
    this.buffer = Buffer.from(memory);
    this.#words = new Uint32Array(memory, 0, 16);
    const base = addressOf(this.buffer);
    this.keyVal = base;
    this.dataVal = base + 16;
    this.#keyRoom = halvesOf(base + Scratch.keyAt);
    this.#valueRoom = halvesOf(base + Scratch.valueAt);
  }

  setKey(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    // Of a key too long for this room LMDB reads no more than its longest key has, to refuse it or to find its place.
    copyInto(this.buffer, Scratch.keyAt, source, start, Math.min(end, start + Scratch.valueAt - Scratch.keyAt));
    this.#point(0, length, this.#keyRoom);
  }

  setValue(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length <= Scratch.valueRoom) {
      copyInto(this.buffer, Scratch.valueAt, source, start, end);
      this.#point(4, length, this.#valueRoom);
    } else {
      this.#point(4, length, halvesOf(addressOf(source) + start));
    }
  }

  /** A value made of two parts, as a shadow entry is: header, then the application's bytes. */
  setValueParts(prefix: Uint8Array, source: Uint8Array, start: number, end: number): void {
    const length = prefix.length + (end - start);
    if (length <= Scratch.valueRoom) {
      copyInto(this.buffer, Scratch.valueAt, prefix, 0, prefix.length);
      copyInto(this.buffer, Scratch.valueAt + prefix.length, source, start, end);
      this.#point(4, length, this.#valueRoom);
      return;
    }
    const joined = Buffer.allocUnsafeSlow(length);
    joined.set(prefix, 0);
    joined.set(source.subarray(start, end), prefix.length);
    this.#large = joined;
    this.#point(4, length, halvesOf(addressOf(joined)));
  }

  clearLarge(): void {
    this.#large = undefined;
  }

  get hasLarge(): boolean {
    return this.#large !== undefined;
  }

  get keySize(): number {
    return this.#word(0);
  }
  get keyAddress(): Address {
    return this.#word(2);
  }
  get dataSize(): number {
    return this.#word(4);
  }
  get dataAddress(): Address {
    return this.#word(6);
  }

  #word(at: number): number {
    return this.#words[at]! + this.#words[at + 1]! * TWO_32;
  }

  #point(at: number, length: number, address: readonly [number, number]): void {
    const words = this.#words;
    words[at] = length;
    words[at + 1] = length < TWO_32 ? 0 : Math.floor(length / TWO_32);
    words[at + 2] = address[0];
    words[at + 3] = address[1];
  }
}

function halvesOf(address: Address): [number, number] {
  return [address % TWO_32, Math.floor(address / TWO_32)];
}

/** Below this a loop is faster than the call into native code. */
const NATIVE_COPY_BYTES = 64;

function copyInto(target: Buffer, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start <= NATIVE_COPY_BYTES) for (let i = start, j = at; i < end; i++, j++) target[j] = source[i]!;
  else if (source instanceof Buffer) source.copy(target, at, start, end);
  else target.set(source.subarray(start, end), at);
}

let threadScratch: Scratch | undefined;

/** The scratch memory of this thread (module state is per worker thread). */
export function scratch(): Scratch {
  threadScratch ??= new Scratch();
  return threadScratch;
}

/** Copies memory that liblmdb points at to memory of ours. */
export function copyMemory(target: Address, source: Address, length: number): void {
  systemLibc().memcpy(target, source, length);
}

const PROT_READ = 1;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_f800;

/** A read-only, shared mapping of part of a file. Its bytes must not be touched after `unmap`, nor beyond the file's end. */
export interface FileMapping {
  readonly buffer: Buffer;
  unmap(): void;
}

/**
 * Maps `length` bytes of the open file `fd` from `offset` (a multiple of the system's page size). The mapping may reach past
 * the end of the file, so that a growing file needs no new one; touching bytes there is a SIGBUS, so callers check first.
 * @throws LmdbError when the system refuses
 */
export function mapFile(fd: number, offset: number, length: number): FileMapping {
  const libc = systemLibc();
  const address = Number(libc.mmap(0, length, PROT_READ, MAP_SHARED, fd, offset));
  if (address >= MAP_FAILED) throw new LmdbError('MMAP_FAILED', 'mmap', 12, `cannot map ${length} bytes at ${offset}`);
  return {
    buffer: Buffer.from(koffi.view(BigInt(address), length)),
    unmap: () => {
      libc.munmap(address, length);
    },
  };
}
