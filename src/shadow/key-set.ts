import type { KeyOrder } from '../btree/index.ts';
import { compareDbiNames } from '../lmdb/index.ts';
import { DbiKeys, type KeyList } from './dbi-keys.ts';

const DEFAULT_LIMIT_BYTES = 8 * 1024 * 1024;
/** What a key takes beside its bytes: its end, its hash, its slots. */
const KEY_OVERHEAD_BYTES = 32;
const NO_KEYS = new DbiKeys();

/**
 * Keys of several DBIs, in bounded memory: keys that changed, that have yet to be recorded, or that have yet to be published.
 * Over the bound it forgets them all and only knows that it overflowed: whoever asks must then look at everything.
 *
 * DBIs have the application's names. Which keys are meant, its own or those of the shadow, is the caller's word.
 */
export class KeySet {
  readonly #limitBytes: number;
  readonly #keys = new Map<string, DbiKeys>();
  readonly #whole = new Set<string>();
  #bytes = 0;
  #hasOverflowed = false;

  /** @param limitBytes `Infinity`: no bound, for a set that something else bounds */
  constructor(limitBytes: number = DEFAULT_LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** Too many keys, or keys that nobody can name: only a look at everything finds them all. */
  get hasOverflowed(): boolean {
    return this.#hasOverflowed;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#whole.size === 0 && !this.#hasOverflowed;
  }

  /** Memory that the keys take, about. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** DBIs of which all keys are meant. */
  get wholeDbiNames(): string[] {
    return [...this.#whole];
  }

  /** Keys that are known one by one. */
  get count(): number {
    let count = 0;
    for (const keys of this.#keys.values()) count += keys.count;
    return count;
  }

  /** DBIs of which there is anything, by the bytes of their names. */
  get dbiNames(): string[] {
    return [...this.#keys.keys(), ...this.#whole].sort(compareDbiNames);
  }

  add(dbiName: string, buffer: Buffer, start: number, end: number): void {
    let keys = this.#keys.get(dbiName);
    if (!keys) {
      if (this.#hasOverflowed || this.#whole.has(dbiName)) return;
      keys = new DbiKeys();
      this.#keys.set(dbiName, keys);
    }
    if (!keys.add(buffer, start, end)) return;
    this.#bytes += end - start + KEY_OVERHEAD_BYTES;
    if (this.#bytes > this.#limitBytes) this.overflow();
  }

  /** All keys of a DBI, whatever they are when it is asked. */
  addWhole(dbiName: string): void {
    if (this.#hasOverflowed) return;
    const keys = this.#keys.get(dbiName);
    if (keys) this.#bytes -= keys.sizeBytes + keys.count * KEY_OVERHEAD_BYTES;
    this.#keys.delete(dbiName);
    this.#whole.add(dbiName);
  }

  /** @param isWanted which of the keys that are known one by one; default: all */
  addAll(other: KeySet, isWanted?: (dbiName: string, buffer: Buffer, start: number, end: number) => boolean): void {
    if (other.#hasOverflowed) this.overflow();
    for (const dbiName of other.#whole) this.addWhole(dbiName);
    for (const [dbiName, keys] of other.#keys) {
      const list = keys.list();
      for (let index = 0; index < list.length; index++) {
        const [start, end] = [list.startOf(index), list.endOf(index)];
        if (!isWanted || isWanted(dbiName, list.buffer, start, end)) this.add(dbiName, list.buffer, start, end);
      }
    }
  }

  /** Something changed of which the key is not known. */
  overflow(): void {
    this.clear();
    this.#hasOverflowed = true;
  }

  clear(): void {
    this.#keys.clear();
    this.#whole.clear();
    this.#bytes = 0;
    this.#hasOverflowed = false;
  }

  /** Whether the key is in the set, or may be. */
  has(dbiName: string, buffer: Buffer, start: number, end: number): boolean {
    const keys = this.#keys.get(dbiName);
    if (keys) return keys.has(buffer, start, end);
    return this.#hasOverflowed || this.#whole.has(dbiName);
  }

  isWhole(dbiName: string): boolean {
    return this.#whole.has(dbiName);
  }

  /** The keys of a DBI that are known one by one, in the order of that DBI (`compareKeys`). */
  sorted(dbiName: string, order: KeyOrder): KeyList {
    return (this.#keys.get(dbiName) ?? NO_KEYS).list(order);
  }
}
