import { describeError } from '../errors/index.ts';
import type { Log } from '../log/index.ts';
import {
  type ChangeEvent,
  type Clock,
  nowMs,
  PendingChanges,
  RepeatedFailure,
  reportFields,
  Wake,
} from '../sync/index.ts';

/** Somebody who wants to know what changed. */
export interface Consumer {
  /** For logs and metrics: `exec`, `webhook`, `socket`, `powerdns`. */
  readonly name: string;
  /** Never waits and never throws: what cannot be told now waits within a bound, or becomes "many". */
  offer(event: ChangeEvent): void;
  /** Events that wait to be told. */
  readonly waiting: number;
  /** One attempt to tell what still waits, within `signal`; then everything is released. */
  close(signal: AbortSignal): Promise<void>;
}

export interface DeliveryOptions {
  readonly name: string;
  readonly maxKeys: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two attempts; doubled at each failure, up to `maxRetryMs`. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** Waits so long after the first event for more, so that a burst is told at once. */
  readonly collectMs?: number;
  /** Told of every outcome, for metrics. */
  readonly onOutcome?: (outcome: DeliveryOutcome) => void;
  /** Tells. What it throws is told to the operator, counted, and tried again with whatever has come since. */
  readonly deliver: (events: readonly ChangeEvent[], signal: AbortSignal) => Promise<void>;
}

export interface DeliveryOutcome {
  readonly consumer: string;
  readonly events: readonly ChangeEvent[];
  readonly failed: boolean;
}

/** Tells events one batch at a time, at least once each while the process runs. */
export class Delivery implements Consumer {
  readonly name: string;
  readonly #options: DeliveryOptions;
  readonly #pending: PendingChanges;
  readonly #wake: Wake;
  readonly #stop = new AbortController();
  readonly #failure = new RepeatedFailure();
  readonly #loop: Promise<void>;
  #current = new AbortController();
  #underWay = 0;
  #isNudged = false;

  constructor(options: DeliveryOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pending = new PendingChanges(options.maxKeys);
    this.#wake = new Wake(options.clock);
    this.#loop = this.#run();
  }

  get waiting(): number {
    return this.#pending.size + this.#underWay;
  }

  offer(event: ChangeEvent): void {
    this.#pending.add(event);
    this.#wake.notify();
  }

  /** Calls `deliver` without any event, or with what waits: it has something to do that is no event. */
  nudge(): void {
    this.#isNudged = true;
    this.#wake.notify();
  }

  async close(signal: AbortSignal): Promise<void> {
    const giveUp = (): void => this.#current.abort(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    this.#stop.abort();
    await this.#loop;
    if (this.#hasWork && !signal.aborted) await this.#tell();
    signal.removeEventListener('abort', giveUp);
  }

  get #hasWork(): boolean {
    return this.#isNudged || !this.#pending.isEmpty;
  }

  async #run(): Promise<void> {
    const { clock, retryMs, maxRetryMs, collectMs = 0 } = this.#options;
    const { signal } = this.#stop;
    let pauseMs = retryMs;
    while (!signal.aborted) {
      if (!this.#hasWork) {
        await this.#wake.wait(Number.POSITIVE_INFINITY, signal);
        continue;
      }
      if (collectMs > 0) await clock.sleep(collectMs, signal);
      if (signal.aborted) return;
      if (await this.#tell()) {
        pauseMs = retryMs;
      } else {
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, maxRetryMs);
      }
    }
  }

  /** @returns whether it was told */
  async #tell(): Promise<boolean> {
    const { name, clock, log, deliver, onOutcome } = this.#options;
    const events = this.#pending.take();
    this.#isNudged = false;
    // One of its own: what listens to a signal that lives as long as the process is never let go.
    if (!this.#current.signal.aborted) this.#current = new AbortController();
    this.#underWay = events.length;
    try {
      await deliver(events, this.#current.signal);
      this.#underWay = 0;
    } catch (error) {
      this.#underWay = 0;
      this.#pending.giveBack(events);
      this.#isNudged = true;
      onOutcome?.({ consumer: name, events, failed: true });
      const report = this.#failure.failed(nowMs(clock));
      if (report) {
        const fields = { consumer: name, error: describeError(error), ...reportFields(report) };
        log.warn('Telling an application what changed failed; trying again', fields);
      }
      return false;
    }
    onOutcome?.({ consumer: name, events, failed: false });
    const over = this.#failure.worked();
    if (over) log.info('Telling an application what changed works again', { consumer: name, ...reportFields(over) });
    return true;
  }
}
