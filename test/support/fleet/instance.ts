import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Config, parseConfig } from '../../../src/config/index.ts';
import type { Log } from '../../../src/log/index.ts';
import { parseSnapshotName, type SnapshotName } from '../../../src/snapshot/index.ts';
import type { CallOptions, ObjectBody, ObjectDownload, ObjectInfo, ObjectStorage } from '../../../src/storage/index.ts';
import { type MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import { type Clock, type DatabaseStatus, DatabaseSync, systemClock, systemPorts } from '../../../src/sync/index.ts';
import { LockstepApplication } from '../application/lockstep-application.ts';
import { eventually } from '../eventually.ts';

/** One instance's way to a shared bucket, with faults; keeps account of what was asked for. */
export class FaultyStorage implements ObjectStorage {
  readonly type = 'memory';
  readonly bucket: MemoryStorage;
  /** `list`, `load <name>`, `store <name>` (when the bucket said yes), `delete <name>`. */
  readonly calls: string[] = [];
  /** Called before the bucket is; may throw a `failure()`, or wait. */
  beforeList: () => void | Promise<void> = () => {};
  beforeLoad: (name: string) => void | Promise<void> = () => {};
  beforeStore: (name: string) => void | Promise<void> = () => {};
  /** Called when the bucket has said yes; a throw means that the answer was lost. */
  afterStore: () => void = () => {};
  /** Whether this download is cut short on its way. */
  isSpoilt: () => boolean = () => false;
  storeAttempts = 0;
  #spoilt = 0;

  constructor(bucket: MemoryStorage) {
    this.bucket = bucket;
  }

  get stored(): string[] {
    return this.calls.filter((call) => call.startsWith('store ')).map((call) => call.slice(6));
  }

  async *list(prefix: string, options?: CallOptions): AsyncIterable<ObjectInfo> {
    this.calls.push('list');
    await this.beforeList();
    yield* this.bucket.list(prefix, options);
  }

  async load(name: string, options?: CallOptions): Promise<ObjectDownload> {
    await this.beforeLoad(name);
    this.calls.push(`load ${name}`);
    const download = await this.bucket.load(name, options);
    return this.isSpoilt() ? { ...download, stream: cut(download.stream, ++this.#spoilt) } : download;
  }

  async store(name: string, body: ObjectBody | Uint8Array, options?: CallOptions): Promise<void> {
    this.storeAttempts++;
    await this.beforeStore(name);
    await this.bucket.store(name, body, options);
    this.afterStore();
    this.calls.push(`store ${name}`);
  }

  async delete(name: string, options?: CallOptions): Promise<void> {
    this.calls.push(`delete ${name}`);
    await this.bucket.delete(name, options);
  }

  async close(): Promise<void> {}
}

/** Never twice the same damage: that would be the object's own. */
async function* cut(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncIterable<Uint8Array> {
  for await (const chunk of stream) yield chunk.subarray(0, 1 + (bytes % (chunk.length - 1)));
}

export function failure(operation: 'load' | 'store' | 'list'): StorageError {
  return new StorageError('planned by the test', { operation, retryable: true });
}

/** Holds back whoever passes until it is opened. */
export class Gate {
  #open = (): void => {};
  waiting = 0;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  async pass(): Promise<void> {
    this.waiting++;
    await this.#opened;
  }

  open(): void {
    this.#open();
  }
}

export interface InstanceOptions {
  readonly name: string;
  readonly bucket: MemoryStorage;
  readonly mode?: 'sync' | 'receive';
  readonly config?: Partial<Config>;
  /** Keys of the database in it. */
  readonly lmdb?: Record<string, unknown>;
  readonly clock?: Clock;
  readonly mapSizeBytes?: number;
}

/** `DatabaseSync` in this process, with its application in another. */
export class Instance {
  readonly folder: string;
  readonly application: LockstepApplication;
  readonly storage: FaultyStorage;
  readonly lines: string[] = [];
  /** Called whenever a write lock is asked for, just before it is taken. */
  beforeLock: () => void = () => {};
  clock: Clock;
  #options: InstanceOptions;
  #sync: DatabaseSync | undefined;
  #abort = new AbortController();
  #ended: Promise<unknown> | undefined;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.folder = mkdtempSync(join(tmpdir(), `lmdbstream-instance-${options.name}-`));
    mkdirSync(join(this.folder, 'db'));
    this.application = LockstepApplication.start();
    this.application.open(this.path, { sync: false, mapSizeBytes: options.mapSizeBytes ?? 64 * 2 ** 20 });
    this.storage = new FaultyStorage(options.bucket);
    onTestFinished(async () => {
      await this.stop().catch(() => {});
      await this.application.stop();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  get path(): string {
    return join(this.folder, 'db');
  }

  get status(): DatabaseStatus {
    return this.#sync!.status;
  }

  /** Starts it (again); resolves at once. */
  start(config: Partial<Config> = {}): this {
    const { name, mode = 'sync', lmdb = {} } = this.#options;
    const text = { instance: name, lmdbs: { main: { path: this.path, ...lmdb } }, storage: { type: 'memory' } };
    // Shorter than a configuration file may ask for: a test has no time to lose.
    const parsed: Config = {
      ...parseConfig(JSON.stringify(text)),
      lmdbPollIntervalMs: 20,
      storagePollIntervalMs: 20,
      storageRetryIntervalMs: 10,
      storageRetryForever: true,
      ...this.#options.config,
      ...config,
    };
    this.#abort = new AbortController();
    const parsedLmdb = parsed.lmdbs.get('main')!;
    const ports = systemPorts({
      config: parsed,
      lmdb: parsedLmdb,
      storage: this.storage,
      clock: this.clock,
      random: () => 0.5,
      lockWatch: { waiting: () => this.beforeLock(), done: () => {} },
    });
    this.#sync = new DatabaseSync({ config: parsed, lmdb: parsedLmdb, mode, ports, log: this.#log() });
    this.#ended = this.#sync.run(this.#abort.signal);
    this.#ended.catch(() => {});
    return this;
  }

  /** Until it ends by itself. @throws what it ended with */
  async end(): Promise<void> {
    await this.#ended;
  }

  /** Asks it to stop, without waiting. */
  abort(): void {
    this.#abort.abort();
  }

  async stop(): Promise<void> {
    this.abort();
    await this.#ended;
  }

  until(what: string, check: () => boolean | Promise<boolean>): Promise<unknown> {
    return eventually(check, { what: `${this.#options.name}: ${what}`, intervalMs: 5 });
  }

  running(): Promise<unknown> {
    return this.until('running', () => this.status.phase === 'running');
  }

  put(key: string, value: string, dbi = 'd'): void {
    this.application.put(dbi, key, value);
  }

  /** The application's DBI as text. */
  texts(dbi = 'd'): Record<string, string> {
    return this.application.texts(dbi);
  }

  /** Log lines of a level that contain a text. */
  told(level: string, text: string): string[] {
    return this.lines.filter((line) => line.startsWith(level) && line.includes(text));
  }

  #log(): Log {
    const line = (level: string) => (message: string, fields?: object) => {
      this.lines.push(
        `${level} ${message} ${JSON.stringify(fields ?? {}, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`,
      );
    };
    const log: Log = {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: () => log,
    };
    return log;
  }
}

/** Names and bytes of everything in the bucket. */
export async function objectsOf(bucket: MemoryStorage, prefix = ''): Promise<Map<string, Buffer>> {
  const objects = new Map<string, Buffer>();
  for await (const { name } of bucket.list(prefix)) {
    const parts: Buffer[] = [];
    for await (const chunk of (await bucket.load(name)).stream) parts.push(Buffer.from(chunk));
    objects.set(name, Buffer.concat(parts));
  }
  return objects;
}

export const namesOf = (stored: readonly string[]): SnapshotName[] => stored.map((name) => parseSnapshotName(name));
export const kindsOf = (stored: readonly string[]): string[] => namesOf(stored).map(({ kind }) => kind);
