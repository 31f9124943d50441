import { type ChangeEvent, PendingChanges } from '../status/index.ts';

export interface ChangeHubOptions {
  /** Over this, what waits for a slow reader of `stream` says which DBIs changed, but not which keys. */
  readonly maxKeys: number;
  /** Told when the first listener comes and when the last one has gone. */
  readonly onListen: (isOn: boolean) => void;
}

/** Passes changes on to whoever wants them. Databases collect them while somebody listens only. */
export class ChangeHub {
  readonly #options: ChangeHubOptions;
  readonly #listeners = new Set<(event: ChangeEvent) => void>();
  readonly #onEnd = new Set<() => void>();
  #hasEnded = false;

  constructor(options: ChangeHubOptions) {
    this.#options = options;
  }

  /**
   * @param wantsStart also what was there at the start, and has not changed
   * @returns what ends it
   */
  subscribe(listener: (event: ChangeEvent) => void, wantsStart = false): () => void {
    const own = (event: ChangeEvent): void => {
      if (wantsStart || event.origin.kind !== 'start') listener(event);
    };
    if (this.#listeners.size === 0) this.#options.onListen(true);
    this.#listeners.add(own);
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#options.onListen(false);
    };
  }

  post(events: readonly ChangeEvent[]): void {
    for (const event of events) for (const listener of this.#listeners) listener(event);
  }

  /** Begins to listen with the first `next()`; ends with the sync. A reader that is slow holds up nobody. */
  async *stream(): AsyncGenerator<ChangeEvent, void, undefined> {
    const pending = new PendingChanges(this.#options.maxKeys);
    let wake = (): void => {};
    const unsubscribe = this.subscribe((event) => {
      pending.add(event);
      wake();
    });
    const onEnd = (): void => wake();
    this.#onEnd.add(onEnd);
    try {
      for (;;) {
        yield* pending.take();
        if (!pending.isEmpty) continue;
        if (this.#hasEnded) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#onEnd.delete(onEnd);
      unsubscribe();
    }
  }

  end(): void {
    this.#hasEnded = true;
    for (const tell of this.#onEnd) tell();
  }
}
