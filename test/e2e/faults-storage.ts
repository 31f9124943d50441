import type { CallOptions, ObjectBody, ObjectDownload, ObjectStorage } from '../../src/storage/index.ts';

/** Passes on to another storage; a test overrides what it wants to spoil. */
export class Wrapped implements ObjectStorage {
  readonly type: string;
  readonly inner: ObjectStorage;

  constructor(inner: ObjectStorage) {
    this.type = inner.type;
    this.inner = inner;
  }

  list(...args: Parameters<ObjectStorage['list']>) {
    return this.inner.list(...args);
  }
  load(...args: Parameters<ObjectStorage['load']>) {
    return this.inner.load(...args);
  }
  store(...args: Parameters<ObjectStorage['store']>) {
    return this.inner.store(...args);
  }
  delete(...args: Parameters<ObjectStorage['delete']>) {
    return this.inner.delete(...args);
  }
  close() {
    return this.inner.close();
  }
}

/** The first `times` downloads of an instance's objects come with one bit changed; the length is right. */
export class Damaging extends Wrapped {
  readonly #instance: string;
  timesLeft: number;

  constructor(inner: ObjectStorage, instance: string, times: number) {
    super(inner);
    this.#instance = instance;
    this.timesLeft = times;
  }

  override async load(...args: Parameters<ObjectStorage['load']>): Promise<ObjectDownload> {
    const download = await super.load(...args);
    if (!args[0].includes(`__${this.#instance}__`) || this.timesLeft-- <= 0) return download;
    const stream = (async function* () {
      let done = false;
      for await (const chunk of download.stream) {
        const copy = Buffer.from(chunk);
        // Past the header of gzip, which holds bits that mean nothing.
        if (!done && copy.byteLength > 20) copy[20]! ^= 1 << (copy[20]! % 8);
        done = true;
        yield copy;
      }
    })();
    return { ...download, stream };
  }
}

/** Stores wait at a gate, as on a very slow line; listings pass. */
export class Gated extends Wrapped {
  waiting = 0;
  #isOpen = false;
  readonly #waiters: (() => void)[] = [];

  open(): void {
    this.#isOpen = true;
    for (const go of this.#waiters.splice(0)) go();
  }

  override async store(name: string, body: ObjectBody | Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    this.waiting++;
    if (!this.#isOpen) {
      await new Promise<void>((go) => {
        this.#waiters.push(go);
        signal?.addEventListener('abort', () => go(), { once: true });
      });
    }
    this.waiting--;
    signal?.throwIfAborted();
    await super.store(name, body);
  }
}
