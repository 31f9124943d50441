import { silentLog } from '../log/index.ts';
import type { OpenContext, StorageContext } from './context.ts';
import { UnknownStorageTypeError } from './errors.ts';
import { FsStorage } from './fs/fs-storage.ts';
import { MemoryStorage } from './memory.ts';
import type { StorageOptions } from './options.ts';
import type { ObjectStorage } from './types.ts';

/**
 * Opens the bucket: makes the folder, bucket or container where that is asked for, and loads the libraries of S3 and
 * Azure only when they are needed.
 *
 * @throws StorageOptionsError for options that cannot work, StorageError when the bucket cannot be opened.
 */
export async function createStorage(options: StorageOptions, context: StorageContext = {}): Promise<ObjectStorage> {
  const { log = silentLog, now = Date.now, observer, signal } = context;
  const open: OpenContext = { log, now, observer, signal };
  switch (options.type) {
    case 'fs':
      return FsStorage.open(options.options, open);
    case 'memory':
      return new MemoryStorage({ now });
    case 's3':
      // The SDK prints a warning about Node 20, which the operator of an installed package can do nothing about.
      process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
      return (await import('./s3/open-s3.ts')).openS3(options.options, open);
    case 'azure':
      return (await import('./azure/open-azure.ts')).openAzure(options.options, open);
    default:
      throw new UnknownStorageTypeError(String((options as { type?: unknown }).type ?? ''));
  }
}
