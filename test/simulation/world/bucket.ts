import { gunzipSync, gzipSync } from 'node:zlib';
import { snapshotNameOf } from '../../../src/snapshot/index.ts';
import {
  type CallOptions,
  compareNames,
  type ObjectBody,
  type ObjectDownload,
  type ObjectInfo,
  type ObjectStorage,
  StorageError,
} from '../../../src/storage/index.ts';
import { type KnownObject, knownObject } from '../oracle/objects.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** How often what goes wrong; all 0 when the faults end. */
export interface BucketFaults {
  listError: number;
  loadError: number;
  storeLost: number;
  /** The store was done, and the answer was lost. */
  storeUnanswered: number;
  deleteError: number;
  /** A body arrives cut, or with a bit flipped. */
  spoilt: number;
  /** A compacted delta is stored cut, or with a bit flipped, and stays so. */
  rot: number;
  /** A new object is listed late, by up to a minute. */
  late: number;
  /** A listing is as it was up to a minute ago. */
  stale: number;
  /** A call takes seconds. */
  slow: number;
}

export const NO_FAULTS: BucketFaults = {
  listError: 0,
  loadError: 0,
  storeLost: 0,
  storeUnanswered: 0,
  deleteError: 0,
  spoilt: 0,
  rot: 0,
  late: 0,
  stale: 0,
  slow: 0,
};

const LATE_MS = 60_000;
/** A slow call takes no longer on one way. */
export const SLOWEST_MS = 15_000;

export interface Stored {
  readonly name: string;
  readonly bytes: Buffer;
  readonly storedMs: number;
  listedMs: number;
  deletedMs: number;
  /** undefined: nobody's object, which all have to refuse. */
  readonly known: KnownObject | undefined;
}

/** Told of what became true in the bucket, whatever the caller is told. */
export interface BucketWatch {
  stored(object: Stored): void;
  deleted(object: Stored, by: string): void;
}

/** The bucket: what is in it is known here at once; what an instance is told of it is another matter. */
export class Bucket {
  faults: BucketFaults;
  readonly all: Stored[] = [];
  readonly #world: World;
  readonly #watch: BucketWatch;
  readonly #present = new Map<string, Stored>();

  constructor(world: World, faults: BucketFaults, watch: BucketWatch) {
    this.#world = world;
    this.faults = faults;
    this.#watch = watch;
  }

  get present(): Iterable<Stored> {
    return this.#present.values();
  }

  get(name: string): Stored | undefined {
    return this.#present.get(name);
  }

  /** What is to be seen by everybody from now on. */
  heal(): void {
    this.faults = NO_FAULTS;
    for (const object of this.all) object.listedMs = Math.min(object.listedMs, this.#world.nowMs);
  }

  put(name: string, bytes: Buffer, isKnown = true): void {
    const { nowMs, random } = this.#world;
    const lateMs = random.chance(this.faults.late) ? random.between(0, LATE_MS) : 0;
    const known = isKnown ? knownObject(name, bytes) : undefined;
    const before = this.#present.get(name);
    const listedMs = before ? before.listedMs : nowMs + lateMs;
    const object: Stored = { name, bytes, storedMs: nowMs, listedMs, deletedMs: Number.POSITIVE_INFINITY, known };
    if (before) before.deletedMs = nowMs;
    this.all.push(object);
    this.#present.set(name, object);
    if (known) this.#watch.stored(object);
  }

  remove(name: string, by: string): void {
    const object = this.#present.get(name);
    if (!object) return;
    object.deletedMs = this.#world.nowMs;
    this.#present.delete(name);
    this.#watch.deleted(object, by);
  }

  /** What an instance was shown last. */
  readonly shown = new Map<string, readonly string[]>();

  listing(prefix: string, who: string): ObjectInfo[] {
    const { nowMs, random } = this.#world;
    const atMs = random.chance(this.faults.stale) ? nowMs - random.between(0, LATE_MS) : nowMs;
    const shown = this.all.filter(
      ({ name, listedMs, deletedMs }) => name.startsWith(prefix) && listedMs <= atMs && atMs < deletedMs,
    );
    const infos = shown.map(({ name, bytes, storedMs }) => ({ name, sizeBytes: bytes.length, modifiedMs: storedMs }));
    this.shown.set(
      who,
      infos.map(({ name }) => name),
    );
    return infos.sort((a, b) => compareNames(a.name, b.name));
  }

  /** For one process. */
  port(who: string, life: Life): ObjectStorage {
    return new Port(this, this.#world, who, life);
  }
}

/** Somebody's garbage, under a name that looks like an object of ours. */
export function garbage(world: World): Buffer {
  const { random } = world;
  const bytes = Buffer.from(Array.from({ length: 20 + random.below(200) }, () => random.below(256)));
  return random.chance(0.5) ? bytes : gzipSync(bytes);
}

class Port implements ObjectStorage {
  readonly type = 'memory';
  readonly #bucket: Bucket;
  readonly #world: World;
  readonly #who: string;
  readonly #life: Life;

  constructor(bucket: Bucket, world: World, who: string, life: Life) {
    this.#bucket = bucket;
    this.#world = world;
    this.#who = who;
    this.#life = life;
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ObjectInfo> {
    await this.#way(signal);
    this.#mayFail('list', this.#bucket.faults.listError);
    const infos = this.#bucket.listing(prefix, this.#who);
    this.#tell(() => `list: ${infos.length}`);
    await this.#way(signal);
    yield* infos;
  }

  async load(name: string, { signal }: CallOptions = {}): Promise<ObjectDownload> {
    await this.#way(signal);
    this.#mayFail('load', this.#bucket.faults.loadError, name);
    const object = this.#bucket.get(name);
    if (!object) {
      throw new StorageError(`no object ${name}`, { operation: 'load', objectName: name, notFound: true });
    }
    const isSpoilt = this.#world.random.chance(this.#bucket.faults.spoilt);
    this.#tell(() => `load ${name}${isSpoilt ? ', spoilt' : ''}`);
    return { sizeBytes: object.bytes.length, stream: this.#stream(object.bytes, isSpoilt, signal) };
  }

  async *#stream(bytes: Buffer, isSpoilt: boolean, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
    await this.#way(signal);
    yield isSpoilt ? spoil(bytes, this.#world) : Buffer.from(bytes);
  }

  async store(name: string, body: ObjectBody | Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    const parts: Buffer[] = [];
    if (body instanceof Uint8Array) parts.push(Buffer.from(body));
    else for await (const chunk of body.open()) parts.push(Buffer.from(chunk));
    const { faults } = this.#bucket;
    // The request is on its way, whatever becomes of who has sent it.
    const { random } = this.#world;
    const isLost = random.chance(faults.storeLost);
    const rots = faults.rot > 0 && isCompacted(name) && random.chance(faults.rot);
    const arrived = Buffer.concat(parts);
    const bytes = rots ? spoil(arrived, this.#world) : arrived;
    const isKnown = !rots || isSameContent(bytes, arrived);
    if (!isLost) await this.#arrives(signal, () => this.#bucket.put(name, bytes, isKnown));
    else await this.#way(signal);
    this.#tell(() => `store ${name}${isLost ? ', lost' : rots ? ', rotten' : ''}`);
    await this.#way(signal);
    if (isLost || random.chance(faults.storeUnanswered)) throw failure('store', name);
  }

  async delete(name: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#way(signal);
    const isDone = !this.#world.random.chance(this.#bucket.faults.deleteError / 2);
    this.#tell(() => `delete ${name}${isDone ? '' : ', lost'}`);
    if (isDone) this.#bucket.remove(name, this.#who);
    await this.#way(signal);
    if (!isDone || this.#world.random.chance(this.#bucket.faults.deleteError / 2)) throw failure('delete', name);
  }

  async close(): Promise<void> {}

  #tell(what: () => string): void {
    this.#world.trace.add(this.#world.nowUs, this.#who, what);
  }

  #mayFail(operation: 'list' | 'load', probability: number, name?: string): void {
    if (!this.#world.random.chance(probability)) return;
    this.#tell(() => `${operation} ${name ?? ''} fails`);
    throw failure(operation, name);
  }

  get #wayMs(): number {
    const { random } = this.#world;
    return random.chance(this.#bucket.faults.slow) ? random.between(1000, SLOWEST_MS) : random.between(1, 30);
  }

  /** Resolves when it has arrived; a sender that is gone or has hung up hears nothing. */
  #arrives(signal: AbortSignal | undefined, what: () => void): Promise<void> {
    const wayMs = this.#wayMs;
    return this.#wait(wayMs, signal, (done) =>
      this.#world.at(wayMs, () => {
        what();
        done();
      }),
    );
  }

  #way(signal: AbortSignal | undefined): Promise<void> {
    const wayMs = this.#wayMs;
    return this.#wait(wayMs, signal, (done) => this.#world.at(wayMs, done));
  }

  #wait(_ms: number, signal: AbortSignal | undefined, start: (done: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#life.isOver) return;
      if (signal?.aborted) return reject(signal.reason);
      const hangUp = (): void => {
        if (!this.#life.isOver) reject(signal!.reason);
      };
      signal?.addEventListener('abort', hangUp, { once: true });
      start(() => {
        signal?.removeEventListener('abort', hangUp);
        if (!this.#life.isOver) resolve();
      });
    });
  }
}

/** Only these: of what peers fetch, one that is bad for good is a gap until the next full snapshot. */
function isCompacted(name: string): boolean {
  return (snapshotNameOf(name)?.level ?? 0) > 0;
}

function failure(operation: 'list' | 'load' | 'store' | 'delete', objectName?: string): StorageError {
  return new StorageError(`planned: ${operation}`, { operation, objectName, retryable: true });
}

function spoil(bytes: Buffer, { random }: World): Buffer {
  if (random.chance(0.5)) return Buffer.from(bytes.subarray(0, random.below(bytes.length)));
  const spoilt = Buffer.from(bytes);
  const at = random.below(spoilt.length);
  spoilt[at] = spoilt[at]! ^ (1 << random.below(8));
  return spoilt;
}

/** A bit of gzip's header, which says when something was packed, may have turned. */
function isSameContent(bytes: Buffer, arrived: Buffer): boolean {
  try {
    return gunzipSync(bytes).equals(gunzipSync(arrived));
  } catch {
    return false;
  }
}
