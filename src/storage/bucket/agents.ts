import type { AgentOptions, Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { Log } from '../../log/index.ts';
import type { HttpOptions } from '../options.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { PatientHttpAgent } from './http-agent.ts';
import { PatientHttpsAgent } from './https-agent.ts';
import { type ProxyEnvironment, proxyFor } from './proxy.ts';
import { loadSecureContext, logSessionKeys, TlsFileWatch } from './tls.ts';

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
  const limits: ConnectionLimits = {
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
  checkProxy(options.endpointUrl, env);
  // Authorities cost 100 ms of CPU and more: they are read only where TLS is spoken.
  const usesTls = !options.endpointUrl?.toLowerCase().startsWith('http:');
  const watch = usesTls && tls.watchCerts ? await TlsFileWatch.from(tls) : undefined;
  const http = new PatientHttpAgent(agentOptions, limits);
  const https = new PatientHttpsAgent(
    agentOptions,
    limits,
    usesTls ? await loadSecureContext(tls) : undefined,
    tls.insecureSkipVerify ?? false,
  );
  if (usesTls && tls.insecureSkipVerify)
    log.warn('certificates of the storage are not verified (tls.insecure_skip_verify)');
  if (usesTls && tls.insecureKeyLogFile) logSessionKeys(https, tls.insecureKeyLogFile, log);
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

/** Finds a variable that names no proxy at the start, not in the first call. */
function checkProxy(endpointUrl: string | undefined, env: ProxyEnvironment): void {
  const { protocol, hostname } = new URL(endpointUrl || 'https://storage.invalid');
  proxyFor(protocol === 'http:' ? 'http:' : 'https:', hostname, 0, env);
}
