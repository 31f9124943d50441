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

/** The class of failure a request without an answer belongs to, and its label in the reference's metrics. */
function networkFailure(error: unknown): { errorLabel: string; hint?: string } | undefined {
  // Libraries wrap: the system's code is on one of the causes.
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const code = 'code' in cause ? String(cause.code) : '';
    if (cause instanceof DeadlineExceeded || cause.name === 'TimeoutError' || TIMEOUT_CODES.has(code)) {
      return { errorLabel: 'Timeout' };
    }
    if (DNS_CODES.has(code)) return { errorLabel: 'DNSError', hint: 'check the host name in endpoint_url' };
    if (CERTIFICATE.test(code)) {
      return {
        errorLabel: 'URLError',
        hint: 'the certificate is not trusted or not accepted: see tls.ca_file, tls.cert_file and the clocks',
      };
    }
    // Azure's library calls it an abort when the other side ends the connection.
    if (CONNECTION_CODES.has(code) || cause.name === 'AbortError') {
      return code === 'ECONNREFUSED'
        ? { errorLabel: 'URLError', hint: 'nothing listens there: check endpoint_url' }
        : { errorLabel: 'URLError' };
    }
  }
  return undefined;
}

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
  const text = message || (cause instanceof Error ? cause.message : '') || 'no reason given';
  const code = providerCode !== undefined && !text.includes(providerCode) ? `${providerCode}: ` : '';
  const subject = objectName === undefined ? operation : `${operation} of ${JSON.stringify(objectName)}`;
  return new StorageError(`${subject}: ${code}${text}${status === undefined ? '' : ` (HTTP ${status})`}`, {
    operation,
    objectName,
    notFound,
    denied,
    retryable: passing && !notFound && !denied,
    errorLabel: network?.errorLabel ?? providerCode,
    hint: hint ?? network?.hint,
    cause,
  });
}
