import type { DbiSource, EntryCursor } from '../../src/snapshot/index.ts';

/** Shows a source as a peer would that has changed every `every`-th entry: another value, a later time. */
export function differing(source: DbiSource, every: number, generation: number): DbiSource {
  return { ...source, open: () => new DifferingCursor(source.open(), every, generation) };
}

class DifferingCursor implements EntryCursor {
  readonly #cursor: EntryCursor;
  readonly #every: number;
  readonly #value: Buffer;
  readonly #generation: number;
  #number = -1;

  constructor(cursor: EntryCursor, every: number, generation: number) {
    this.#cursor = cursor;
    this.#every = every;
    this.#generation = generation;
    this.#value = Buffer.from(`changed by a peer in generation ${generation}`);
  }

  next(): boolean {
    this.#number++;
    return this.#cursor.next();
  }

  get #differs(): boolean {
    return this.#number % this.#every === 0;
  }

  get keyBuffer(): Buffer {
    return this.#cursor.keyBuffer;
  }
  get keyStart(): number {
    return this.#cursor.keyStart;
  }
  get keyEnd(): number {
    return this.#cursor.keyEnd;
  }
  get valueBuffer(): Buffer {
    return this.#differs ? this.#value : this.#cursor.valueBuffer;
  }
  get valueStart(): number {
    return this.#differs ? 0 : this.#cursor.valueStart;
  }
  get valueEnd(): number {
    return this.#differs ? this.#value.length : this.#cursor.valueEnd;
  }
  /** Shadows start at 1 ns here, so any later second wins. */
  get timestampHi(): number {
    return this.#differs ? this.#generation : this.#cursor.timestampHi;
  }
  get timestampLo(): number {
    return this.#cursor.timestampLo;
  }
  get flags(): number {
    return this.#cursor.flags;
  }
}
