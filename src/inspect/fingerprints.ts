import type { Entry } from '../merge/index.ts';

/** FNV-1a over 32 bits, with two different starts: 64 bits together. Two entries of a million are mixed up once in 10^7 runs. */
const START_A = 0x811c9dc5;
const START_B = 0x9747b28c;
const PRIME = 0x01000193;
const FIRST_SLOTS = 1024;

/** A set of entries that remembers 64 bits of each: 16 to 32 bytes an entry, whatever their size. Never an entry is missed. */
export class FingerprintSet {
  #a = new Uint32Array(FIRST_SLOTS);
  #b = new Uint32Array(FIRST_SLOTS);
  #count = 0;
  #hashA = 0;
  #hashB = 0;

  get size(): number {
    return this.#count;
  }

  /** The entry whole: DBI, key, time, deletion mark, value. */
  addEntry(dbiName: string, entry: Entry): void {
    this.#hashEntry(dbiName, entry);
    this.#add();
  }

  hasEntry(dbiName: string, entry: Entry): boolean {
    this.#hashEntry(dbiName, entry);
    return this.#slot(this.#hashA, this.#hashB) < 0;
  }

  /** The DBI and the key alone. @returns false when it was there */
  addKey(dbiName: string, entry: Entry): boolean {
    this.#hashKey(dbiName, entry);
    return this.#add();
  }

  hasKey(dbiName: string, entry: Entry): boolean {
    this.#hashKey(dbiName, entry);
    return this.#slot(this.#hashA, this.#hashB) < 0;
  }

  #hashEntry(dbiName: string, entry: Entry): void {
    this.#hashKey(dbiName, entry);
    this.#word(entry.timestampHi);
    this.#word(entry.timestampLo);
    this.#word(entry.flags);
    this.#bytes(entry.valueBuffer, entry.valueStart, entry.valueEnd);
    this.#finish();
  }

  #hashKey(dbiName: string, entry: Entry): void {
    this.#hashA = START_A;
    this.#hashB = START_B;
    for (let at = 0; at < dbiName.length; at++) this.#mix(dbiName.charCodeAt(at));
    this.#word(entry.keyEnd - entry.keyStart);
    this.#bytes(entry.keyBuffer, entry.keyStart, entry.keyEnd);
    this.#finish();
  }

  #bytes(buffer: Uint8Array, start: number, end: number): void {
    let a = this.#hashA;
    let b = this.#hashB;
    for (let at = start; at < end; at++) {
      const byte = buffer[at]!;
      a = Math.imul(a ^ byte, PRIME);
      b = Math.imul(b ^ byte, 0x85ebca6b) ^ (b >>> 15);
    }
    this.#hashA = a;
    this.#hashB = b;
  }

  #word(value: number): void {
    this.#mix(value & 0xffff);
    this.#mix(value >>> 16);
  }

  #mix(value: number): void {
    this.#hashA = Math.imul(this.#hashA ^ value, PRIME);
    this.#hashB = Math.imul(this.#hashB ^ value, 0x85ebca6b) ^ (this.#hashB >>> 15);
  }

  /** 0 and 0 is an empty slot. */
  #finish(): void {
    this.#hashA >>>= 0;
    this.#hashB >>>= 0;
    if (this.#hashA === 0 && this.#hashB === 0) this.#hashA = 1;
  }

  #add(): boolean {
    const slot = this.#slot(this.#hashA, this.#hashB);
    if (slot < 0) return false;
    this.#a[slot] = this.#hashA;
    this.#b[slot] = this.#hashB;
    if (++this.#count * 2 > this.#a.length) this.#grow();
    return true;
  }

  /** @returns the slot where it belongs, or -1 when it is there */
  #slot(hashA: number, hashB: number): number {
    const mask = this.#a.length - 1;
    let slot = hashA & mask;
    while (this.#a[slot] !== 0 || this.#b[slot] !== 0) {
      if (this.#a[slot] === hashA && this.#b[slot] === hashB) return -1;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [a, b] = [this.#a, this.#b];
    this.#a = new Uint32Array(a.length * 2);
    this.#b = new Uint32Array(a.length * 2);
    for (let at = 0; at < a.length; at++) {
      if (a[at] === 0 && b[at] === 0) continue;
      const slot = this.#slot(a[at]!, b[at]!);
      this.#a[slot] = a[at]!;
      this.#b[slot] = b[at]!;
    }
  }
}
