/** The last `capacity` values, oldest first. Bounded: a machine that runs for years keeps no more. */
export class Ring<T> {
  readonly #capacity: number;
  #values: T[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(value: T): void {
    this.#values.push(value);
    if (this.#values.length > this.#capacity) this.#values.shift();
  }

  get values(): readonly T[] {
    return this.#values;
  }
}
