import type { StorageOptionsError } from '../errors.ts';
import type { BucketOptions } from '../options.ts';

type OptionsErrorClass = new (option: string, message: string, hint?: string) => StorageOptionsError;

const MIN_REFRESH_MS = 1_000;
/** `setTimeout` takes a larger delay for 1 ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const POSITIVE_TIMES = [
  ['initTimeoutMs', 'init_timeout'],
  ['idleConnTimeoutMs', 'idle_conn_timeout'],
  ['dialTimeoutMs', 'dial_timeout'],
  ['dialKeepAliveMs', 'dial_keep_alive'],
  ['tlsHandshakeTimeoutMs', 'tls_handshake_timeout'],
  ['clientTimeoutMs', 'client_timeout'],
  ['updateMarkerForceListIntervalMs', 'update_marker_force_list_interval'],
] as const;

/** What S3 and Azure ask of their options alike. */
export function checkBucketOptions(
  options: BucketOptions,
  hasKeyFiles: boolean,
  OptionsError: OptionsErrorClass,
): void {
  const refreshMs = options.secretsRefreshIntervalMs;
  if (hasKeyFiles && refreshMs !== undefined && refreshMs < MIN_REFRESH_MS) {
    throw new OptionsError('secrets_refresh_interval', 'secrets_refresh_interval must be at least 1s');
  }
  for (const [key, option] of POSITIVE_TIMES) {
    const value = options[key];
    if (value !== undefined && !(value > 0 && value <= MAX_TIMEOUT_MS)) {
      throw new OptionsError(option, `${option} must be more than 0 and at most 24 days`);
    }
  }
  if (options.maxIdleConns !== undefined && !(options.maxIdleConns >= 0)) {
    throw new OptionsError('max_idle_conns', 'max_idle_conns must not be negative');
  }
  const { certFile, cert, keyFile, key } = options.tls ?? {};
  if (Boolean(certFile || cert) !== Boolean(keyFile || key)) {
    throw new OptionsError('tls', 'tls: a client certificate needs its key, and a key its certificate');
  }
}

/** @throws for a URL without http or https. */
export function checkEndpoint(
  endpointUrl: string | undefined,
  provider: string,
  OptionsError: OptionsErrorClass,
): void {
  if (endpointUrl === undefined || endpointUrl === '') return;
  const advice = 'write it as https://host or http://host:port';
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(endpointUrl)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const message = `no scheme provided for endpoint URL "${endpointUrl}", use http or https`;
    throw new OptionsError('endpoint_url', message, advice);
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw new OptionsError(
      'endpoint_url',
      `unsupported scheme for ${provider}: "${scheme}", use http or https`,
      advice,
    );
  }
  if (!URL.canParse(endpointUrl)) {
    throw new OptionsError('endpoint_url', `endpoint_url "${endpointUrl}" is not a URL`, advice);
  }
}
