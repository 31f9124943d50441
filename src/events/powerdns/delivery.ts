import type { ChangeEvent } from '../../sync/index.ts';
import { type Consumer, Delivery, type DeliveryOptions } from '../consumer.ts';
import type { PdnsCache } from './cache.ts';
import { type FlushPlan, FlushPlanner } from './flush-plan.ts';

/** Requests under way at once. */
const CONCURRENCY = 4;

export interface PdnsConsumerOptions extends Omit<DeliveryOptions, 'name' | 'deliver'> {
  readonly cache: PdnsCache;
  /** NOTIFY to the secondaries of changed zones. */
  readonly notify: boolean;
}

/** Has PowerDNS forget what changed. */
export class PdnsConsumer implements Consumer {
  readonly name = 'powerdns';
  readonly #planner = new FlushPlanner();
  readonly #delivery: Delivery;

  constructor({ cache, notify, ...options }: PdnsConsumerOptions) {
    const deliver = pdnsDelivery(cache, { notify }, this.#planner);
    this.#delivery = new Delivery({ ...options, name: this.name, deliver });
  }

  get waiting(): number {
    return this.#delivery.waiting;
  }

  /** Zones are learned at once: of what waits the keys may be given up. */
  offer(event: ChangeEvent): void {
    this.#planner.learn(event);
    if (event.origin.kind !== 'start') this.#delivery.offer(event);
    // Records had come before their zone was known.
    else if (!this.#planner.isEmpty) this.#delivery.nudge();
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#delivery.close(signal);
  }
}

/** Flushing is idempotent: after a failure all of it is flushed again, with what has come since. */
export function pdnsDelivery(cache: PdnsCache, options: { readonly notify: boolean }, planner = new FlushPlanner()) {
  return async (events: readonly ChangeEvent[], signal: AbortSignal): Promise<void> => {
    for (const event of events) planner.add(event);
    if (planner.isEmpty) return;
    const plan = planner.take();
    try {
      await flush(cache, plan, signal);
      if (options.notify) await eachOf(plan.zones, (zone) => cache.notify(zone, signal));
    } catch (error) {
      planner.giveBack(plan);
      throw error;
    }
  };
}

async function flush(cache: PdnsCache, plan: FlushPlan, signal: AbortSignal): Promise<void> {
  // First the zones, so that a question that comes between finds the new one.
  if (cache.rediscover && (plan.moved.length > 0 || plan.everything)) await cache.rediscover(signal);
  if (cache.readKeys) await eachOf(plan.signed, (zone) => cache.readKeys!(zone, signal));
  if (!plan.everything) {
    await eachOf(plan.names, (name) => cache.flush(name, signal));
    return;
  }
  if (!cache.rediscover) await eachOf(plan.moved, (zone) => cache.flush(zone, signal));
  await cache.flushEverything(signal);
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, items.length) }, worker));
}
