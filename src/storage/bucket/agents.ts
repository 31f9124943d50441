import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Log } from '../../log/index.ts';
import type { HttpOptions } from '../options.ts';
import { loadSecureContext, logSessionKeys, TlsFileWatch } from './tls.ts';

type OnSocket = (error: Error | null, socket: Duplex) => void;
type Patience = { readonly dialTimeoutMs: number; readonly tlsHandshakeTimeoutMs: number };

/** The connections of one storage; both providers' libraries are given these. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  close(): void;
}

/** @throws StorageError when certificates cannot be read. */
export async function createAgents(options: HttpOptions, log: Log): Promise<Agents> {
  const tls = options.tls ?? {};
  const patience = {
    dialTimeoutMs: options.dialTimeoutMs ?? 10_000,
    tlsHandshakeTimeoutMs: options.tlsHandshakeTimeoutMs ?? 10_000,
  };
  const agentOptions: AgentOptions = {
    keepAlive: true,
    keepAliveMsecs: options.dialKeepAliveMs ?? 10_000,
    maxFreeSockets: options.maxIdleConns ?? 100,
    // Node closes a connection that was unused for that long; one in use only tells its request, which has a limit of its own.
    timeout: options.idleConnTimeoutMs ?? 90_000,
    scheduling: 'lifo',
  };
  const http = new PatientHttpAgent(agentOptions, patience);
  const https = new PatientHttpsAgent(
    agentOptions,
    patience,
    await loadSecureContext(tls),
    tls.insecureSkipVerify ?? false,
  );
  if (tls.insecureSkipVerify) log.warn('certificates of the storage are not verified (tls.insecure_skip_verify)');
  if (tls.insecureKeyLogFile) logSessionKeys(https, tls.insecureKeyLogFile, log);
  const watch = tls.watchCerts
    ? new TlsFileWatch(tls, async () => https.useContext(await loadSecureContext(tls)), log)
    : undefined;
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
  readonly #patience: Patience;

  constructor(options: AgentOptions, patience: Patience) {
    super(options);
    this.#patience = patience;
  }

  override createConnection(options: ClientRequestArgs, callback?: OnSocket): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    if (socket) limit(socket as Socket, 'connect', this.#patience.dialTimeoutMs, 'TCP connection');
    return socket;
  }
}

class PatientHttpsAgent extends HttpsAgent {
  readonly #patience: Patience;
  readonly #rejectUnauthorized: boolean;
  #context: SecureContext;
  #contextNumber = 0;

  constructor(options: AgentOptions, patience: Patience, context: SecureContext, skipVerify: boolean) {
    super(options);
    this.#patience = patience;
    this.#context = context;
    this.#rejectUnauthorized = !skipVerify;
  }

  /** New connections use it; those of the old one end with what they are doing, or unused. */
  useContext(context: SecureContext): void {
    this.#context = context;
    this.#contextNumber++;
  }

  override getName(options?: RequestOptions): string {
    return `${super.getName(options)}:${this.#contextNumber}`;
  }

  override createConnection(options: RequestOptions, callback?: OnSocket): Duplex | null | undefined {
    const own = { ...options, secureContext: this.#context, rejectUnauthorized: this.#rejectUnauthorized };
    const socket = super.createConnection(own, callback);
    if (socket) {
      limit(socket as Socket, 'connect', this.#patience.dialTimeoutMs, 'TCP connection');
      socket.once('connect', () =>
        limit(socket as Socket, 'secureConnect', this.#patience.tlsHandshakeTimeoutMs, 'TLS handshake'),
      );
    }
    return socket;
  }
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
