import type { LimitName, Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';

export interface LimitMeterOptions {
  readonly limit: LimitName;
  /** How many may be under way at once. */
  readonly max: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly report: Report;
}

/** Tells how much is under way of what is limited, how much waits, and how long both took. It limits nothing itself. */
export class LimitMeter {
  readonly #options: LimitMeterOptions;
  /** Since when, by what it is; ms of the monotonic clock. */
  readonly #waiting = new Map<string, number>();
  readonly #active = new Map<string, { readonly sinceMs: number; readonly waitMs: number }>();
  #told = '';

  constructor(options: LimitMeterOptions) {
    this.#options = options;
    this.#tell();
  }

  /** Again is no error: it waits since the first time. */
  waits(id: string): void {
    if (this.#waiting.has(id) || this.#active.has(id)) return;
    this.#waiting.set(id, this.#options.clock.monotonicMs());
    this.#tell();
  }

  begins(id: string): void {
    const sinceMs = this.#options.clock.monotonicMs();
    const waitMs = sinceMs - (this.#waiting.get(id) ?? sinceMs);
    this.#waiting.delete(id);
    this.#active.set(id, { sinceMs, waitMs });
    this.#tell();
  }

  /** Its turn has ended, or it waits no more. */
  ends(id: string): void {
    const turn = this.#active.get(id);
    this.#waiting.delete(id);
    this.#active.delete(id);
    const { limit, clock, report } = this.#options;
    if (turn) report({ type: 'turn', limit, waitMs: turn.waitMs, activeMs: clock.monotonicMs() - turn.sinceMs });
    this.#tell();
  }

  /** Only these wait still. */
  keepWaiting(ids: ReadonlySet<string>): void {
    for (const id of this.#waiting.keys()) if (!ids.has(id)) this.#waiting.delete(id);
    this.#tell();
  }

  #tell(): void {
    const { limit, max, report } = this.#options;
    const [active, waiting] = [this.#active.size, this.#waiting.size];
    const now = `${active} ${waiting}`;
    if (now === this.#told) return;
    this.#told = now;
    report({ type: 'limit', limit, max, active, waiting });
  }
}
