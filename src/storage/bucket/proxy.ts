import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';

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
 * domains and `host:port`, or `*`; the loopback never goes through a proxy. Undefined: connect directly.
 */
export function proxyFor(
  protocol: 'http:' | 'https:',
  host: string,
  port: number,
  env: ProxyEnvironment,
): URL | undefined {
  const isTls = protocol === 'https:';
  const proxy = isTls ? env.HTTPS_PROXY || env.https_proxy : env.HTTP_PROXY || env.http_proxy;
  if (!proxy || isLoopback(host)) return undefined;
  const excluded = (env.NO_PROXY || env.no_proxy || '').split(',').map((entry) => entry.trim().toLowerCase());
  if (excluded.some((entry) => isExcluded(entry, host.toLowerCase(), port))) return undefined;
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isExcluded(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  const [, name = '', entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  // `.example.com` means what is below it, `example.com` also itself.
  const domain = name.replace(/^\*?\./, '');
  return (domain === name && host === name) || host.endsWith(`.${domain}`);
}

/** A connection to `host:port` through the proxy (CONNECT). */
export function connectThrough(proxy: URL, host: string, port: number, timeoutMs: number): Promise<Socket> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return new Promise((resolve, reject) => {
    const start = proxy.protocol === 'https:' ? httpsRequest : httpRequest;
    const connect = start({
      host: proxy.hostname,
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(proxy.username ? { 'proxy-authorization': authorization } : {}) },
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
      reject(new Error(`the proxy ${proxy.host} does not connect to ${target}: HTTP ${answer.statusCode}`));
    });
    connect.once('response', (answer) => {
      answer.destroy();
      reject(new Error(`the proxy ${proxy.host} does not connect to ${target}: HTTP ${answer.statusCode}`));
    });
    connect.once('timeout', () => {
      connect.destroy(Object.assign(new Error(`no answer of the proxy ${proxy.host}`), { code: 'ETIMEDOUT' }));
    });
    connect.once('error', reject);
    connect.end();
  });
}
