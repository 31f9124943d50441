import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Config } from '../config/index.ts';
import type { Log } from '../log/index.ts';
import { toInstanceId } from '../snapshot/index.ts';
import type { SyncEvent } from '../sync/index.ts';
import { Health, healthAnswer } from './health/index.ts';
import { type HintAnswer, HintGate } from './hint/index.ts';
import { createApp, listen, loadAssets, StorageListing } from './http/index.ts';
import { Metrics } from './metrics/index.ts';
import type { StatusSource } from './model.ts';
import { State } from './state/index.ts';

export interface ServerOptions {
  readonly config: Config;
  readonly source: StatusSource;
  readonly version: string;
  readonly log: Log;
  /** ms since 1970 UTC; tests give their own. */
  readonly now?: () => number;
  /** Where `page.js` and `page.css` lie; otherwise beside the compiled code. */
  readonly assetsFolder?: URL;
}

export interface RunningServer {
  /** Where this machine reaches it, with the port that was chosen. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `config.http.address` from this thread. To be started before any LMDB is opened: it answers from then on, whatever
 * the databases wait for.
 * @throws ListenError
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { config, source, version, log, now = Date.now } = options;
  const startedMs = now();
  const { databases } = source;
  const facts = { hostname: hostname(), version, startedMs };
  const lockWaitingSinceMs = (db: string): number | undefined => source.lockWaitingSinceMs(db);
  const shared = { databases, version, instance: config.instance, lockWaitingSinceMs };
  const instanceId = toInstanceId(config.instance);
  const readSmaps = async (): Promise<string | undefined> =>
    config.lmdbScrapeSmaps ? readFile('/proc/self/smaps', 'utf8').catch(() => undefined) : undefined;

  const eventsWaiting = (): ReadonlyMap<string, number> => source.eventsWaiting();
  const metrics = new Metrics({ ...shared, instanceId, now, readSmaps, eventsWaiting });
  const health = new Health(config.health, databases, startedMs);
  const state = new State({ ...shared, instanceId, hostname: facts.hostname, storage: config.storage.type, startedMs });
  const apply = (event: SyncEvent): void => {
    metrics.apply(event);
    health.apply(event);
    state.apply(event);
  };

  const gate = new HintGate({ databases, instanceId });
  const takeHint = (body: unknown, sender: string): HintAnswer['type'] => {
    const answer = gate.take(body, sender, now());
    if (answer.type === 'list') source.listNow(answer.database);
    return answer.type;
  };

  const app = createApp({
    takeHint,
    changes: { subscribe: (listener) => source.subscribeChanges(listener), maxKeys: config.events.maxKeys },
    metrics,
    health: () => healthAnswer(health.report(now()), facts, now()),
    status: () => state.status(health.report(now()), now()),
    listing: new StorageListing((signal) => source.listObjects(signal)),
    assets: await loadAssets(options.assetsFolder ?? new URL('./assets/', import.meta.url)),
    log,
  });
  const listening = await listen(app, config.http.address, log);
  const unsubscribe = source.subscribe(apply);
  const unsubscribeOutcomes = source.subscribeOutcomes((outcome) => metrics.applyOutcome(outcome));
  log.info('HTTP server is listening', { address: config.http.address });
  return {
    url: listening.url,
    close: async () => {
      unsubscribe();
      unsubscribeOutcomes();
      await listening.close();
    },
  };
}
