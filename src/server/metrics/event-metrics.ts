import type { Registry } from 'prom-client';
import type { DeliveryOutcome } from '../../events/index.ts';
import { EVENTS } from './definitions.ts';
import { createInstruments, type Instruments } from './instruments.ts';

/** Consumers of change events: what they were told, what failed, and what waits. */
export class EventMetrics {
  readonly #metrics: Instruments<typeof EVENTS>;

  constructor(registry: Registry) {
    this.#metrics = createInstruments(EVENTS, registry);
  }

  apply({ consumer, events, failed }: DeliveryOutcome): void {
    if (failed) this.#metrics.failed.inc({ consumer });
    else this.#metrics.told.inc({ consumer }, events.length);
  }

  /** @param waiting events, by consumer */
  collect(waiting: ReadonlyMap<string, number>): void {
    for (const [consumer, events] of waiting) {
      this.#metrics.waiting.set({ consumer }, events);
      // A rate needs a first value.
      this.#metrics.told.inc({ consumer }, 0);
      this.#metrics.failed.inc({ consumer }, 0);
    }
  }
}
