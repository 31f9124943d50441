const FIRST_SLOTS = 1024;
const FIRST_BYTES = 16 * 1024;
/** Of the slots, at most so many are used: a look-up then sees two or three of them. */
const FULL = 0.7;
const NO_NAME = 0xffff_ffff;

/**
 * Names of zones by their ids, for servers with a million zones: two numbers a slot, and the bytes of the names behind one another. A
 * zone that is renamed leaves its old name behind.
 */
export class ZoneTable {
  #ids = new Uint32Array(FIRST_SLOTS);
  /** Where the name starts: its length, u16, then its bytes. */
  #starts = new Uint32Array(FIRST_SLOTS).fill(NO_NAME);
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Memory that it takes. */
  get sizeBytes(): number {
    return this.#ids.byteLength + this.#starts.byteLength + this.#bytes.byteLength;
  }

  get(id: number): string | undefined {
    const start = this.#starts[this.#slotOf(id)]!;
    if (start === NO_NAME) return undefined;
    const length = this.#bytes.readUInt16LE(start);
    return this.#bytes.toString('latin1', start + 2, start + 2 + length);
  }

  /** @param name ASCII, as DNS writes names */
  set(id: number, name: string): void {
    if (this.get(id) === name) return;
    if (this.#size + 1 > this.#ids.length * FULL) this.#grow();
    const slot = this.#slotOf(id);
    if (this.#starts[slot] === NO_NAME) this.#size++;
    this.#ids[slot] = id;
    this.#starts[slot] = this.#append(name);
  }

  /** The slot that has the id, or the free one where it belongs. */
  #slotOf(id: number): number {
    const mask = this.#ids.length - 1;
    // Ids may be counted or random; multiplied, their high bits tell them apart.
    let slot = (Math.imul(id, 0x9e37_79b1) >>> 7) & mask;
    while (this.#starts[slot] !== NO_NAME && this.#ids[slot] !== id >>> 0) slot = (slot + 1) & mask;
    return slot;
  }

  #append(name: string): number {
    const needed = this.#length + 2 + name.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.#bytes.length * 1.5)));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    const start = this.#length;
    this.#bytes.writeUInt16LE(name.length, start);
    this.#bytes.write(name, start + 2, 'latin1');
    this.#length = needed;
    return start;
  }

  #grow(): void {
    const ids = this.#ids;
    const starts = this.#starts;
    this.#ids = new Uint32Array(ids.length * 2);
    this.#starts = new Uint32Array(ids.length * 2).fill(NO_NAME);
    for (let index = 0; index < ids.length; index++) {
      if (starts[index] === NO_NAME) continue;
      const slot = this.#slotOf(ids[index]!);
      this.#ids[slot] = ids[index]!;
      this.#starts[slot] = starts[index]!;
    }
  }
}
