export { checkAzureOptions } from './azure/azure-options.ts';
export { asBody, bytesBody, collect, collectDownload, digestOf } from './body.ts';
export type { StorageContext } from './context.ts';
export {
  AzureOptionsError,
  FsOptionsError,
  S3OptionsError,
  StorageError,
  type StorageErrorDetails,
  type StorageOperation,
  StorageOptionsError,
  UnknownStorageTypeError,
} from './errors.ts';
export { createStorage } from './factory.ts';
export { checkFsOptions, FsStorage } from './fs/fs-storage.ts';
export { MemoryStorage } from './memory.ts';
export { compareNames } from './names.ts';
export {
  type AzureOptions,
  type BucketOptions,
  type FsOptions,
  type HttpOptions,
  type S3Options,
  type StorageOptions,
  type TlsOptions,
  withoutCreating,
} from './options.ts';
export { type RetryOptions, RetryPolicy } from './retry.ts';
export { checkS3Options } from './s3/s3-options.ts';
export { Spool, SpoolError, type SpoolOptions } from './spool.ts';
export type {
  CallOptions,
  ObjectBody,
  ObjectDownload,
  ObjectInfo,
  ObjectStorage,
  StorageMethod,
  StorageObserver,
  StorageOutcome,
  StorageWatch,
} from './types.ts';
