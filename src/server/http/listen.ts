import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { parseListenAddress } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { ListenError } from '../errors.ts';

export interface Listening {
  /** Where this machine reaches it: `http://127.0.0.1:8500/`. */
  readonly url: string;
  close(): Promise<void>;
}

/** A client that stops in the middle of its request must not hold a connection for ever. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 10_000 };

/**
 * @param address as in Go: `host:port`, `:port` for every address of the machine, `[ipv6]:port`; port 0: any free one
 * @throws ListenError
 */
export async function listen(app: Hono, address: string, log: Log): Promise<Listening> {
  const { host, port } = parseListenAddress(address);
  // Request and Response of the process stay Node's own: the SDKs of the buckets use them.
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: LIMITS,
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError(address, error)));
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
  // A connection that cannot be accepted, for want of file descriptors, must not end the sync.
  server.on('error', (error) => log.error('HTTP server error', { error: describeError(error) }));
  return {
    url: urlOf(server.address() as AddressInfo),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Answers are small: who is still connected has its answer, or gets it from the next process.
        server.closeAllConnections();
      }),
  };
}

function urlOf({ address, port }: AddressInfo): string {
  const everywhere = address === '::' || address === '0.0.0.0';
  const host = everywhere ? '127.0.0.1' : address.includes(':') ? `[${address}]` : address;
  return `http://${host}:${port}/`;
}
