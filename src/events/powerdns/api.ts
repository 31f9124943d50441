import { EventConsumerError } from '../errors.ts';
import { reasonOf } from '../webhook.ts';
import { absolute, type PdnsCache } from './cache.ts';

export interface PdnsApiOptions {
  /** Of the web server, e.g. `http://127.0.0.1:8081`. */
  readonly url: string;
  /** Asked at every request: the file it is in may be renewed. */
  readonly key: () => string;
  readonly timeoutMs: number;
}

const SERVER = '/api/v1/servers/localhost';
const HINTS: Readonly<Record<number, string>> = {
  401: 'events.powerdns.api_key_file must hold the api-key of pdns.conf',
  403: 'webserver-allow-from in pdns.conf must include this address',
  404: 'api=yes is missing in pdns.conf, or api_url is not that of PowerDNS',
};

/**
 * The caches by PowerDNS's HTTP API (tried on 4.7.3: `cache/flush` purges a name with all below it, and fetches or drops the zone; the
 * cache of DNSSEC keys it leaves, but a list of the keys renews it).
 */
export class PdnsApi implements PdnsCache {
  readonly #options: PdnsApiOptions;

  constructor(options: PdnsApiOptions) {
    this.#options = options;
  }

  flush(name: string, signal: AbortSignal): Promise<void> {
    return this.#ask('PUT', `/cache/flush?domain=${encodeURIComponent(absolute(name))}`, signal);
  }

  flushEverything(signal: AbortSignal): Promise<void> {
    return this.#ask('PUT', '/cache/flush?domain=.', signal);
  }

  /** A zone that has gone is no failure. */
  readKeys(zone: string, signal: AbortSignal): Promise<void> {
    return this.#ask('GET', `/zones/${encodeURIComponent(zoneId(zone))}/cryptokeys`, signal, [404, 422]);
  }

  /** A zone that is not a primary one is refused with 4xx, which is no failure of ours. */
  async notify(zone: string, signal: AbortSignal): Promise<void> {
    await this.#ask('PUT', `/zones/${encodeURIComponent(zoneId(zone))}/notify`, signal, [400, 404, 422]);
  }

  async #ask(
    method: 'GET' | 'PUT',
    path: string,
    signal: AbortSignal,
    accepted: readonly number[] = [],
  ): Promise<void> {
    const { url, key, timeoutMs } = this.#options;
    const answer = await fetch(`${url.replace(/\/+$/, '')}${SERVER}${path}`, {
      method,
      headers: { 'x-api-key': key() },
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    }).catch((error: unknown) => {
      const hint = 'is PowerDNS running, with webserver=yes and api=yes, at events.powerdns.api_url?';
      throw new EventConsumerError('powerdns', `${url}: ${reasonOf(error)}`, hint, error);
    });
    await answer.body?.cancel();
    if (answer.ok || accepted.includes(answer.status)) return;
    const hint = HINTS[answer.status] ?? 'the log of PowerDNS says more';
    throw new EventConsumerError(
      'powerdns',
      `${url} answered ${answer.status} to ${method} ${path.split('?')[0]}`,
      hint,
    );
  }
}

/** PowerDNS writes special bytes of a zone's name as `=XX` in URLs. The root would be a path that goes nowhere. */
function zoneId(zone: string): string {
  return zone === '' ? '=2E' : absolute(zone).replaceAll('=', '=3D').replaceAll('/', '=2F');
}
