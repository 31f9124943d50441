/** Runs one task at a time, in the order of asking: whatever moves the held base or takes LMDB's write lock. */
export class Exclusive {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Resolves when everything asked for so far has ended. */
  idle(): Promise<unknown> {
    return this.#tail;
  }
}
