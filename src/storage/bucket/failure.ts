import { StorageError, type StorageOperation } from '../errors.ts';
import { DeadlineExceeded } from './deadline.ts';

/** What a provider's answer says, taken from its error by the backend. */
export interface ProviderFailure {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** The provider's own code, e.g. `NoSuchBucket`. */
  readonly providerCode: string | undefined;
  readonly hint?: string | undefined;
  /** In place of the library's. */
  readonly message?: string | undefined;
}

const DNS_CODES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_FAIL', 'EAI_NONAME']);
const TIMEOUT_CODES = new Set(['ETIMEDOUT', 'ESOCKETTIMEDOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT']);
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ERR_STREAM_PREMATURE_CLOSE',
  'EPROTO',
]);
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL/;

/** Answers that mean "not now": throttling, failures on the provider's side, an upload that broke on the way. */
const PASSING_CODES = new Set(['RequestTimeout', 'SlowDown', 'BadDigest', 'Md5Mismatch', 'IncompleteBody']);
const PASSING_STATUS = new Set([408, 409, 425, 429]);

interface NetworkFailure {
  readonly errorLabel: string;
  readonly hint: string;
  /** In place of the library's, where that is the inside of OpenSSL. */
  readonly message?: string;
}

/** The class of failure a request without an answer belongs to, and its label in the reference's metrics. */
function networkFailure(error: unknown): NetworkFailure | undefined {
  // Libraries wrap: the system's code is on one of the causes.
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const found = failureOfCause(cause, 'code' in cause ? String(cause.code) : '');
    if (found !== undefined) return found;
  }
  return undefined;
}

function failureOfCause(cause: Error, code: string): NetworkFailure | undefined {
  if (code === 'ECONNRESET') return { errorLabel: 'URLError', hint: CUT };
  if (cause instanceof DeadlineExceeded) {
    return { errorLabel: 'Timeout', hint: 'the service is too slow or the line too narrow: see client_timeout' };
  }
  if (cause.name === 'TimeoutError' || TIMEOUT_CODES.has(code)) {
    return {
      errorLabel: 'Timeout',
      hint: 'a firewall may drop the packets: check endpoint_url, its port and the proxy settings',
    };
  }
  if (DNS_CODES.has(code)) return { errorLabel: 'DNSError', hint: nameHint(cause) };
  if (code === 'EPROXYAUTH') {
    return {
      errorLabel: 'URLError',
      hint: 'the proxy wants credentials: write them into its URL, http://user:password@host:port',
    };
  }
  if (code === 'EPROXY') {
    return { errorLabel: 'URLError', hint: 'let the proxy connect to the storage, or add the storage to NO_PROXY' };
  }
  // Before the certificates: what an http port says to a TLS handshake is an error of OpenSSL's too.
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code) ||
    /wrong version number|packet length too long/.test(cause.message)
  ) {
    return {
      errorLabel: 'URLError',
      message: 'the other side does not speak TLS',
      hint: 'the port speaks no TLS: write http:// in endpoint_url, or use the port for https',
    };
  }
  if (code.startsWith('HPE_')) {
    return {
      errorLabel: 'URLError',
      hint: 'the port speaks no HTTP: if it is the one for TLS, write https:// in endpoint_url',
    };
  }
  if (CERTIFICATE.test(code)) return { errorLabel: 'URLError', hint: certificateHint(code) };
  // Azure's library calls it an abort when the other side ends the connection.
  if (CONNECTION_CODES.has(code) || cause.name === 'AbortError') {
    return { errorLabel: 'URLError', hint: CONNECTION_HINTS[code] ?? CUT };
  }
  return undefined;
}

const CUT =
  'the connection was cut: by the service, a proxy or a firewall; if every call ends like this, the port may want https';

const CONNECTION_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check endpoint_url',
  EHOSTUNREACH: 'no way leads there: check endpoint_url, the network and its routes',
  ENETUNREACH: 'no way leads there: check endpoint_url, the network and its routes',
  EADDRNOTAVAIL: 'this machine has no free port or no address for that network',
};

/** The name comes from `endpoint_url`, or was made of other options. */
function nameHint(cause: Error): string {
  const host = 'hostname' in cause ? String(cause.hostname) : cause.message;
  const key = /\.blob\.core\.[a-z.]+$|\.blob\.core\.windows\.net/.test(host)
    ? 'account_name'
    : /\.amazonaws\.com/.test(host)
      ? 'region and bucket'
      : 'the host name in endpoint_url';
  return `check ${key}, and whether this machine can resolve names`;
}

function certificateHint(code: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return 'the certificate is not valid now: renew it, or set the clock of this machine';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'the certificate is for another name: use a name that stands in it in endpoint_url';
  }
  return 'the certificate is not trusted or not accepted: see tls.ca_file, tls.cert_file and the clocks';
}

/** What a status says where the provider's code says nothing. */
function statusHint(status: number): string | undefined {
  if (status === 407) return 'the proxy wants credentials: write them into its URL, http://user:password@host:port';
  if (status >= 300 && status < 400) return 'the service sends to another place: check endpoint_url and region';
  if (status === 400)
    return 'the service does not understand the request: if the port wants TLS, write https:// in endpoint_url';
  if (status === 401 || status === 403) return 'check the credentials; a proxy or a firewall may also answer like this';
  if (status === 404) return 'check endpoint_url and the name of the bucket or container';
  if (status === 405 || status === 501)
    return 'this is not the port of the storage API, or its service lacks this call: check endpoint_url';
  if (status === 429) return 'too many requests: a longer storage_poll_interval makes fewer';
  if (status >= 500) return 'the service, or a proxy before it, has a problem: it is tried again';
  return undefined;
}

const NO_REASON = 'look at the logs of the service, and at the proxy settings of this machine';

/** One rule for all providers: what is retryable, what is denied, what is missing. */
export function storageFailure(
  operation: StorageOperation,
  cause: unknown,
  { status, providerCode, hint, message }: ProviderFailure,
  objectName: string | undefined,
): StorageError {
  const network = status === undefined ? networkFailure(cause) : undefined;
  const notFound = status === 404;
  const denied = status === 401 || status === 403;
  const passing =
    status === undefined ||
    status < 400 ||
    status >= 500 ||
    PASSING_STATUS.has(status) ||
    PASSING_CODES.has(providerCode ?? '');
  const text = network?.message || message || (cause instanceof Error ? cause.message : '') || 'no reason given';
  const code = providerCode !== undefined && !text.includes(providerCode) ? `${providerCode}: ` : '';
  const subject = objectName === undefined ? operation : `${operation} of ${JSON.stringify(objectName)}`;
  return new StorageError(`${subject}: ${code}${text}${status === undefined ? '' : ` (HTTP ${status})`}`, {
    operation,
    objectName,
    notFound,
    denied,
    retryable: passing && !notFound && !denied,
    errorLabel: network?.errorLabel ?? providerCode,
    hint: hint ?? network?.hint ?? (status === undefined ? undefined : statusHint(status)) ?? NO_REASON,
    cause,
  });
}
