import { LmdbstreamError } from '../../errors/index.ts';
import { storageFailure } from '../bucket/failure.ts';
import { StorageError, type StorageOperation } from '../errors.ts';

/** The right that a call needs, in the words of IAM; `docs/storage.md` has whole policies. */
const RIGHTS: Partial<Record<StorageOperation, string>> = {
  list: 's3:ListBucket on the bucket',
  load: 's3:GetObject on the objects (a missing object is also "denied" without s3:ListBucket on the bucket)',
  store: 's3:PutObject on the objects',
  delete: 's3:DeleteObject on the objects',
  'create-bucket': 's3:CreateBucket, or create the bucket yourself and leave out create_bucket',
};

const HINTS: Record<string, string> = {
  NoSuchBucket: 'create the bucket, or set create_bucket: true',
  InvalidAccessKeyId: 'access_key is not known there: check it, endpoint_url and region',
  SignatureDoesNotMatch: 'secret_key does not belong to access_key, or a proxy changes requests',
  RequestTimeTooSkewed: 'set the clock of this machine',
  PermanentRedirect: 'the bucket is in another region: set region',
  AuthorizationHeaderMalformed: 'the bucket is in another region: set region',
  BucketAlreadyExists: 'somebody else owns a bucket of that name: choose another',
  ExpiredToken: 'the temporary credentials of the environment have run out',
};

interface SdkError extends Error {
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What the SDK threw, as a `StorageError`; errors of our own pass as they are. */
export function s3Failure(operation: StorageOperation, cause: unknown, objectName?: string): unknown {
  if (!(cause instanceof Error) || cause instanceof LmdbstreamError || cause instanceof TypeError) return cause;
  if (cause.name === 'CredentialsProviderError') {
    return new StorageError(`${operation}: no credentials: ${cause.message}`, {
      operation,
      objectName,
      denied: true,
      errorLabel: cause.name,
      hint: 'set access_key and secret_key; or the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN), or AWS_PROFILE; or give this machine a role',
      cause,
    });
  }
  const error = cause as SdkError;
  const status = error.$metadata?.httpStatusCode;
  // Without an answer `name` is that of a system error.
  const providerCode = status === undefined ? undefined : codeOf(error);
  const right = RIGHTS[operation];
  const denial = status === 403 && right !== undefined ? `these credentials need ${right}` : undefined;
  return storageFailure(
    operation,
    cause,
    { status, providerCode, hint: (providerCode === undefined ? undefined : HINTS[providerCode]) ?? denial },
    objectName,
  );
}

/** `NotFound` is the reference's label for a missing object. */
function codeOf(error: SdkError): string | undefined {
  const code = error.Code ?? error.name;
  if (code === 'NoSuchKey') return 'NotFound';
  return code === 'Error' || code === 'UnknownError' ? undefined : code;
}
