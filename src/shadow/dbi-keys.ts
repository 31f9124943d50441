import { randomBytes } from 'node:crypto';
import { type KeyOrder, sameBytes } from '../btree/index.ts';

/** Another one in every process, so that nobody can choose keys that all fall into one slot. */
const HASH_SEED = randomBytes(4).readUInt32LE();
const FNV_PRIME = 0x0100_0193;
const FIRST_KEYS = 16;
const FIRST_BYTES = 512;

/** Keys in an order, as they were when the list was made; what the set does later does not change it. */
export interface KeyList {
  readonly length: number;
  /** Key `index` is `buffer[startOf(index), endOf(index))`. */
  readonly buffer: Buffer;
  startOf(index: number): number;
  endOf(index: number): number;
}

/** The keys of one DBI: their bytes one behind the other, and a hash table over them. No object is made per key. */
export class DbiKeys {
  count = 0;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Key `index` ends here, and begins where the one before it ends. */
  #ends = new Uint32Array(FIRST_KEYS);
  #hashes = new Uint32Array(FIRST_KEYS);
  /** Index of a key plus one; 0: free. At most half of them are taken. */
  #slots = new Uint32Array(2 * FIRST_KEYS);

  /** @returns false when it was there already */
  add(buffer: Buffer, start: number, end: number): boolean {
    const hash = hashOf(buffer, start, end);
    const slot = this.#slotOf(hash, buffer, start, end);
    if (this.#slots[slot] !== 0) return false;
    const index = this.count;
    const at = this.#startOf(index);
    const size = end - start;
    if (at + size > this.#bytes.length) this.#growBytes(at, at + size);
    buffer.copy(this.#bytes, at, start, end);
    this.#ends[index] = at + size;
    this.#hashes[index] = hash;
    this.#slots[slot] = index + 1;
    this.count++;
    if (this.count === this.#ends.length) this.#growTable();
    return true;
  }

  has(buffer: Buffer, start: number, end: number): boolean {
    return this.#slots[this.#slotOf(hashOf(buffer, start, end), buffer, start, end)] !== 0;
  }

  /** Bytes of all keys. */
  get sizeBytes(): number {
    return this.#startOf(this.count);
  }

  /** In an order; without one as they came. */
  list(order?: KeyOrder): KeyList {
    const buffer = this.#bytes;
    const ends = this.#ends.slice(0, this.count);
    const startOf = (index: number): number => (index === 0 ? 0 : ends[index - 1]!);
    const indexes = Uint32Array.from(ends, (_, index) => index);
    if (order) {
      const compare = (a: number, b: number): number =>
        order(buffer, startOf(a), ends[a]!, buffer, startOf(b), ends[b]!);
      // Changes are found in key order, so they mostly come so.
      let isSorted = true;
      for (let index = 1; index < indexes.length && isSorted; index++) isSorted = compare(index - 1, index) < 0;
      if (!isSorted) indexes.sort(compare);
    }
    return {
      length: indexes.length,
      buffer,
      startOf: (position) => startOf(indexes[position]!),
      endOf: (position) => ends[indexes[position]!]!,
    };
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** Where the key is, or where it would be put. */
  #slotOf(hash: number, buffer: Buffer, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return slot;
      if (this.#hashes[index] !== hash) continue;
      if (sameBytes(this.#bytes, this.#startOf(index), this.#ends[index]!, buffer, start, end)) return slot;
    }
  }

  /** Lists that were made keep the old bytes. */
  #growBytes(used: number, needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, used);
    this.#bytes = larger;
  }

  #growTable(): void {
    const capacity = 2 * this.#ends.length;
    this.#ends = resized(this.#ends, capacity);
    this.#hashes = resized(this.#hashes, capacity);
    this.#slots = new Uint32Array(2 * capacity);
    const mask = this.#slots.length - 1;
    for (let index = 0; index < this.count; index++) {
      let slot = this.#hashes[index]! & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = index + 1;
    }
  }
}

function resized(numbers: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(numbers);
  return larger;
}

/** FNV-1a, then mixed so that the low bits depend on all of it. */
function hashOf(buffer: Buffer, start: number, end: number): number {
  let hash = HASH_SEED;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ buffer[at]!, FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
