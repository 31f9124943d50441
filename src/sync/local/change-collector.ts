import type { DiffSink } from '../../btree/index.ts';
import { isDeleted } from '../../merge/index.ts';
import type { ChangedDbi, ChangedKey } from '../status/index.ts';

const FIRST_BYTES = 4096;

/** Ends a comparison that has found more keys than anybody wants to be told. */
export class TooManyKeys extends Error {}

/** Gathers changed keys, DBI by DBI, in one buffer: to post an event copies that once, whatever the number of keys. */
export class ChangeCollector implements DiffSink {
  readonly #maxKeys: number;
  /** Values start with the header, which may say that the key is deleted. */
  readonly #hasHeaders: boolean;
  readonly #dbis: { readonly name: string; readonly from: number }[] = [];
  readonly #kinds: ChangedKey['kind'][] = [];
  /** By key: its start, its end, and the end of the duplicate behind it; -1 where there is none. */
  readonly #ranges: number[] = [];
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  constructor(maxKeys: number, native: boolean) {
    this.#maxKeys = maxKeys;
    this.#hasHeaders = native;
  }

  /** What comes next is of this DBI. */
  begin(dbiName: string): void {
    this.#dbis.push({ name: dbiName, from: this.#kinds.length });
  }

  /** @throws TooManyKeys */
  candidate(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer | undefined,
    start: number,
    end: number,
  ): void {
    const isGone = !value || (this.#hasHeaders && end > start && isDeleted(value, start));
    this.add(isGone ? 'delete' : 'put', key, keyStart, keyEnd);
  }

  /** @throws TooManyKeys */
  pair(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
    present: boolean,
  ): void {
    this.add(present ? 'put' : 'delete', key, keyStart, keyEnd, value, valueStart, valueEnd);
  }

  /** @param value of a DUPSORT DBI: the duplicate. @throws TooManyKeys */
  add(
    kind: ChangedKey['kind'],
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value?: Buffer,
    valueStart = 0,
    valueEnd = 0,
  ): void {
    if (this.#kinds.length >= this.#maxKeys) throw new TooManyKeys();
    this.#reserve(keyEnd - keyStart + valueEnd - valueStart);
    const start = this.#length;
    this.#length += key.copy(this.#bytes, start, keyStart, keyEnd);
    const end = this.#length;
    if (value) this.#length += value.copy(this.#bytes, end, valueStart, valueEnd);
    this.#kinds.push(kind);
    this.#ranges.push(start, end, value ? this.#length : -1);
  }

  /** DBIs of which any key was given. */
  finish(): ChangedDbi[] {
    return this.#dbis
      .map(({ name, from }, index) => ({ name, keys: this.#keys(from, this.#dbis[index + 1]?.from) }))
      .filter(({ keys }) => keys.length > 0);
  }

  #keys(from: number, to = this.#kinds.length): ChangedKey[] {
    const bytes = new Uint8Array(this.#bytes.buffer, 0, this.#length);
    return this.#kinds.slice(from, to).map((kind, index) => {
      const at = (from + index) * 3;
      const [start, end, valueEnd] = this.#ranges.slice(at, at + 3) as [number, number, number];
      const key = bytes.subarray(start, end);
      return valueEnd < 0 ? { key, kind } : { key, value: bytes.subarray(end, valueEnd), kind };
    });
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
