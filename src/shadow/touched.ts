/** Keys that changed after a plan was made: what it says of them may no longer be true. */
export class TouchedKeys {
  readonly #keys = new Set<string>();
  readonly #whole = new Set<string>();

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#whole.size === 0;
  }

  /** @param dbiName the application's DBI; the key is the shadow's, or in native mode the DBI's own */
  add(dbiName: string, buffer: Buffer, start: number, end: number): void {
    this.#keys.add(identity(dbiName, buffer, start, end));
  }

  /** All keys of a DBI. */
  addWhole(dbiName: string): void {
    this.#whole.add(dbiName);
  }

  has(dbiName: string, buffer: Buffer, start: number, end: number): boolean {
    return this.#whole.has(dbiName) || this.#keys.has(identity(dbiName, buffer, start, end));
  }
}

function identity(dbiName: string, buffer: Buffer, start: number, end: number): string {
  return `${dbiName}\0${buffer.toString('latin1', start, end)}`;
}
