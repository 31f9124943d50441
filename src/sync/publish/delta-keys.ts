import { KeySet } from '../../shadow/index.ts';
import type { ListedObject } from '../chain/index.ts';

/** What the keys of all deltas may take in memory; those of the oldest are forgotten first, and it is not compacted. */
const MOST_BYTES = 16 * 1024 * 1024;

/** The keys of our deltas, so that several can become one without being read back. */
export class DeltaKeys {
  readonly #keys = new Map<string, KeySet>();

  /** To be called when the delta is stored. */
  add(name: string, keys: KeySet): void {
    this.#keys.set(name, keys);
  }

  /** Forgets what is not in the chain any more, and what is too much. @returns the newest deltas whose keys are known */
  known(deltas: readonly ListedObject[]): readonly ListedObject[] {
    const names = new Set(deltas.map(({ name }) => name.full));
    for (const name of this.#keys.keys()) if (!names.has(name)) this.#keys.delete(name);
    let sizeBytes = 0;
    for (const keys of this.#keys.values()) sizeBytes += keys.sizeBytes;
    for (const [name, keys] of this.#keys) {
      if (sizeBytes <= MOST_BYTES) break;
      sizeBytes -= keys.sizeBytes;
      this.#keys.delete(name);
    }
    const unknown = deltas.findLastIndex(({ name }) => !this.#keys.has(name.full));
    return deltas.slice(unknown + 1);
  }

  /** All keys of some deltas and of what is published now. @returns undefined: more than a set holds */
  union(deltas: readonly ListedObject[], now: KeySet): KeySet | undefined {
    const union = new KeySet();
    union.addAll(now);
    for (const { name } of deltas) union.addAll(this.#keys.get(name.full)!);
    return union.hasOverflowed ? undefined : union;
  }
}
