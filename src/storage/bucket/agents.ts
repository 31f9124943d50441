import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Log } from '../../log/index.ts';
import type { HttpOptions } from '../options.ts';
import { connectThrough, type ProxyEnvironment, proxyFor } from './proxy.ts';
import { loadSecureContext, logSessionKeys, TlsFileWatch } from './tls.ts';

type OnSocket = (error: Error | null, socket: Duplex) => void;

interface Limits {
  readonly dialTimeoutMs: number;
  readonly tlsHandshakeTimeoutMs: number;
  readonly env: ProxyEnvironment;
}

/** The connections of one storage; both providers' libraries are given these. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  close(): void;
}

/** Connections go through the proxy that the environment names. @throws StorageError when certificates cannot be read. */
export async function createAgents(
  options: HttpOptions,
  log: Log,
  env: ProxyEnvironment = process.env,
): Promise<Agents> {
  const tls = options.tls ?? {};
  const limits: Limits = {
    dialTimeoutMs: options.dialTimeoutMs ?? 10_000,
    tlsHandshakeTimeoutMs: options.tlsHandshakeTimeoutMs ?? 10_000,
    env,
  };
  const agentOptions: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: options.dialKeepAliveMs ?? 10_000,
    maxFreeSockets: options.maxIdleConns ?? 100,
    // Node closes a connection that was unused for that long; one in use only tells its request, which has a limit of its own.
    timeout: options.idleConnTimeoutMs ?? 90_000,
    scheduling: 'lifo',
  };
  const watch = tls.watchCerts ? await TlsFileWatch.from(tls) : undefined;
  const http = new PatientHttpAgent(agentOptions, limits);
  const https = new PatientHttpsAgent(
    agentOptions,
    limits,
    await loadSecureContext(tls),
    tls.insecureSkipVerify ?? false,
  );
  if (tls.insecureSkipVerify) log.warn('certificates of the storage are not verified (tls.insecure_skip_verify)');
  if (tls.insecureKeyLogFile) logSessionKeys(https, tls.insecureKeyLogFile, log);
  watch?.start(async () => https.useContext(await loadSecureContext(tls)), log);
  return {
    http,
    https,
    close() {
      watch?.close();
      http.destroy();
      https.destroy();
    },
  };
}

class PatientHttpAgent extends HttpAgent {
  readonly #limits: Limits;

  constructor(options: AgentOptions, limits: Limits) {
    super(options);
    this.#limits = limits;
  }

  override createConnection(options: ClientRequestArgs, callback?: OnSocket): Duplex | null | undefined {
    const tunnel = openTunnel('http:', options, this.#limits);
    if (tunnel !== undefined) {
      tunnel.then((socket) => callback?.(null, socket), callback as (error: Error) => void);
      return undefined;
    }
    const socket = super.createConnection(options, callback);
    if (socket) limit(socket as Socket, 'connect', this.#limits.dialTimeoutMs, 'TCP connection');
    return socket;
  }
}

class PatientHttpsAgent extends HttpsAgent {
  readonly #limits: Limits;
  readonly #rejectUnauthorized: boolean;
  #context: SecureContext;
  #contextNumber = 0;
  /** Connections that were made with the context of now. */
  #current = new WeakSet<object>();

  constructor(options: AgentOptions, limits: Limits, context: SecureContext, skipVerify: boolean) {
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

  override createConnection(options: RequestOptions, callback?: OnSocket): Duplex | null | undefined {
    const { dialTimeoutMs, tlsHandshakeTimeoutMs } = this.#limits;
    const secured = { ...options, secureContext: this.#context, rejectUnauthorized: this.#rejectUnauthorized };
    const handshake = (socket: Duplex): void =>
      limit(socket as Socket, 'secureConnect', tlsHandshakeTimeoutMs, 'TLS handshake');
    const tunnel = openTunnel('https:', options, this.#limits);
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

function openTunnel(
  protocol: 'http:' | 'https:',
  { host, port }: ClientRequestArgs,
  { dialTimeoutMs, env }: Limits,
): Promise<Socket> | undefined {
  const targetHost = host ?? 'localhost';
  const targetPort = Number(port ?? (protocol === 'https:' ? 443 : 80));
  const proxy = proxyFor(protocol, targetHost, targetPort, env);
  return proxy === undefined ? undefined : connectThrough(proxy, targetHost, targetPort, dialTimeoutMs);
}

/** Ends the socket unless `event` comes in time. */
function limit(socket: Socket, event: string, timeoutMs: number, what: string): void {
  const timer = setTimeout(() => {
    const error = Object.assign(new Error(`no ${what} within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
    socket.destroy(error);
  }, timeoutMs);
  timer.unref();
  const stop = (): void => clearTimeout(timer);
  socket.once(event, stop);
  socket.once('close', stop);
}
