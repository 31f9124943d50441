import { hash } from 'node:crypto';
import koffi from 'koffi';
import { ByteCopier } from './bytes.ts';
import { addressOf } from './memory.ts';

const BLOCK_BYTES = 64;
/** A byte that ends the message, and its length in bits. */
const PADDING_BYTES = 9;
const BLOCKS = 4;
const WORDS = 8;
/** Of OpenSSL's `SHA256_CTX`, whose first member is the state; what follows is not looked at. */
const CONTEXT_BYTES = 256;
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;

type Transform = (context: number, block: number) => void;

/**
 * SHA-256 of a few bytes, for which Node's `hash` costs three times what the algorithm does: the blocks are made here, and given to
 * OpenSSL's `SHA256_Transform`, which Node exports to its addons. Nothing is allocated.
 */
export class ShortSha256 {
  static readonly maxBytes = BLOCKS * BLOCK_BYTES - PADDING_BYTES;
  /** The hash that was made last, as words. */
  readonly words: Uint32Array;
  readonly #message = Buffer.alloc(BLOCKS * BLOCK_BYTES);
  readonly #messageAddress = addressOf(this.#message);
  readonly #bytes = new ByteCopier();
  readonly #contextAddress: number;
  readonly #transform: Transform;
  #paddedLength = -1;

  private constructor(transform: Transform) {
    const context = new ArrayBuffer(CONTEXT_BYTES);
    this.words = new Uint32Array(context, 0, WORDS);
    this.#contextAddress = addressOf(new Uint8Array(context));
    this.#transform = transform;
  }

  /** @returns undefined where Node does not export it, or it does something else */
  static load(): ShortSha256 | undefined {
    try {
      const transform = koffi.load(null).func('SHA256_Transform', 'void', ['uint64', 'uint64']);
      const sha256 = new ShortSha256(transform as Transform);
      return sha256.#isRight() ? sha256 : undefined;
    } catch {
      return undefined;
    }
  }

  /** @param end at most `maxBytes` behind `start` */
  take(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > ShortSha256.maxBytes) throw new RangeError(`${length} bytes are too many`);
    this.#bytes.copy(source, start, end, this.#message, 0);
    if (length !== this.#paddedLength) this.#pad(length);
    const { words } = this;
    for (let i = 0; i < WORDS; i++) words[i] = INITIAL[i]!;
    for (let at = 0; at < length + PADDING_BYTES; at += BLOCK_BYTES)
      this.#transform(this.#contextAddress, this.#messageAddress + at);
  }

  #pad(length: number): void {
    const end = Math.ceil((length + PADDING_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
    this.#message.fill(0, length, end);
    this.#message[length] = 0x80;
    this.#message.writeUInt16BE(length * 8, end - 2);
    this.#paddedLength = length;
  }

  #isRight(): boolean {
    const sample = Buffer.from(Array.from({ length: ShortSha256.maxBytes }, (_, i) => i));
    return [0, 1, 55, 56, 119, 120, ShortSha256.maxBytes].every((length) => {
      this.take(sample, 0, length);
      const made = Array.from(this.words, (word) => word.toString(16).padStart(8, '0')).join('');
      return made === hash('sha256', sample.subarray(0, length), 'hex');
    });
  }
}
