import { LmdbstreamError } from '../errors/index.ts';
import type { StorageMethod } from './types.ts';

export type StorageOperation = StorageMethod | 'init' | 'watch';

export interface StorageErrorDetails {
  readonly operation: StorageOperation;
  readonly objectName?: string | undefined;
  readonly retryable?: boolean | undefined;
  readonly notFound?: boolean | undefined;
  readonly denied?: boolean | undefined;
  readonly errorLabel?: string | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A call to the storage failed. Codes: `STORAGE_NOT_FOUND`, `STORAGE_DENIED`, `STORAGE_UNAVAILABLE` (worth trying
 * again) and `STORAGE_FAILED` (trying again as it is will not help).
 */
export class StorageError extends LmdbstreamError {
  readonly operation: StorageOperation;
  readonly objectName: string | undefined;
  /** The same call may succeed later without anybody doing anything. */
  readonly retryable: boolean;
  /** The object, or the bucket it should be in, does not exist. */
  readonly notFound: boolean;
  /** Credentials or rights are missing. */
  readonly denied: boolean;
  /** For metrics: NotFound, Timeout, DNSError, URLError, the provider's code, or Unknown. */
  readonly errorLabel: string;

  constructor(message: string, details: StorageErrorDetails) {
    const code = details.notFound
      ? 'STORAGE_NOT_FOUND'
      : details.denied
        ? 'STORAGE_DENIED'
        : details.retryable
          ? 'STORAGE_UNAVAILABLE'
          : 'STORAGE_FAILED';
    super(code, message, { hint: details.hint, cause: details.cause });
    this.operation = details.operation;
    this.objectName = details.objectName;
    this.retryable = details.retryable ?? false;
    this.notFound = details.notFound ?? false;
    this.denied = details.denied ?? false;
    this.errorLabel = details.errorLabel ?? (this.notFound ? 'NotFound' : 'Unknown');
  }
}

/** The options of a backend cannot work together, or one is missing; nothing was contacted yet. */
export class StorageOptionsError extends LmdbstreamError {
  /** The key as it is written in the configuration file, e.g. `bucket`. */
  readonly option: string;

  constructor(code: string, option: string, message: string, hint?: string) {
    super(code, message, { hint });
    this.option = option;
  }
}

export class FsOptionsError extends StorageOptionsError {
  constructor(option: string, message: string, hint?: string) {
    super('FS_OPTIONS', option, `fs storage.options: ${message}`, hint);
  }
}

export class S3OptionsError extends StorageOptionsError {
  constructor(option: string, message: string, hint?: string) {
    super('S3_OPTIONS', option, `s3 storage.options: ${message}`, hint);
  }
}

export class AzureOptionsError extends StorageOptionsError {
  constructor(option: string, message: string, hint?: string) {
    super('AZURE_OPTIONS', option, `azure storage.options: ${message}`, hint);
  }
}

/** `storage.type` names no backend. */
export class UnknownStorageTypeError extends StorageOptionsError {
  constructor(type: string) {
    super(
      'STORAGE_TYPE',
      'type',
      type === '' ? 'no storage.type configured' : `storage.type "${type}" is not known`,
      'use one of: s3, azure, fs, memory',
    );
  }
}
