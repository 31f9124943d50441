import { asBody, collect } from '../body.ts';
import { StorageError } from '../errors.ts';
import { compareNames, nameRefused, objectNotFound, sortByName } from '../names.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo, ObjectStorage } from '../types.ts';
import type { Bucket } from './bucket.ts';
import { ListingCache } from './listing-cache.ts';

/** The name of the object that changes with every change of the bucket; hidden from listings. */
const MARKER_NAME = 'update-marker';
/** A marker is a key (at most 1,024 bytes), an ETag, a time and a flag; more than this is not one. */
const MARKER_MAX_BYTES = 8 * 1024;

export interface BucketStorageOptions {
  readonly globalPrefix: string;
  readonly useUpdateMarker: boolean;
  readonly updateMarkerForceListIntervalMs: number;
  /** `hide`: names with `/` after the prefix are left out; `prefix`: their folders are shown instead. */
  readonly folders: 'show' | 'prefix' | 'hide';
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
}

/**
 * What S3 and Azure have in common: the global prefix, folders, and the update marker, an object that every writer
 * of the fleet rewrites after a change, so that readers can ask for one small object instead of a listing. Its
 * content is the reference's: `<full key>:<etag>:<ns since 1970>:<true if deleted>`.
 */
export class BucketStorage implements ObjectStorage {
  readonly type: string;
  readonly #bucket: Bucket;
  readonly #options: BucketStorageOptions;
  readonly #cache: ListingCache;
  #markersWritten = 0n;

  constructor(bucket: Bucket, options: BucketStorageOptions) {
    this.type = bucket.type;
    this.#bucket = bucket;
    this.#options = options;
    this.#cache = new ListingCache(options.updateMarkerForceListIntervalMs, options.now);
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ObjectInfo> {
    options.signal?.throwIfAborted();
    // The cached listing has folded away what is in folders: a look into one is a listing of its own.
    const folded = this.#options.folders !== 'show' && prefix.includes('/');
    if (!this.#options.useUpdateMarker || folded) {
      yield* await this.#listBucket(prefix, options);
      return;
    }
    const everything = await this.#cache.get(
      () => this.#readMarker(options),
      () => this.#listBucket('', options),
    );
    for (const info of everything) if (info.name.startsWith(prefix)) yield info;
  }

  async load(name: string, options: CallOptions = {}): Promise<ObjectDownload> {
    options.signal?.throwIfAborted();
    if (!isKeyName(name)) throw objectNotFound('load', name);
    return this.#bucket.get(this.#key(name), options);
  }

  async store(name: string, body: ObjectBody | Uint8Array, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isKeyName(name)) throw nameRefused('store', name);
    this.#cache.drop();
    try {
      const etag = await this.#bucket.put(this.#key(name), asBody(body), options);
      await this.#writeMarker(name, etag, false, options);
    } finally {
      this.#cache.drop();
    }
  }

  async delete(name: string, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isKeyName(name)) throw nameRefused('delete', name);
    this.#cache.drop();
    try {
      await this.#bucket.remove(this.#key(name), options);
      await this.#writeMarker(name, '', true, options);
    } finally {
      this.#cache.drop();
    }
  }

  get clockOffsetMs(): number | undefined {
    return this.#bucket.clockOffsetMs;
  }

  async close(): Promise<void> {
    await this.#bucket.close();
  }

  #key(name: string): string {
    return this.#options.globalPrefix + name;
  }

  async #listBucket(prefix: string, { signal }: CallOptions): Promise<ObjectInfo[]> {
    const { folders, globalPrefix } = this.#options;
    const found: ObjectInfo[] = [];
    let inOrder = true;
    let last = '';
    for await (const page of this.#bucket.list(this.#key(prefix), { signal, folders: folders !== 'show' })) {
      for (const info of page) {
        const name = info.name.slice(globalPrefix.length);
        if (name === '' || name === MARKER_NAME || (folders === 'hide' && name.slice(prefix.length).includes('/')))
          continue;
        inOrder &&= compareNames(last, name) <= 0;
        last = name;
        found.push(globalPrefix === '' ? info : { ...info, name });
      }
    }
    // Azure and S3's directory buckets promise no order, and folders come after the objects of their page.
    return inOrder ? found : sortByName(found);
  }

  async #readMarker(options: CallOptions): Promise<string | undefined> {
    try {
      const { stream } = await this.#bucket.get(this.#key(MARKER_NAME), options);
      return (await collect(stream, MARKER_MAX_BYTES)).toString();
    } catch (error) {
      if (error instanceof StorageError && error.notFound) return undefined;
      throw error instanceof RangeError
        ? new StorageError(`the update marker is larger than ${MARKER_MAX_BYTES} bytes`, {
            operation: 'list',
            objectName: MARKER_NAME,
            hint: 'remove the object if no lmdbstream wrote it, or set use_update_marker: false',
            cause: error,
          })
        : error;
    }
  }

  /** After the change, never before it: a reader that sees the new marker must find the change in its listing. */
  async #writeMarker(name: string, etag: string, deleted: boolean, options: CallOptions): Promise<void> {
    if (!this.#options.useUpdateMarker) return;
    // The counter keeps two markers of one millisecond apart.
    const nano = BigInt(Math.trunc(this.#options.now())) * 1_000_000n + (this.#markersWritten++ % 1_000_000n);
    const content = `${this.#key(name)}:${etag}:${nano}:${deleted}`;
    await this.#bucket.put(this.#key(MARKER_NAME), asBody(Buffer.from(content)), options);
  }
}

/** Anything goes in a bucket but the name of nothing, zero bytes, and the marker's. */
function isKeyName(name: string): boolean {
  return name !== '' && name !== MARKER_NAME && !name.includes('\0');
}
