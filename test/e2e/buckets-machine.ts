import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import type { Log, LogFields } from '../../src/log/index.ts';
import { parseSnapshotName, type SnapshotName } from '../../src/snapshot/index.ts';
import { createStorage, type ObjectStorage } from '../../src/storage/index.ts';
import { type Clock, type DatabaseStatus, DatabaseSync, systemClock, systemPorts } from '../../src/sync/index.ts';
import { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { type Azurite, type S3Keys, type Seaweedfs, uniquePrefix } from '../support/servers/index.ts';
import { type LmdbSetup, Syncer, type SyncerOptions, writeConfig } from './product.ts';

const MIB = 2 ** 20;
export const DATABASE = 'main';

/** A place of its own in a running server, or a folder, as the `storage` section of a configuration file. */
export interface Place {
  readonly type: 's3' | 'azure' | 'fs';
  readonly options: Readonly<Record<string, unknown>>;
  readonly cleanup?: Readonly<Record<string, unknown>>;
}

export function s3Place({ endpointUrl, admin }: Seaweedfs, more: Record<string, unknown> = {}): Place {
  const common = { bucket: 'tests', create_bucket: true, endpoint_url: endpointUrl, global_prefix: uniquePrefix() };
  return { type: 's3', options: { ...common, ...keysOf(admin), ...more } };
}

export function azurePlace({ endpointUrl, ...account }: Azurite, more: Record<string, unknown> = {}): Place {
  const { accountName: account_name, accountKey: account_key } = account;
  const common = { container: 'tests', create_container: true, endpoint_url: endpointUrl, use_shared_key: true };
  return { type: 'azure', options: { ...common, account_name, account_key, global_prefix: uniquePrefix(), ...more } };
}

export const fsPlace = (rootPath: string): Place => ({ type: 'fs', options: { root_path: rootPath } });

/** The same place with other options. */
export const placeWith = (place: Place, more: Record<string, unknown>): Place => ({
  ...place,
  options: { ...place.options, ...more },
});

/** The same place for somebody who may only list and read; a bucket that exists already is not made again. */
export const readOnly = (place: Place, { reader }: Seaweedfs): Place =>
  placeWith(place, { ...keysOf(reader), create_bucket: false });

const keysOf = ({ accessKey, secretKey }: S3Keys) => ({ access_key: accessKey, secret_key: secretKey });

/** A way into the place beside the product. */
export async function openPlace(place: Place): Promise<ObjectStorage> {
  const text = JSON.stringify({ instance: 'test', lmdbs: { [DATABASE]: { path: '/nowhere' } }, storage: place });
  const storage = await createStorage(parseConfig(text).storage);
  onTestFinished(() => storage.close());
  return storage;
}

/** Objects in the place, those of one instance when it is given, oldest first. */
export async function objectsIn(storage: ObjectStorage, instance?: string): Promise<SnapshotName[]> {
  const names: SnapshotName[] = [];
  for await (const { name } of storage.list(`${DATABASE}__`)) names.push(parseSnapshotName(name));
  return names
    .filter(({ instanceId }) => instance === undefined || instanceId === instance)
    .sort((a, b) => Number(a.timestampNano - b.timestampNano));
}

export interface MachineOptions {
  readonly place: Place;
  readonly lmdb?: Partial<LmdbSetup>;
  /** Keys of the top level of the configuration. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** An application on its own LMDB, and our process beside it. */
export class Machine {
  readonly name: string;
  readonly path: string;
  readonly application: Application;
  readonly #folder: string;
  readonly #options: MachineOptions;

  private constructor(folder: string, name: string, path: string, application: Application, options: MachineOptions) {
    this.#folder = folder;
    this.name = name;
    this.path = path;
    this.application = application;
    this.#options = options;
  }

  static async create(folder: string, name: string, options: MachineOptions): Promise<Machine> {
    const path = join(folder, `${name}.lmdb`);
    const application = await Application.start(path, { noSubdir: true, mapSizeBytes: 256 * MIB, sync: false });
    onTestFinished(() => application.kill());
    return new Machine(folder, name, path, application, options);
  }

  /** Starts the process that an operator starts; another place or other keys than the machine's own may be given. */
  start(more: Partial<SyncerOptions & MachineOptions> = {}): Syncer {
    const { place, lmdb, more: keys, ...options } = { ...this.#options, ...more };
    const config = writeConfig(this.#folder, this.name, {
      lmdbs: { [DATABASE]: { path: this.path, options: { no_subdir: true }, ...lmdb } },
      bucket: '',
      more: { storage: place, ...keys },
    });
    const syncer = new Syncer({ config, instance: this.name, ...options });
    onTestFinished(async ({ task }) => {
      await syncer.kill();
      if (task.result?.state === 'fail') process.stderr.write(`--- ${this.name}\n${syncer.output.slice(-5_000)}\n`);
    });
    return syncer;
  }

  /** Waits until the application has these texts, and no others. */
  async has(expected: Record<string, string>, dbi = 'data'): Promise<void> {
    const what = `${this.name}: ${JSON.stringify(expected).slice(0, 200)}`;
    await eventually(async () => expect(await this.application.texts(dbi)).toEqual(expected), { what });
  }
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what is logged. */
export function keepingLog(lines: LogLine[], more: LogFields = {}): Log {
  const keep = (level: LogLine['level']) => (message: string, fields: LogFields) =>
    void lines.push({ level, message, fields: { ...more, ...fields } });
  return {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: (fields) => keepingLog(lines, { ...more, ...fields }),
  };
}

export interface SyncHere {
  readonly status: DatabaseStatus;
  readonly lines: readonly LogLine[];
  /** Milliseconds that the loop asked to sleep for, in order. */
  readonly sleepsMs: readonly number[];
  /** @throws what ended the loop */
  stop(): Promise<void>;
}

export interface SyncHereOptions extends MachineOptions {
  /** Puts something between the loop and its storage. */
  readonly wrap?: (storage: ObjectStorage) => ObjectStorage;
  /** Longer sleeps take only so long. */
  readonly longestSleepMs?: number;
}

/** The loop of one database in this process, where its status can be seen; nothing else here may open its LMDB. */
export async function syncHere(machine: Machine, options: SyncHereOptions): Promise<SyncHere> {
  const { place, lmdb, more, wrap, longestSleepMs = Number.POSITIVE_INFINITY } = options;
  const config = parseConfig(
    JSON.stringify({
      instance: machine.name,
      lmdbs: { [DATABASE]: { path: machine.path, options: { no_subdir: true }, ...lmdb } },
      storage: place,
      lmdb_poll_interval: '100ms',
      storage_poll_interval: '100ms',
      storage_retry_interval: '100ms',
      storage_retry_forever: true,
      // Nothing else of it sleeps: `sleepsMs` is the retrying.
      lmdb_log_stats_interval: '0s',
      ...more,
    }),
  );
  const storage = await createStorage(config.storage);
  const lines: LogLine[] = [];
  const sleepsMs: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep(ms, signal) {
      sleepsMs.push(ms);
      return systemClock.sleep(Math.min(ms, longestSleepMs), signal);
    },
  };
  const lmdbConfig = config.lmdbs.get(DATABASE)!;
  const database = new DatabaseSync({
    config,
    lmdb: lmdbConfig,
    mode: 'sync',
    ports: systemPorts({ config, lmdb: lmdbConfig, storage: wrap ? wrap(storage) : storage, clock }),
    log: keepingLog(lines),
  });
  const stopping = new AbortController();
  const ended = database.run(stopping.signal).finally(() => storage.close());
  ended.catch(() => {});
  const stop = (): Promise<void> => {
    stopping.abort();
    return ended;
  };
  onTestFinished(async ({ task }) => {
    await stop().catch(() => {});
    if (task.result?.state !== 'fail') return;
    for (const { level, message, fields } of lines.slice(-40)) {
      process.stderr.write(`--- ${machine.name} ${level} ${message} ${JSON.stringify(fields, jsonable)}\n`);
    }
  });
  return {
    get status() {
      return database.status;
    },
    lines,
    sleepsMs,
    stop,
  };
}

const jsonable = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
