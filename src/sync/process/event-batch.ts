import type { Clock, Timer } from '../time/index.ts';

/** Events wait so long for others, so that a loop that tells much posts few messages. */
const BATCH_MS = 200;
const MOST_EVENTS = 1000;

/** Collects the events of a worker's databases and posts them together, in their order. */
export class EventBatch<Event> {
  readonly #clock: Pick<Clock, 'timer'>;
  readonly #post: (events: readonly Event[]) => void;
  readonly #waitMs: number;
  #events: Event[] = [];
  #timer: Timer | undefined;

  constructor(clock: Pick<Clock, 'timer'>, post: (events: readonly Event[]) => void, waitMs = BATCH_MS) {
    this.#clock = clock;
    this.#post = post;
    this.#waitMs = waitMs;
  }

  add(event: Event): void {
    this.#events.push(event);
    if (this.#events.length >= MOST_EVENTS) this.flush();
    else this.#timer ??= this.#clock.timer(this.#waitMs, () => this.flush());
  }

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    this.#post(events);
  }
}
