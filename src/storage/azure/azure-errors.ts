import { LmdbstreamError } from '../../errors/index.ts';
import { storageFailure } from '../bucket/failure.ts';
import { StorageError, type StorageOperation } from '../errors.ts';

/** The built-in role that allows a call; `docs/storage.md` says which to give. */
const ROLES: Partial<Record<StorageOperation, string>> = {
  list: 'Storage Blob Data Reader',
  load: 'Storage Blob Data Reader',
  store: 'Storage Blob Data Contributor',
  delete: 'Storage Blob Data Contributor',
  'create-container': 'Storage Blob Data Contributor on the account',
};

const HINTS: Record<string, string> = {
  ContainerNotFound: 'create the container, or set create_container: true',
  AuthenticationFailed: 'account_key does not belong to account_name, or the clock of this machine is wrong',
  ContainerBeingDeleted: 'a container of that name is being deleted; Azure needs some minutes for that',
};

/** What the reference takes for "no such object"; a missing container is told apart here. */
const MISSING_OBJECT = new Set(['BlobNotFound', 'ResourceNotFound']);

interface AzureError extends Error {
  readonly statusCode?: number;
  readonly code?: string;
  readonly details?: { readonly errorCode?: string; readonly code?: string };
}

/** What the SDK threw, as a `StorageError`; errors of our own pass as they are. */
export function azureFailure(operation: StorageOperation, cause: unknown, objectName?: string): unknown {
  if (!(cause instanceof Error) || cause instanceof LmdbstreamError || cause instanceof TypeError) return cause;
  const error = cause as AzureError;
  const status = error.statusCode;
  if (status === undefined && /Credential|AuthenticationRequired|AuthenticationError/.test(error.name)) {
    return new StorageError(`${operation}: no token from Azure: ${firstLine(error.message)}`, {
      operation,
      objectName,
      denied: true,
      retryable: true,
      errorLabel: error.name,
      hint: 'give this machine a managed identity; or set AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or AZURE_FEDERATED_TOKEN_FILE; or set use_shared_key: true with account_key',
      cause,
    });
  }
  const code = status === undefined ? undefined : (error.details?.errorCode ?? error.details?.code ?? error.code);
  const role = ROLES[operation];
  const denial = status === 403 && role !== undefined ? `this identity needs the role ${role}` : undefined;
  return storageFailure(
    operation,
    cause,
    {
      status,
      providerCode: code !== undefined && MISSING_OBJECT.has(code) ? 'NotFound' : code,
      hint: (code === undefined ? undefined : HINTS[code]) ?? denial,
      message: firstLine(error.message),
    },
    objectName,
  );
}

/** Azure's messages go on with request ids and times, on lines of their own. */
const firstLine = (text: string): string => text.split('\n', 1)[0]!;
