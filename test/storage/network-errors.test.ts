import { describe, expect, it } from 'vitest';
import { azureFailure } from '../../src/storage/azure/azure-errors.ts';
import { DeadlineExceeded } from '../../src/storage/bucket/deadline.ts';
import { StorageError } from '../../src/storage/index.ts';
import { s3Failure } from '../../src/storage/s3/s3-errors.ts';

const system = (code: string, message = code, more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more });

interface Expected {
  readonly label: string;
  readonly retryable: boolean;
  readonly hint: RegExp;
}

const expectFailure = (error: unknown, { label, retryable, hint }: Expected): void => {
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ errorLabel: label, retryable, hint: expect.stringMatching(hint) });
};

const url = (hint: RegExp): Expected => ({ label: 'URLError', retryable: true, hint });
const WRONG_VERSION = '00:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:';

/** Without an answer: the same for both providers. */
const NETWORK: readonly [string, Error, Expected][] = [
  ['nothing listens', system('ECONNREFUSED'), url(/nothing listens/)],
  ['a connection that is cut', system('ECONNRESET', 'socket hang up'), url(/was cut.*https/)],
  ['a cut that the SDK calls a timeout', Object.assign(system('ECONNRESET'), { name: 'TimeoutError' }), url(/was cut/)],
  ['no route', system('EHOSTUNREACH'), url(/routes/)],
  ['no answer to SYN', system('ETIMEDOUT'), { label: 'Timeout', retryable: true, hint: /firewall/ }],
  ['the time limit', new DeadlineExceeded(100), { label: 'Timeout', retryable: true, hint: /client_timeout/ }],
  [
    'an unknown host',
    system('ENOTFOUND', 'getaddrinfo ENOTFOUND minio', { hostname: 'minio' }),
    { label: 'DNSError', retryable: true, hint: /endpoint_url/ },
  ],
  [
    'an unknown account of Azure',
    system('ENOTFOUND', 'getaddrinfo ENOTFOUND acount.blob.core.windows.net'),
    { label: 'DNSError', retryable: true, hint: /check account_name/ },
  ],
  [
    'an unknown region of AWS',
    system('ENOTFOUND', 'x', { hostname: 'b.s3.eu-west-9.amazonaws.com' }),
    { label: 'DNSError', retryable: true, hint: /check region/ },
  ],
  ['https to a port for http', system('EPROTO', WRONG_VERSION), url(/write http:\/\//)],
  ['https to a port for http, by its code', system('ERR_SSL_WRONG_VERSION_NUMBER'), url(/write http:\/\//)],
  ['http to a port for https', system('HPE_INVALID_CONSTANT', 'Parse Error: Expected HTTP/'), url(/write https:\/\//)],
  ['an authority that is not known', system('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), url(/tls\.ca_file/)],
  ['a certificate of its own', system('DEPTH_ZERO_SELF_SIGNED_CERT'), url(/tls\.ca_file/)],
  ['a certificate that has expired', system('CERT_HAS_EXPIRED'), url(/renew it, or set the clock/)],
  ['a certificate for another name', system('ERR_TLS_CERT_ALTNAME_INVALID'), url(/another name/)],
  ['a proxy that refuses', system('EPROXY'), url(/NO_PROXY/)],
  ['a proxy that wants credentials', system('EPROXYAUTH'), url(/user:password@host/)],
];

const answered = (status: number, code: string): Error =>
  Object.assign(new Error('no'), { name: code, $metadata: { httpStatusCode: status } });
const failed = (hint: RegExp, label: string, retryable = false): Expected => ({ label, retryable, hint });

const S3_ANSWERS: readonly [number, string, Expected][] = [
  [403, 'AccessDenied', failed(/s3:ListBucket/, 'AccessDenied')],
  [403, 'InvalidAccessKeyId', failed(/access_key/, 'InvalidAccessKeyId')],
  [403, 'SignatureDoesNotMatch', failed(/secret_key/, 'SignatureDoesNotMatch')],
  [403, 'RequestTimeTooSkewed', failed(/set the clock/, 'RequestTimeTooSkewed')],
  [404, 'NoSuchBucket', failed(/create_bucket/, 'NoSuchBucket')],
  [301, 'PermanentRedirect', failed(/set region/, 'PermanentRedirect', true)],
  [400, 'AuthorizationHeaderMalformed', failed(/set region/, 'AuthorizationHeaderMalformed')],
  [302, 'UnknownError', failed(/another place/, 'Unknown', true)],
  [400, 'UnknownError', failed(/https:\/\//, 'Unknown')],
  [405, 'UnknownError', failed(/port of the storage API/, 'Unknown')],
  [407, 'UnknownError', failed(/proxy wants credentials/, 'Unknown')],
  [429, 'SlowDown', failed(/storage_poll_interval/, 'SlowDown', true)],
  [503, 'UnknownError', failed(/tried again/, 'Unknown', true)],
];

const AZURE_ANSWERS: readonly [number, string, Expected][] = [
  [403, 'AuthorizationPermissionMismatch', failed(/role Storage Blob/, 'AuthorizationPermissionMismatch')],
  [403, 'AuthenticationFailed', failed(/account_key.*clock/, 'AuthenticationFailed')],
  [404, 'ContainerNotFound', failed(/create_container/, 'ContainerNotFound')],
  [503, 'ServerBusy', failed(/tried again/, 'ServerBusy', true)],
];

describe('what went wrong is said with a hint', () => {
  describe.each([
    ['s3', s3Failure],
    ['azure', azureFailure],
  ])('%s', (_, translate) => {
    it.each(NETWORK)('%s', (__, cause, expected) => {
      expectFailure(translate('list', cause), expected);
      // Libraries wrap.
      expectFailure(translate('list', new Error('request failed', { cause })), expected);
    });

    it('without the inside of OpenSSL', () => {
      expect(translate('list', system('EPROTO', WRONG_VERSION))).toMatchObject({
        message: 'list: the other side does not speak TLS',
      });
    });

    it('whatever it is', () => {
      expect(translate('list', new Error('strange'))).toMatchObject({ hint: expect.stringContaining('logs') });
    });
  });

  it.each(S3_ANSWERS)('S3 answers %i %s', (status, code, expected) => {
    expectFailure(s3Failure('list', answered(status, code)), expected);
  });

  it.each(AZURE_ANSWERS)('Azure answers %i %s', (statusCode, code, expected) => {
    expectFailure(azureFailure('list', Object.assign(new Error('no'), { statusCode, code })), expected);
  });

  it('names the variables of credentials', () => {
    const none = (name: string): Error => Object.assign(new Error('none found'), { name });
    expect(s3Failure('list', none('CredentialsProviderError'))).toMatchObject({
      denied: true,
      hint: expect.stringMatching(/AWS_ACCESS_KEY_ID.*AWS_SECRET_ACCESS_KEY/),
    });
    expect(azureFailure('list', none('CredentialUnavailableError'))).toMatchObject({
      denied: true,
      hint: expect.stringMatching(/AZURE_TENANT_ID.*AZURE_CLIENT_ID.*AZURE_CLIENT_SECRET/),
    });
  });
});
