import type { OpenContext } from '../context.ts';
import type { BucketOptions } from '../options.ts';
import type { CallOptions, ObjectStorage } from '../types.ts';
import type { Bucket } from './bucket.ts';
import { BucketStorage, type BucketStorageOptions } from './bucket-storage.ts';
import { CallReporter, ObservedBucket } from './observed-bucket.ts';

const DEFAULT_INIT_TIMEOUT_MS = 20_000;
const DEFAULT_FORCE_LIST_INTERVAL_MS = 5 * 60_000;

/** A bucket that can be made; an existing one of ours is no error. */
export interface CreatableBucket extends Bucket {
  create(options: CallOptions, timeoutMs: number): Promise<void>;
}

export interface OpenBucketDetails {
  /** Make the bucket first, and report that under this name; undefined: it exists already. */
  readonly create: 'create-bucket' | 'create-container' | undefined;
  readonly folders: BucketStorageOptions['folders'];
}

/** What is the same for every provider once its library is set up. The bucket is closed when this fails. */
export async function openBucketStorage(
  bucket: CreatableBucket,
  options: BucketOptions,
  { now, observer, signal }: OpenContext,
  { create, folders }: OpenBucketDetails,
): Promise<ObjectStorage> {
  const calls = observer === undefined ? undefined : new CallReporter(observer, now);
  if (create !== undefined) {
    const creating = (): Promise<void> => bucket.create({ signal }, options.initTimeoutMs ?? DEFAULT_INIT_TIMEOUT_MS);
    try {
      await (calls === undefined ? creating() : calls.watch(create, creating));
    } catch (error) {
      await bucket.close();
      throw error;
    }
  }
  return new BucketStorage(calls === undefined ? bucket : new ObservedBucket(bucket, calls), {
    globalPrefix: options.globalPrefix ?? '',
    useUpdateMarker: options.useUpdateMarker ?? false,
    updateMarkerForceListIntervalMs: options.updateMarkerForceListIntervalMs ?? DEFAULT_FORCE_LIST_INTERVAL_MS,
    folders,
    now,
  });
}
