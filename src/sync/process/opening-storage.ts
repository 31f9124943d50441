import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo, ObjectStorage } from '../../storage/index.ts';

/** A bucket that is still being opened: calls wait for it. So an LMDB is opened while the libraries of a bucket are loaded. */
export class OpeningStorage implements ObjectStorage {
  readonly type: string;
  readonly #opening: Promise<ObjectStorage | undefined>;
  #storage: ObjectStorage | undefined;

  /** @param opening undefined: it was given up, and whoever waits for it is stopped */
  constructor(type: string, opening: Promise<ObjectStorage | undefined>) {
    this.type = type;
    this.#opening = opening.then((storage) => {
      this.#storage = storage;
      return storage;
    });
  }

  get clockOffsetMs(): number | undefined {
    return this.#storage?.clockOffsetMs;
  }

  async *list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    yield* (await this.#opened(options)).list(prefix, options);
  }

  async load(name: string, options?: CallOptions): Promise<ObjectDownload> {
    return (await this.#opened(options)).load(name, options);
  }

  async store(name: string, body: ObjectBody | Uint8Array, options?: CallOptions): Promise<void> {
    await (await this.#opened(options)).store(name, body, options);
  }

  async delete(name: string, options?: CallOptions): Promise<void> {
    await (await this.#opened(options)).delete(name, options);
  }

  async close(): Promise<void> {
    await (await this.#opening)?.close();
  }

  async #opened(options: CallOptions = {}): Promise<ObjectStorage> {
    const storage = this.#storage ?? (await this.#opening);
    options.signal?.throwIfAborted();
    if (storage === undefined) throw new TypeError('the storage was not opened');
    return storage;
  }
}
