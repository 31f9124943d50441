/** PowerDNS's caches, by one of two ways to reach them. */
export interface PdnsCache {
  /** Forgets a name and everything below it; a zone of that name is looked up again in the backend. */
  flush(name: string, signal: AbortSignal): Promise<void>;
  flushEverything(signal: AbortSignal): Promise<void>;
  /** Looks for zones that came or went. Not where `flush` does so for each name. */
  rediscover?(signal: AbortSignal): Promise<void>;
  /** Has the keys of a zone read again. Not where flushing forgets them. */
  readKeys?(zone: string, signal: AbortSignal): Promise<void>;
  /** Tells the secondaries of a zone that it changed. */
  notify(zone: string, signal: AbortSignal): Promise<void>;
}

/** A name as PowerDNS takes it: with a final dot. */
export function absolute(name: string): string {
  return `${name}.`;
}
