import koffi from 'koffi';
import { ByteCopier } from './bytes.ts';
import { LmdbError } from './errors.ts';
import { type Address, systemLibc } from './library.ts';

const TWO_32 = 0x1_0000_0000;

/** The address of a buffer's first byte. Stable for as long as the buffer lives: V8 never moves a backing store. */
export function addressOf(buffer: Uint8Array): Address {
  return Number(koffi.address(buffer));
}

/**
 * Bytes on their way to liblmdb. From a buffer that was also the one before they need no copy: the price of asking for its
 * address is then paid once. The buffer is kept for that long, so that its memory stays.
 */
class PassedBytes extends ByteCopier {
  addressLow = 0;
  addressHigh = 0;
  #buffer: Uint8Array | undefined;
  #hasAddress = false;

  /** Whether the address of its first byte is known; if not, the caller copies. */
  isKnown(buffer: Uint8Array): boolean {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#hasAddress = false;
    } else if (!this.#hasAddress) {
      [this.addressLow, this.addressHigh] = halvesOf(addressOf(buffer));
      this.#hasAddress = true;
    }
    return this.#hasAddress;
  }
}

/**
 * The memory through which keys and values pass to liblmdb: two `MDB_val` {u64 size, u64 address}, then room for a key
 * and a value. One per thread is enough, since every call into LMDB is synchronous; nothing is allocated per record.
 */
class Scratch {
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
  readonly #keys = new PassedBytes();
  readonly #values = new PassedBytes();
  readonly #prefixes = new ByteCopier();
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
    const keys = this.#keys;
    if (keys.isKnown(source)) {
      this.#pointInto(0, end - start, keys, start);
      return;
    }
    // Of a key too long for this room LMDB reads no more than its longest key has, to refuse it or to find its place.
    keys.copy(source, start, Math.min(end, start + Scratch.valueAt - Scratch.keyAt), this.buffer, Scratch.keyAt);
    this.#point(0, end - start, this.#keyRoom);
  }

  setValue(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const values = this.#values;
    if (values.isKnown(source)) {
      this.#pointInto(4, length, values, start);
    } else if (length <= Scratch.valueRoom) {
      values.copy(source, start, end, this.buffer, Scratch.valueAt);
      this.#point(4, length, this.#valueRoom);
    } else {
      this.#point(4, length, halvesOf(addressOf(source) + start));
    }
  }

  /** A value made of two parts, as a shadow entry is: header, then the application's bytes. */
  setValueParts(prefix: Uint8Array, source: Uint8Array, start: number, end: number): void {
    const length = prefix.length + (end - start);
    if (length <= Scratch.valueRoom) {
      const at = this.#prefixes.copy(prefix, 0, prefix.length, this.buffer, Scratch.valueAt);
      this.#values.copy(source, start, end, this.buffer, at);
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

  #pointInto(at: number, length: number, bytes: PassedBytes, start: number): void {
    const low = bytes.addressLow + start;
    const words = this.#words;
    words[at] = length;
    words[at + 1] = length < TWO_32 ? 0 : Math.floor(length / TWO_32);
    words[at + 2] = low < TWO_32 ? low : low - TWO_32;
    words[at + 3] = low < TWO_32 ? bytes.addressHigh : bytes.addressHigh + 1;
  }
}

function halvesOf(address: Address): [number, number] {
  return [address % TWO_32, Math.floor(address / TWO_32)];
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
