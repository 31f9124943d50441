import type { AgentOptions, ClientRequest, ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import {
  type ConnectionLimits,
  limit,
  type OnSocket,
  proxyOf,
  urlOf,
  type WithAddRequest,
} from './connection-limits.ts';
import { ConnectionUse } from './connection-use.ts';
import { connectThrough } from './proxy.ts';

export class PatientHttpsAgent extends HttpsAgent {
  readonly #limits: ConnectionLimits;
  readonly #rejectUnauthorized: boolean;
  #context: SecureContext | undefined;
  #contextNumber = 0;
  /** Connections that were made with the context of now. */
  #current = new WeakSet<object>();

  constructor(
    options: AgentOptions,
    limits: ConnectionLimits,
    context: SecureContext | undefined,
    skipVerify: boolean,
  ) {
    super(options);
    this.#limits = limits;
    this.#context = context;
    this.#rejectUnauthorized = !skipVerify;
  }

  /** New connections use it; those of the old one end with what they are doing. */
  useContext(context: SecureContext): void {
    this.#context = context;
    this.#contextNumber++;
    this.#current = new WeakSet();
  }

  /** A name of their own for the connections of each context: kept ones, and TLS sessions to resume, are found by it. */
  override getName(options?: RequestOptions): string {
    return `${super.getName(options)}:${this.#contextNumber}`;
  }

  /** Asked by Node when a request has ended and its connection might be used again. */
  override keepSocketAlive(socket: Duplex): boolean {
    return this.#current.has(socket) && Boolean(super.keepSocketAlive(socket));
  }

  /** See `PatientHttpAgent`. */
  addRequest(request: ClientRequest, options: ClientRequestArgs): void {
    ConnectionUse.asked(request, urlOf('https:', request, options));
    (HttpsAgent.prototype as unknown as WithAddRequest).addRequest.call(this, request, options);
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request);
    ConnectionUse.reused(this, socket, request);
  }

  override createConnection(options: RequestOptions, callback?: OnSocket): Duplex | null | undefined {
    const { dialTimeoutMs, tlsHandshakeTimeoutMs } = this.#limits;
    const secured = { ...options, secureContext: this.#context, rejectUnauthorized: this.#rejectUnauthorized };
    const handshake = (socket: Duplex): void =>
      limit(socket as Socket, 'secureConnect', tlsHandshakeTimeoutMs, 'TLS handshake');
    const tunnel = openTunnel(options, this.#limits);
    if (tunnel !== undefined) {
      const secure = (socket: Socket): void => {
        const tls = super.createConnection({ ...secured, socket } as RequestOptions);
        if (!tls) return;
        this.#current.add(tls);
        handshake(tls);
        callback?.(null, tls);
      };
      tunnel.then(secure, callback as (error: Error) => void);
      return undefined;
    }
    const socket = super.createConnection(secured, callback);
    if (socket) {
      this.#current.add(socket);
      limit(socket as Socket, 'connect', dialTimeoutMs, 'TCP connection');
      socket.once('connect', () => handshake(socket));
    }
    return socket;
  }
}

function openTunnel(options: RequestOptions, limits: ConnectionLimits): Promise<Socket> | undefined {
  const proxy = proxyOf('https:', options, limits);
  if (proxy === undefined) return undefined;
  return connectThrough(proxy, options.host ?? 'localhost', Number(options.port ?? 443), limits.dialTimeoutMs);
}
