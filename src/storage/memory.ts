import { setImmediate } from 'node:timers/promises';
import { asBody, collect, exactly } from './body.ts';
import { isVisibleFileName, nameRefused, objectNotFound, sortByName } from './names.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo, ObjectStorage, StorageWatch } from './types.ts';

interface StoredObject {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

/** One chunk of a download; small, so that readers that assume a single chunk fail in tests. */
const CHUNK_BYTES = 64 * 1024;

/** A bucket in this process, as strict as the others: asynchronous, copying, names checked. For tests and trials. */
export class MemoryStorage implements ObjectStorage {
  readonly type = 'memory';
  readonly #objects = new Map<string, StoredObject>();
  readonly #watchers = new Set<(name: string) => void>();
  readonly #now: () => number;

  constructor(options: { readonly now?: (() => number) | undefined } = {}) {
    this.#now = options.now ?? Date.now;
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<ObjectInfo> {
    await this.#turn(options);
    const found: ObjectInfo[] = [];
    for (const [name, { bytes, modifiedMs }] of this.#objects) {
      if (name.startsWith(prefix)) found.push({ name, sizeBytes: bytes.byteLength, modifiedMs });
    }
    yield* sortByName(found);
  }

  async load(name: string, options: CallOptions = {}): Promise<ObjectDownload> {
    await this.#turn(options);
    const object = this.#objects.get(name);
    if (object === undefined) throw objectNotFound('load', name);
    return { sizeBytes: object.bytes.byteLength, stream: chunksOf(object.bytes, options.signal) };
  }

  async store(name: string, body: ObjectBody | Uint8Array, options: CallOptions = {}): Promise<void> {
    if (!isVisibleFileName(name)) throw nameRefused('store', name);
    const { sizeBytes, open } = snapshotOf(body);
    const bytes = await collect(exactly(open(), sizeBytes, { operation: 'store', objectName: name }));
    await this.#turn(options);
    this.#objects.set(name, { bytes, modifiedMs: this.#now() });
    for (const tell of this.#watchers) queueMicrotask(() => tell(name));
  }

  async delete(name: string, options: CallOptions = {}): Promise<void> {
    if (!isVisibleFileName(name)) throw nameRefused('delete', name);
    await this.#turn(options);
    this.#objects.delete(name);
  }

  watch(prefix: string, onChange: () => void): StorageWatch {
    // A function of its own: the same callback may watch twice.
    const entry = (name: string): void => {
      if (name.startsWith(prefix)) onChange();
    };
    this.#watchers.add(entry);
    return { close: () => void this.#watchers.delete(entry) };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
  }

  /** Never answers in the same turn of the event loop: no caller may come to depend on that. */
  async #turn(options: CallOptions): Promise<void> {
    options.signal?.throwIfAborted();
    await setImmediate();
    options.signal?.throwIfAborted();
  }
}

/** Bytes are copied before the first `await`: the caller may reuse its buffer at once. */
function snapshotOf(body: ObjectBody | Uint8Array): ObjectBody {
  if (body instanceof Uint8Array) return asBody(Buffer.from(body));
  return { sizeBytes: body.sizeBytes, open: () => body.open() };
}

async function* chunksOf(bytes: Buffer, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) {
    signal?.throwIfAborted();
    await setImmediate();
    yield Buffer.from(bytes.subarray(start, start + CHUNK_BYTES));
  }
}
