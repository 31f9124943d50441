/**
 * Whether somebody wants to know what changes, in memory that all threads share: whoever has begun to listen is told of every commit
 * from then on, also of one that a thread is in the middle of and whose messages it would only read later.
 */
export class ListenFlag {
  readonly #cells: Int32Array;

  constructor(cell: SharedArrayBuffer) {
    this.#cells = new Int32Array(cell);
  }

  static newCell(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  get isOn(): boolean {
    return Atomics.load(this.#cells, 0) === 1;
  }

  set(isOn: boolean): void {
    Atomics.store(this.#cells, 0, isOn ? 1 : 0);
  }
}
