/** How far the clock of the service is from ours, by the `Date` of its answers (whole seconds). */
export class BucketClock {
  readonly #now: () => number;
  #offsetMs: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Above 0: the service is ahead of us. Undefined before the first answer with a `Date`. */
  get offsetMs(): number | undefined {
    return this.#offsetMs;
  }

  /** To be told as soon as the answer is there. */
  answered(date: string | undefined): void {
    const serverMs = date === undefined ? Number.NaN : Date.parse(date);
    // A `Date` is cut to the second: half of one is the middle of what it can mean.
    if (!Number.isNaN(serverMs)) this.#offsetMs = serverMs + 500 - this.#now();
  }
}
