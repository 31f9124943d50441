const WORD_LOOP_BYTES = 256;
const NO_WORDS: DataView = new DataView(new ArrayBuffer(0));

/**
 * Copies a few bytes, which is what this program does most: keys and values of some tens of bytes, millions of times. Node's
 * `copy` and `set` cost more a call than such bytes do, and a loop over bytes is four times slower than one over words. So:
 * words, through a DataView that is kept for as long as the buffers stay the same. One copier for each place that copies: a
 * walk stays in one buffer for long, but its keys and its values need not be in the same one.
 */
export class ByteCopier {
  #source: Uint8Array | undefined;
  #target: Uint8Array | undefined;
  #sourceWords = NO_WORDS;
  #targetWords = NO_WORDS;

  /**
   * Copies `source[start, end)` to `target` at `offset`.
   * @returns the offset behind the copy
   * @throws RangeError when either side is too short
   */
  copy(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): number {
    if (end - start > WORD_LOOP_BYTES) {
      target.set(source.subarray(start, end), offset);
      return offset + end - start;
    }
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceWords = new DataView(source.buffer, source.byteOffset, source.byteLength);
    }
    if (target !== this.#target) {
      this.#target = target;
      this.#targetWords = new DataView(target.buffer, target.byteOffset, target.byteLength);
    }
    const from = this.#sourceWords;
    const to = this.#targetWords;
    const lastWord = end - 4;
    let at = offset;
    let next = start;
    if (next > lastWord) {
      while (next < end) to.setUint8(at++, from.getUint8(next++));
      return at;
    }
    while (next < lastWord) {
      to.setUint32(at, from.getUint32(next, true), true);
      next += 4;
      at += 4;
    }
    // It may overlap the one before: cheaper than three single bytes, each with its turn of a loop.
    at = offset + end - start;
    to.setUint32(at - 4, from.getUint32(lastWord, true), true);
    return at;
  }
}

/** Compares a few bytes in the same way. */
export class ByteMatcher {
  #a: Uint8Array | undefined;
  #b: Uint8Array | undefined;
  #aWords = NO_WORDS;
  #bWords = NO_WORDS;

  /** Whether `a[aStart, aEnd)` and `b[bStart, bEnd)` are the same bytes. @throws RangeError when either side is too short */
  same(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): boolean {
    if (aEnd - aStart !== bEnd - bStart) return false;
    if (a !== this.#a) {
      this.#a = a;
      this.#aWords = new DataView(a.buffer, a.byteOffset, a.byteLength);
    }
    if (b !== this.#b) {
      this.#b = b;
      this.#bWords = new DataView(b.buffer, b.byteOffset, b.byteLength);
    }
    const aWords = this.#aWords;
    const bWords = this.#bWords;
    const lastWord = aEnd - 4;
    let i = aStart;
    let j = bStart;
    if (i > lastWord) {
      for (; i < aEnd; i++, j++) if (aWords.getUint8(i) !== bWords.getUint8(j)) return false;
      return true;
    }
    for (; i < lastWord; i += 4, j += 4) if (aWords.getUint32(i, true) !== bWords.getUint32(j, true)) return false;
    return aWords.getUint32(lastWord, true) === bWords.getUint32(bEnd - 4, true);
  }
}
