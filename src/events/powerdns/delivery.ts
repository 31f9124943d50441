import type { ChangeEvent } from '../../sync/index.ts';
import type { PdnsCache } from './cache.ts';
import { type FlushPlan, FlushPlanner } from './flush-plan.ts';

/** Requests under way at once. */
const CONCURRENCY = 4;

/** Has PowerDNS forget what changed. Flushing is idempotent: after a failure the same events are told again, whole. */
export function pdnsDelivery(cache: PdnsCache, options: { readonly notify: boolean }, planner = new FlushPlanner()) {
  return async (events: readonly ChangeEvent[], signal: AbortSignal): Promise<void> => {
    for (const event of events) planner.add(event);
    if (planner.isEmpty) return;
    const plan = planner.take();
    await flush(cache, plan, signal);
    if (options.notify) await eachOf(plan.zones, (zone) => cache.notify(zone, signal));
  };
}

async function flush(cache: PdnsCache, plan: FlushPlan, signal: AbortSignal): Promise<void> {
  // First the zones, so that a question that comes between finds the new one.
  if (cache.rediscover && (plan.moved.length > 0 || plan.everything)) await cache.rediscover(signal);
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
