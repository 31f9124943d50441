import { compareKeys, type KeyOrder } from '../btree/index.ts';
import { KeySet } from './key-set.ts';
import type { DatabaseView } from './view.ts';

/**
 * DBIs that are being copied into their empty shadows, in several transactions (decision 4), and how far that has come. What lies
 * ahead is not in the shadow yet and need not be: it is copied from what is there when its turn comes.
 */
export class Filling {
  /** The application's keys that changed ahead of us since the filling began: they get the time of their change (I3). */
  readonly changed: KeySet;
  readonly #names: string[];
  /** The last key that is copied, of the first of the names. */
  #lastKey: Buffer | undefined;

  constructor(names: readonly string[], lastKey?: Buffer, changed: KeySet = new KeySet()) {
    this.#names = [...names];
    this.#lastKey = lastKey;
    this.changed = changed;
  }

  /** The DBI whose turn it is; undefined: all are copied. */
  get name(): string | undefined {
    return this.#names[0];
  }

  get lastKey(): Buffer | undefined {
    return this.#lastKey;
  }

  /** For a transaction that may fail. Only `changed` is shared: more keys in it do no harm. */
  copy(): Filling {
    return new Filling(this.#names, this.#lastKey, this.changed);
  }

  /** Adds DBIs whose turn comes later; those that are known stay where they are. */
  add(names: readonly string[]): void {
    for (const name of names) if (!this.#names.includes(name)) this.#names.push(name);
  }

  /** Somebody else takes care of all of a DBI. */
  forget(name: string): void {
    if (name === this.name) this.next();
    else if (this.#names.includes(name)) this.#names.splice(this.#names.indexOf(name), 1);
  }

  stopAfter(key: Buffer): void {
    this.#lastKey = key;
  }

  next(): void {
    this.#names.shift();
    this.#lastKey = undefined;
  }

  /** Up to which key a DBI is copied, if part of it is. */
  copiedUpTo(name: string): Buffer | undefined {
    return name === this.name ? this.#lastKey : undefined;
  }

  /** Tells what is ahead in a DBI; undefined: nothing, for it is not being copied. */
  aheadIn(name: string, view: DatabaseView): ((key: Buffer, start: number, end: number) => boolean) | undefined {
    if (!this.#names.includes(name)) return undefined;
    const last = this.copiedUpTo(name);
    if (!last) return () => true;
    const order: KeyOrder = compareKeys(view.dbis.get(name)?.flags ?? 0);
    return (key, start, end) => order(key, start, end, last, 0, last.length) > 0;
  }
}
