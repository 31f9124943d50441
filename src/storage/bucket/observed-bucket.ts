import { StorageError } from '../errors.ts';
import type {
  CallOptions,
  ObjectBody,
  ObjectDownload,
  ObjectInfo,
  StorageMethod,
  StorageObserver,
  StorageOutcome,
} from '../types.ts';
import type { Bucket, ListKeysOptions } from './bucket.ts';

/** Reports every call that is made to a bucket: what a provider bills, and what the `storage_*_call` metrics count. */
export class ObservedBucket implements Bucket {
  readonly type: string;
  readonly #bucket: Bucket;
  readonly #calls: CallReporter;

  constructor(bucket: Bucket, calls: CallReporter) {
    this.type = bucket.type;
    this.#bucket = bucket;
    this.#calls = calls;
  }

  async *list(prefix: string, options: ListKeysOptions): AsyncIterable<readonly ObjectInfo[]> {
    yield* this.#calls.watchStream('list', this.#bucket.list(prefix, options), () => 0);
  }

  async get(key: string, options: CallOptions): Promise<ObjectDownload> {
    const started = this.#calls.start('load');
    try {
      const download = await this.#bucket.get(key, options);
      const stream = this.#calls.watchStream('load', download.stream, (chunk) => chunk.byteLength, started);
      return { sizeBytes: download.sizeBytes, stream };
    } catch (error) {
      started.failed(error, 0);
      throw error;
    }
  }

  put(key: string, body: ObjectBody, options: CallOptions): Promise<string> {
    return this.#calls.watch('store', () => this.#bucket.put(key, body, options), body.sizeBytes);
  }

  remove(key: string, options: CallOptions): Promise<void> {
    return this.#calls.watch('delete', () => this.#bucket.remove(key, options));
  }

  get clockOffsetMs(): number | undefined {
    return this.#bucket.clockOffsetMs;
  }

  close(): Promise<void> {
    return this.#bucket.close();
  }
}

interface StartedCall {
  done(bytes: number): void;
  failed(error: unknown, bytes: number): void;
}

export class CallReporter {
  readonly #observer: StorageObserver;
  readonly #now: () => number;

  constructor(observer: StorageObserver, now: () => number) {
    this.#observer = observer;
    this.#now = now;
  }

  start(method: StorageMethod): StartedCall {
    const startedMs = this.#now();
    const report = (outcome: StorageOutcome, bytes: number): void =>
      this.#observer.call(method, outcome, Math.max(0, this.#now() - startedMs), bytes);
    return {
      done: (bytes) => report({ ok: true }, bytes),
      failed: (error, bytes) => report(outcomeOf(method, error), bytes),
    };
  }

  async watch<T>(method: StorageMethod, action: () => Promise<T>, bytes = 0): Promise<T> {
    const started = this.start(method);
    try {
      const result = await action();
      started.done(bytes);
      return result;
    } catch (error) {
      started.failed(error, 0);
      throw error;
    }
  }

  /** One call however the reader leaves the stream: at its end, early, or by an error. */
  async *watchStream<T>(
    method: StorageMethod,
    stream: AsyncIterable<T>,
    bytesOf: (item: T) => number,
    started = this.start(method),
  ): AsyncIterable<T> {
    let bytes = 0;
    let failure: { readonly error: unknown } | undefined;
    try {
      for await (const item of stream) {
        bytes += bytesOf(item);
        yield item;
      }
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      if (failure === undefined) started.done(bytes);
      else started.failed(failure.error, bytes);
    }
  }
}

/** The reference does not count a missing object as a failed load or delete. */
function outcomeOf(method: StorageMethod, error: unknown): StorageOutcome {
  if (!(error instanceof StorageError)) return { ok: false, errorLabel: 'Unknown' };
  if ((method === 'load' || method === 'delete') && error.notFound && error.errorLabel === 'NotFound')
    return { ok: true };
  return { ok: false, errorLabel: error.errorLabel };
}
