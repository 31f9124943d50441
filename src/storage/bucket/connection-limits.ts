import type { ClientRequest, ClientRequestArgs } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ProxyEnvironment, proxyFor } from './proxy.ts';

export type OnSocket = (error: Error | null, socket: Duplex) => void;

/** What both agents keep to. */
export interface ConnectionLimits {
  readonly dialTimeoutMs: number;
  readonly tlsHandshakeTimeoutMs: number;
  readonly env: ProxyEnvironment;
}

const defaultPort = (protocol: 'http:' | 'https:'): number => (protocol === 'https:' ? 443 : 80);

export function proxyOf(
  protocol: 'http:' | 'https:',
  { host, port }: ClientRequestArgs,
  { env }: ConnectionLimits,
): URL | undefined {
  return proxyFor(protocol, host ?? 'localhost', Number(port ?? defaultPort(protocol)), env);
}

/** What Node's agents have and its types do not name. */
export interface WithAddRequest {
  addRequest(request: ClientRequest, options: ClientRequestArgs): void;
}

/** Put together, not parsed: `URL` would take `..` out of a key, and the signature would not fit. */
export function urlOf(
  protocol: 'http:' | 'https:',
  request: ClientRequest,
  { host = 'localhost', port }: ClientRequestArgs,
): string {
  const name = host !== null && isIP(host) === 6 ? `[${host}]` : host;
  return `${protocol}//${request.getHeader('host') ?? `${name}:${port ?? defaultPort(protocol)}`}${request.path}`;
}

/** Ends the socket unless `event` comes in time. */
export function limit(socket: Socket, event: string, timeoutMs: number, what: string): void {
  const timer = setTimeout(() => {
    const error = Object.assign(new Error(`no ${what} within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
    socket.destroy(error);
  }, timeoutMs);
  timer.unref();
  const stop = (): void => clearTimeout(timer);
  socket.once(event, stop);
  socket.once('close', stop);
}
