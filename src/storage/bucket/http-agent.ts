import { type AgentOptions, type ClientRequest, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import {
  type ConnectionLimits,
  limit,
  type OnSocket,
  proxyOf,
  urlOf,
  type WithAddRequest,
} from './connection-limits.ts';
import { ConnectionUse } from './connection-use.ts';
import { hostOf, portOf, proxyAuthorization } from './proxy.ts';

export class PatientHttpAgent extends HttpAgent {
  readonly #limits: ConnectionLimits;

  constructor(options: AgentOptions, limits: ConnectionLimits) {
    super(options);
    this.#limits = limits;
  }

  /**
   * Node asks here for every request, before anything of it is written: a proxy is sent the whole URL (RFC 9112, 3.2.2), for it need not
   * tunnel to port 80. `addRequest` is not in Node's documentation, but all agents for proxies stand on it.
   */
  addRequest(request: ClientRequest, options: ClientRequestArgs): void {
    const url = urlOf('http:', request, options);
    ConnectionUse.asked(request, url);
    const proxy = proxyOf('http:', options, this.#limits);
    if (proxy !== undefined) {
      const authorization = proxyAuthorization(proxy);
      if (authorization !== undefined) request.setHeader('proxy-authorization', authorization);
      request.path = url;
    }
    (HttpAgent.prototype as unknown as WithAddRequest).addRequest.call(this, request, options);
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request);
    ConnectionUse.reused(this, socket, request);
  }

  override createConnection(options: ClientRequestArgs, callback?: OnSocket): Duplex | null | undefined {
    const proxy = proxyOf('http:', options, this.#limits);
    const socket =
      proxy === undefined ? super.createConnection(options, callback) : this.#connectTo(proxy, options, callback);
    if (socket) limit(socket as Socket, 'connect', this.#limits.dialTimeoutMs, 'TCP connection');
    return socket;
  }

  #connectTo(proxy: URL, options: ClientRequestArgs, callback?: OnSocket): Duplex | null | undefined {
    const host = hostOf(proxy);
    if (proxy.protocol === 'https:')
      return connectTls({ host, port: portOf(proxy), servername: isIP(host) ? '' : host });
    return super.createConnection({ ...options, host, port: portOf(proxy) }, callback);
  }
}
