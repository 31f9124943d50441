import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';
import { StorageError } from '../errors.ts';

export interface ProxyEnvironment {
  readonly HTTPS_PROXY?: string | undefined;
  readonly HTTP_PROXY?: string | undefined;
  readonly NO_PROXY?: string | undefined;
  readonly https_proxy?: string | undefined;
  readonly http_proxy?: string | undefined;
  readonly no_proxy?: string | undefined;
}

/**
 * The proxy for a host by the rules of Go's `net/http`, which the reference follows: `NO_PROXY` is a list of hosts,
 * domains, addresses and networks, each with or without a port, or `*`; the loopback never goes through a proxy. As for curl, the
 * lower-case variable wins, and an empty one means none. Undefined: connect directly.
 * @throws StorageError when the variable holds no URL of a proxy
 */
export function proxyFor(
  protocol: 'http:' | 'https:',
  host: string,
  port: number,
  env: ProxyEnvironment,
): URL | undefined {
  const isTls = protocol === 'https:';
  const proxy = (isTls ? (env.https_proxy ?? env.HTTPS_PROXY) : (env.http_proxy ?? env.HTTP_PROXY))?.trim();
  const bare = host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  if (!proxy || isLoopback(bare)) return undefined;
  const entries = (env.no_proxy ?? env.NO_PROXY ?? '').split(/[\s,]+/);
  if (entries.some((entry) => isExcluded(entry.toLowerCase(), bare, port))) return undefined;
  return proxyUrl(proxy, isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY');
}

function proxyUrl(text: string, variable: string): URL {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  // Not the text itself: it may hold a password.
  throw new StorageError(`${variable} is not the URL of an HTTP proxy`, {
    operation: 'init',
    errorLabel: 'Proxy',
    hint: 'write it as http://host:port or http://user:password@host:port (special characters as %40), or add the storage to NO_PROXY',
  });
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  );
}

function isExcluded(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return isInNetwork(entry, host);
  if (isIP(entry) === 6) return sameAddress(entry, host);
  const [, name = '', entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  const address = name.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0) return sameAddress(address, host);
  // `.example.com` means what is below it, `example.com` also itself.
  const domain = name.replace(/^\*?\./, '');
  return domain !== '' && ((domain === name && host === name) || host.endsWith(`.${domain}`));
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

function sameAddress(entry: string, host: string): boolean {
  if (isIP(host) === 0) return false;
  const list = new BlockList();
  list.addAddress(entry, familyOf(entry));
  return list.check(host, familyOf(host));
}

function isInNetwork(entry: string, host: string): boolean {
  const [address = '', bits = ''] = entry.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (isIP(host) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > most) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), familyOf(address));
  return list.check(host, familyOf(host));
}

/** The value of `Proxy-Authorization`; undefined for a proxy without credentials in its URL. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '') return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
}

export const hostOf = (proxy: URL): string => proxy.hostname.replace(/^\[|\]$/g, '');

export function portOf(proxy: URL): number {
  return Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
}

/** A connection to `host:port` through the proxy (CONNECT). */
export function connectThrough(proxy: URL, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const authorization = proxyAuthorization(proxy);
  return new Promise((resolve, reject) => {
    const start = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    const connect = start({
      host: hostOf(proxy),
      port: portOf(proxy),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(authorization ? { 'proxy-authorization': authorization } : {}) },
      agent: false,
      timeout: timeoutMs,
    });
    connect.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) {
        socket.setTimeout(0);
        resolve(socket as Socket);
        return;
      }
      socket.destroy();
      reject(refusal(proxy, target, answer.statusCode));
    });
    connect.once('response', (answer) => {
      answer.destroy();
      reject(refusal(proxy, target, answer.statusCode));
    });
    connect.once('timeout', () => {
      connect.destroy(Object.assign(new Error(`no answer of the proxy ${proxy.host}`), { code: 'ETIMEDOUT' }));
    });
    connect.once('error', reject);
    connect.end();
  });
}

function refusal(proxy: URL, target: string, status: number | undefined): Error {
  const message = `the proxy ${proxy.host} does not connect to ${target}: HTTP ${status}`;
  return Object.assign(new Error(message), { code: status === 407 ? 'EPROXYAUTH' : 'EPROXY' });
}
