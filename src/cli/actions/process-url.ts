import { parseListenAddress } from '../../config/index.ts';

/** Where this machine reaches a process that listens on `http.address`. */
export function processUrl(address: string): string {
  const { host, port } = parseListenAddress(address);
  const isEverywhere = host === undefined || host === '0.0.0.0' || host === '::';
  const target = isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `http://${target}:${port}`;
}
