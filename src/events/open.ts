import type { Config, EventsConfig } from '../config/index.ts';
import { describeError } from '../errors/index.ts';
import type { Log } from '../log/index.ts';
import { dataPathOf, toldMarkerPath } from '../paths/index.ts';
import { type ChangeEvent, type Clock, systemClock } from '../sync/index.ts';
import { type Consumer, Delivery, type DeliveryOptions, type DeliveryOutcome } from './consumer.ts';
import { execDelivery } from './exec.ts';
import { ControlSocket, PdnsApi, type PdnsCache, PdnsConsumer } from './powerdns/index.ts';
import { secretIn } from './secret.ts';
import { SocketConsumer } from './socket.ts';
import { readMarker, ToldMarkers } from './told-marker.ts';
import { webhookDelivery } from './webhook.ts';

export interface OpenEventsOptions {
  readonly config: Config;
  /** The databases that are kept in step. */
  readonly databases: readonly string[];
  readonly log: Log;
  readonly clock?: Clock;
  /** Told of every attempt, for metrics. */
  readonly onOutcome?: (outcome: DeliveryOutcome) => void;
}

/** The consumers that the configuration names. */
export interface OpenedEvents {
  /** For `StartOptions.changes`. */
  readonly changes: { readonly toldTxnIds?: ReadonlyMap<string, number>; readonly namesZones: boolean };
  offer(event: ChangeEvent): void;
  /** Events that wait, by consumer. */
  waiting(): ReadonlyMap<string, number>;
  /** One last attempt to tell what waits. */
  close(): Promise<void>;
}

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
/** PowerDNS flushes in a ms, and a stale answer for a minute is no answer. */
const PDNS_FIRST_RETRY_MS = 200;
const PDNS_MAX_RETRY_MS = 5000;
/** A burst of transactions is told as few times as can be, and still at once for a person. */
const COLLECT_MS = 20;
/** What is not told within this at the end is told after the next start. */
const CLOSE_MS = 5000;

/**
 * Opens the consumers.
 * @returns undefined where none is configured
 * @throws EventConsumerError: a file with a secret cannot be read, a socket cannot be made
 */
export async function openEvents(options: OpenEventsOptions): Promise<OpenedEvents | undefined> {
  const { config, databases, log, clock = systemClock, onOutcome } = options;
  const { events } = config;
  const { exec, webhook, powerdns } = events;
  // Whatever may be refused comes before anything that works on.
  const cache = cacheOf(powerdns);
  const deliverToWebhook = webhookOf(webhook);
  const socket = await socketOf(events);
  const dataPaths = new Map(databases.map((db) => [db, dataFileOf(config, db)]));
  const known = new Map<string, number>();
  for (const [db, path] of dataPaths) {
    const txnId = readMarker(path);
    if (txnId !== undefined) known.set(db, txnId);
  }
  /** Those that are told of what they missed; whoever connects to a socket is not. */
  const lasting: Consumer[] = [];
  const markers = new ToldMarkers({
    dataPaths,
    consumers: lasting,
    known,
    timer: (ms, then) => clock.timer(ms, then),
    onFailed: (db, error) => {
      const file = toldMarkerPath(dataPaths.get(db)!);
      log.warn(UNMARKED, { db, file, error: describeError(error) });
    },
  });
  const shared = {
    ...{ maxKeys: events.maxKeys, clock, log, collectMs: COLLECT_MS },
    onOutcome: (outcome: DeliveryOutcome) => {
      if (!outcome.failed) markers.told(outcome.consumer, outcome.events);
      onOutcome?.(outcome);
    },
  };
  const retries = { retryMs: FIRST_RETRY_MS, maxRetryMs: MAX_RETRY_MS };
  if (exec.command.length > 0)
    lasting.push(new Delivery({ ...shared, ...retries, name: 'exec', deliver: execDelivery(exec) }));
  if (deliverToWebhook)
    lasting.push(new Delivery({ ...shared, ...retries, name: 'webhook', deliver: deliverToWebhook }));
  if (cache) {
    const pdnsRetries = { retryMs: PDNS_FIRST_RETRY_MS, maxRetryMs: PDNS_MAX_RETRY_MS };
    lasting.push(new PdnsConsumer({ ...shared, ...pdnsRetries, cache, notify: powerdns.notify }));
  }
  const consumers = socket ? [...lasting, socket] : lasting;
  if (consumers.length === 0) return undefined;
  log.info('Telling what changes', { consumers: consumers.map(({ name }) => name).join(' ') });
  return {
    changes: { namesZones: cache !== undefined, ...(lasting.length > 0 ? { toldTxnIds: known } : {}) },
    offer: (event) => {
      for (const consumer of consumers) {
        if (event.origin.kind !== 'start' || consumer instanceof PdnsConsumer) consumer.offer(event);
      }
    },
    waiting: () => new Map(consumers.map(({ name, waiting }) => [name, waiting])),
    close: async () => {
      const signal = AbortSignal.timeout(CLOSE_MS);
      await Promise.all(consumers.map((consumer) => consumer.close(signal)));
      markers.flush();
    },
  };
}

const UNMARKED =
  'What was told cannot be remembered beside the LMDB: after each start consumers are told that everything may have changed';

function socketOf({ socket: { path }, maxKeys }: EventsConfig): Promise<SocketConsumer> | undefined {
  return path === '' ? undefined : SocketConsumer.open(path, maxKeys);
}

function webhookOf({ url, secretFile, timeoutMs }: EventsConfig['webhook']): DeliveryOptions['deliver'] | undefined {
  if (url === '') return undefined;
  const secret = secretFile === undefined ? undefined : secretIn('webhook', secretFile, 'events.webhook.secret_file');
  return webhookDelivery({ url, secret, timeoutMs });
}

function cacheOf(powerdns: EventsConfig['powerdns']): PdnsCache | undefined {
  const { apiUrl: url, apiKeyFile, controlSocket: path, timeoutMs } = powerdns;
  if (path !== '') return new ControlSocket({ path, timeoutMs });
  if (url === '' || apiKeyFile === undefined) return undefined;
  const key = secretIn('powerdns', apiKeyFile, 'events.powerdns.api_key_file');
  return new PdnsApi({ url, key, timeoutMs });
}

function dataFileOf({ lmdbs }: Config, db: string): string {
  const { path, options } = lmdbs.get(db)!;
  return dataPathOf(path, options.noSubdir);
}
