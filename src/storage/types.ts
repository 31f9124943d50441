export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970 UTC, by the clock of the storage; undefined where it does not tell. */
  readonly modifiedMs: number | undefined;
}

/** What is stored: re-readable, for a retry opens it again and must see the same bytes. */
export interface ObjectBody {
  readonly sizeBytes: number;
  /** MD5 of the bytes where it is known already (16 bytes); saves a backend a pass over the body. */
  readonly md5?: Uint8Array | undefined;
  /** All of it, where it is in memory in one piece. */
  readonly bytes?: Uint8Array | undefined;
  /** Chunks are valid only until the next one is asked for. */
  open(): AsyncIterable<Uint8Array>;
}

export interface ObjectDownload {
  /** As the storage announced it; undefined where it does not tell. */
  readonly sizeBytes: number | undefined;
  /**
   * To be read once. Throws a `StorageError` when the object ends early or the connection is cut: an end without an
   * error means that every byte was there (I7). Leaving the loop early releases the connection.
   */
  readonly stream: AsyncIterable<Uint8Array>;
}

/** An aborted call rejects with `signal.reason`; every other failure of the storage is a `StorageError`. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A flat folder of immutable objects, shared by the whole fleet. Backends differ in nothing that can be seen here:
 * all of them run through the suite in `test/storage/conformance.ts`.
 */
export interface ObjectStorage {
  /** `fs`, `memory`, `s3` or `azure`. */
  readonly type: string;
  /** All objects whose name starts with `prefix`, sorted by the bytes of their UTF-8 names; none is no error. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo>;
  /** Rejects with `notFound` when there is no such object. */
  load(name: string, options?: CallOptions): Promise<ObjectDownload>;
  /** The whole object or nothing, replacing an older one of that name; durable and checked when it resolves. */
  store(name: string, body: ObjectBody | Uint8Array, options?: CallOptions): Promise<void>;
  /** A missing object is no error. */
  delete(name: string, options?: CallOptions): Promise<void>;
  /**
   * Tells at once that somebody else stored or removed an object of that prefix, where the backend can. A hint only: listing
   * stays the truth.
   */
  watch?(prefix: string, onChange: () => void): StorageWatch;
  /**
   * How far the clock of the service is ahead of ours, in ms, by its last answer and to the second; undefined before that,
   * and where there is no service.
   */
  readonly clockOffsetMs?: number | undefined;
  /** Releases connections and timers; calls in flight may fail. */
  close(): Promise<void>;
}

export interface StorageWatch {
  close(): void;
}

export type StorageMethod = 'list' | 'load' | 'store' | 'delete' | 'create-bucket' | 'create-container';

/** `errorLabel` is one of NotFound, Timeout, DNSError, URLError, a code of the provider, or Unknown. */
export type StorageOutcome = { readonly ok: true } | { readonly ok: false; readonly errorLabel: string };

/**
 * Told about every request to a remote bucket (update markers included: they are paid for as well), once, when it has
 * ended; that of a load ends with its stream. A missing object is not a failed load or delete.
 */
export interface StorageObserver {
  /** `bytes`: sent or received in the body of an object; 0 for the other methods. */
  call(method: StorageMethod, outcome: StorageOutcome, durationMs: number, bytes: number): void;
}
