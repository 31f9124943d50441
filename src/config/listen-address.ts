/** Where an HTTP server listens; no host: on every address of the machine. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * `host:port`, `:port` or `[ipv6]:port`, as Go's `net.SplitHostPort` splits it.
 * @throws RangeError with a message for the operator
 */
export function parseListenAddress(address: string): ListenAddress {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(address);
  if (match === null) {
    const parts = address.split(':').length;
    const why = parts === 1 ? 'no port' : parts > 2 ? 'an IPv6 address goes in brackets' : 'not host:port';
    throw new RangeError(`"${address}" is not an address: ${why}`);
  }
  const [, bracketed, plain, port = ''] = match;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new RangeError(`"${address}" has no port number from 0 to 65535`);
  return { host: bracketed || plain || undefined, port: Number(port) };
}
