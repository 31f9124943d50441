import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo } from '../types.ts';

export interface ListKeysOptions extends CallOptions {
  /** Leave out keys with a `/` after the prefix and give each such folder once, as `foo/` of 0 bytes, instead. */
  readonly folders?: boolean | undefined;
}

/**
 * What a provider of object storage must do; `BucketStorage` makes an `ObjectStorage` of it. Keys are whole: the
 * global prefix is already in them. Every method is one request to the provider, or as many as size makes necessary.
 */
export interface Bucket {
  readonly type: string;
  /** In pages, as the provider answers. */
  list(prefix: string, options: ListKeysOptions): AsyncIterable<readonly ObjectInfo[]>;
  get(key: string, options: CallOptions): Promise<ObjectDownload>;
  /** Resolves to the ETag, without quotes. An answer without one is none: something else than the provider gave it. */
  put(key: string, body: ObjectBody, options: CallOptions): Promise<string>;
  remove(key: string, options: CallOptions): Promise<void>;
  /** How far the provider's clock is ahead of ours, in ms; undefined before its first answer. */
  readonly clockOffsetMs: number | undefined;
  close(): Promise<void>;
}
