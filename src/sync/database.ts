import type { Config, LmdbConfig } from '../config/index.ts';
import { describeError } from '../errors/index.ts';
import { acquireInstanceLock, Environment, type InstanceLock } from '../lmdb/index.ts';
import type { Log } from '../log/index.ts';
import { timeOf } from '../merge/index.ts';
import type { Schema } from '../shadow/index.ts';
import { parseSnapshotName, type SnapshotName, toInstanceId } from '../snapshot/index.ts';
import { type ObjectStorage, RetryPolicy, type Spool } from '../storage/index.ts';
import { Exclusive } from './local/exclusive.ts';
import { LocalChanges } from './local/local-changes.ts';
import { type MergeResult, mergeObject } from './local/merge-object.ts';
import { Tracker } from './local/tracker.ts';
import { type LockWatch, WriteLock } from './local/write-lock.ts';
import { Publisher } from './publish/publish.ts';
import { Receiver } from './remote/receive.ts';
import { refuseStale } from './remote/refuse-stale.ts';
import { RemoteIndex } from './remote/remote-index.ts';
import { type DatabaseStatus, newStatus } from './status/status.ts';
import { loadCutoff, sweepCutoff } from './sweep/index.ts';
import type { Clock } from './time/clock.ts';
import { Wake } from './time/wake.ts';
import { upkeep } from './upkeep.ts';

export interface DatabaseOptions {
  readonly config: Config;
  readonly lmdb: LmdbConfig;
  readonly mode: 'sync' | 'receive';
  readonly storage: ObjectStorage;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly lockWatch?: LockWatch | undefined;
}

/** Loads before a waiting local snapshot gets its turn (LOOP-08). */
const LOADS_BEFORE_SNAPSHOT = 10;
/** Between two attempts to list the bucket at start. */
const FIRST_LISTING_RETRY_MS = 1000;

/**
 * One database: notices local changes, publishes them, loads what others published. Lives in one thread. The parts are in
 * files of their own; here is the order in which they start, and who tells whom.
 */
export class DatabaseSync {
  readonly status: DatabaseStatus;
  readonly #options: DatabaseOptions;
  readonly #log: Log;
  readonly #schema: Schema;
  readonly #instanceId: string;
  readonly #turns = new Exclusive();
  readonly #index: RemoteIndex;
  readonly #remoteWake = new Wake();
  readonly #stop = new AbortController();
  #publisher: Publisher | undefined;
  #hasLocalChanges = false;
  /** Every start publishes once (LOOP-13), after what the first listing showed was merged. */
  #owesFirst = false;
  #loadsSinceDue = 0;
  #included: ReadonlyMap<string, bigint> = new Map();
  #fatal: unknown;
  #refusal: unknown;

  constructor(options: DatabaseOptions) {
    const { config, lmdb } = options;
    this.#options = options;
    this.status = newStatus(lmdb.name);
    this.#log = options.log.child({ db: lmdb.name });
    this.#instanceId = toInstanceId(config.instance);
    const overrides = [...lmdb.dbiOptions].flatMap(([name, { overrideCreateFlags }]) =>
      overrideCreateFlags === undefined ? [] : [[name, overrideCreateFlags] as const],
    );
    const { schemaTracksChanges: native, dupsortHack } = lmdb;
    this.#schema = { native, dupsortHack, overrideCreateFlags: new Map(overrides) };
    this.#index = new RemoteIndex(lmdb.name, this.#instanceId);
  }

  /**
   * Until aborted (ends cleanly: the transaction and the upload under way are finished), or, with only_once, until one pass
   * is done.
   * @throws UnsupportedDbiError, CustomOrderError, HeaderError, StaleInstanceError, InstanceLockedError, LmdbError: what only the
   * operator can mend
   */
  async run(signal: AbortSignal): Promise<void> {
    const { lmdb, clock, lockWatch } = this.#options;
    const stop = (): void => this.#stop.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let environment: Environment | undefined;
    let tracker: Tracker | undefined;
    let instanceLock: InstanceLock | undefined;
    try {
      environment = Environment.open(lmdb.path, lmdb.options);
      instanceLock = this.#lockInstance(environment);
      const info = environment.info();
      this.#log.info('Opened LMDB', { path: lmdb.path, mapSize: info.mapSizeBytes, lastTxnID: info.lastTxnId });
      const shared = { environment, clock, log: this.#log, status: this.status };
      const lock = new WriteLock({ ...shared, watch: lockWatch, mapSizeBytes: lmdb.options.mapSizeBytes });
      tracker = new Tracker({ ...shared, schema: this.#schema, lock });
      await this.#sync(environment, tracker, info.lastTxnId > 0);
      this.status.phase = 'stopped';
    } catch (error) {
      this.status.phase = 'failed';
      this.status.lastError = describeError(error);
      throw error;
    } finally {
      stop();
      signal.removeEventListener('abort', stop);
      await this.#turns.idle();
      tracker?.close();
      environment?.close();
      instanceLock?.release();
    }
  }

  async #sync(environment: Environment, tracker: Tracker, hasDataAtStart: boolean): Promise<void> {
    const { config, mode, storage, clock, random } = this.#options;
    const { signal } = this.#stop;
    const receiver = this.#makeReceiver(tracker);
    const local = this.#makeLocalChanges(environment, tracker);
    if (!(await this.#listFirst(receiver, signal))) return;
    if (mode === 'sync') this.#refuseStale(tracker, hasDataAtStart);
    this.status.phase = 'joining';
    // Offline changes are stamped before anything is merged.
    if (!(await local.first(signal))) return;
    await this.#joinOwn(receiver, local, signal);
    this.status.phase = 'running';
    const publisher = this.#makePublisher(tracker);
    this.#publisher = publisher;
    this.#owesFirst = mode === 'sync' && (hasDataAtStart || this.#hasLocalChanges);
    const publisherStop = new AbortController();
    const publishing = mode === 'sync' ? publisher.run(publisherStop.signal) : Promise.resolve();
    publishing.catch((error: unknown) => this.#fail(error));
    const included = () => this.#included;
    const onLocalChanges = () => this.#noteLocalChange();
    const shared = { config, storage, environment, tracker, clock, random, turns: this.#turns, index: this.#index };
    const care = {
      ...shared,
      ...this.#identity,
      log: this.#log,
      receiveOnly: mode === 'receive',
      included,
      onLocalChanges,
    };
    const storageWatch = storage.watch?.(() => this.#remoteWake.notify());
    const tasks = [local.run(signal), this.#remoteLoop(receiver, publisher, signal)];
    if (!config.onlyOnce) tasks.push(...upkeep(care, signal));
    for (const task of tasks) task.catch((error: unknown) => this.#fail(error));
    await Promise.allSettled(tasks);
    storageWatch?.close();
    await receiver.idle();
    publisherStop.abort();
    await publishing.catch(() => undefined);
    if (this.#fatal !== undefined) throw this.#fatal;
    if (config.onlyOnce && publisher.gaveUp !== undefined) throw publisher.gaveUp;
    if (config.onlyOnce && this.#refusal !== undefined) throw this.#refusal;
  }

  /** One process at a time: two would stamp the same change twice, under two names. */
  #lockInstance({ dataPath }: Environment): InstanceLock | undefined {
    const { lmdb, config } = this.#options;
    const holder = `process ${process.pid}, instance ${config.instance}`;
    const lock = acquireInstanceLock(dataPath, holder, lmdb.options.fileMask);
    if (!lock)
      this.#log.warn('No lock file can be made beside the data file: a second sync on it would not be noticed');
    return lock;
  }

  /** Which database this is, and whose, as its parts want it. */
  get #identity(): { databaseName: string; instanceId: string; native: boolean } {
    return { databaseName: this.status.name, instanceId: this.#instanceId, native: this.#schema.native };
  }

  #makeLocalChanges(environment: Environment, tracker: Tracker): LocalChanges {
    const { config, clock, mode } = this.#options;
    return new LocalChanges({
      dataPath: environment.dataPath,
      tracker,
      turns: this.#turns,
      config,
      clock,
      log: this.#log,
      status: this.status,
      onChanged: () => this.#noteLocalChange(),
      onTick: () => {
        const forceMs = config.storageForceSnapshotIntervalMs;
        const publisher = this.#publisher;
        if (mode !== 'sync' || !publisher || forceMs <= 0 || publisher.isDue) return;
        if (publisher.sinceStoredMs > forceMs && tracker.base.id > 0) publisher.request();
      },
    });
  }

  #makePublisher(tracker: Tracker): Publisher {
    const { config, storage, clock, random } = this.#options;
    const { storageRetryCount, storageRetryIntervalMs, storageRetryForever } = config;
    const retry = { attempts: storageRetryCount, intervalMs: storageRetryIntervalMs, forever: storageRetryForever };
    return new Publisher(
      {
        ...this.#identity,
        tracker,
        turns: this.#turns,
        storage,
        policy: new RetryPolicy(retry, random),
        clock,
        log: this.#log,
        status: this.status,
        merged: () => this.#index.merged,
        onStore: (name) => this.#index.addOwn(name),
        onStored: (name, included) => {
          // Our own entry proves to the cleaner that a snapshot of ours stands for all the others.
          this.#included = new Map(included).set(this.#instanceId, parseSnapshotName(name).timestampNano);
          this.#remoteWake.notify();
        },
      },
      this.#index.newestOwn()?.timestampNano ?? 0n,
    );
  }

  #makeReceiver(tracker: Tracker): Receiver {
    const { config, storage, clock } = this.#options;
    return new Receiver({
      databaseName: this.status.name,
      storage,
      index: this.#index,
      concurrency: config.memoryDownloadedSnapshots,
      retryIntervalMs: config.storageRetryIntervalMs,
      forgottenBefore: () => (config.acceptStale ? 0n : sweepCutoff(clock.nowNano(), config.sweeper)),
      onlyOnce: config.onlyOnce,
      attempts: config.storageRetryForever ? Number.POSITIVE_INFINITY : config.storageRetryCount,
      clock,
      log: this.#log,
      status: this.status,
      merge: (name, body) => this.#merge(tracker, name, body),
      onSettled: () => this.#remoteWake.notify(),
      onFatal: (error) => this.#fail(error),
      onRefused: (error) => {
        this.#refusal ??= error;
      },
    });
  }

  async #merge(tracker: Tracker, name: SnapshotName, body: Spool): Promise<MergeResult> {
    const { config, lmdb, clock } = this.#options;
    const { signal } = this.#stop;
    if (this.#publisher && this.#loadsSinceDue >= LOADS_BEFORE_SNAPSHOT) {
      await this.#publisher.taken(signal);
      this.#loadsSinceDue = 0;
    }
    const settings = {
      schema: this.#schema,
      extraBlocks: lmdb.headerExtraPaddingBlock ? 1 : 0,
      lockMaxMs: config.lmdbLockMaxMs,
      maxDecompressedBytes: config.maxDecompressedSizeBytes,
      cutoff: () => timeOf(loadCutoff(clock.nowNano(), config.sweeper)),
    };
    const onLocalChanges = (): void => this.#noteLocalChange();
    const context = { clock, log: this.#log, status: this.status, signal, onLocalChanges };
    const result = await this.#turns.run(() => mergeObject(tracker, name.full, body, settings, context));
    this.#loadsSinceDue = this.#owesFirst || this.#publisher?.isDue ? this.#loadsSinceDue + 1 : 0;
    return result;
  }

  #noteLocalChange(): void {
    this.#hasLocalChanges = true;
    if (this.#options.mode === 'sync') this.#publisher?.request();
  }

  async #listFirst(receiver: Receiver, signal: AbortSignal): Promise<boolean> {
    this.status.phase = 'listing';
    while (!(await receiver.list(signal))) {
      await this.#options.clock.sleep(FIRST_LISTING_RETRY_MS, signal);
      if (signal.aborted) return false;
    }
    return true;
  }

  #refuseStale(tracker: Tracker, hasLocalData: boolean): void {
    const { config, clock } = this.#options;
    const nowNano = clock.nowNano();
    refuseStale({ ...this.#identity, config, index: this.#index, tracker, hasLocalData, nowNano, log: this.#log });
  }

  /** I5: nothing is published before our own newest object is merged, or each of them found bad. */
  async #joinOwn(receiver: Receiver, local: LocalChanges, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#index.waitingFor().has(this.#instanceId)) {
      receiver.start(signal);
      // The bucket may fail for long: a reader that is held all the while would make the application's file grow.
      await local.look();
      await this.#remoteWake.wait(this.#options.config.storagePollIntervalMs, signal);
    }
  }

  async #remoteLoop(receiver: Receiver, publisher: Publisher, signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    while (!signal.aborted) {
      receiver.start(signal);
      const isJoined = this.#index.waitingFor().size === 0;
      if (this.#owesFirst && (isJoined || receiver.hasTrouble || this.#loadsSinceDue >= LOADS_BEFORE_SNAPSHOT)) {
        this.#owesFirst = false;
        publisher.request();
      }
      if (config.onlyOnce && isJoined && (await this.#isDone(publisher, signal))) {
        this.#log.info('Stopping, because requested to only do a single pass');
        this.#stop.abort();
        return;
      }
      await this.#remoteWake.wait(config.storagePollIntervalMs, signal);
      if (signal.aborted) return;
      await receiver.list(signal);
      this.#noticeNamesake();
    }
  }

  /** With only_once: what is due was stored, or given up, and nothing came meanwhile. */
  async #isDone(publisher: Publisher, signal: AbortSignal): Promise<boolean> {
    while (publisher.isDue && publisher.gaveUp === undefined && !signal.aborted) await publisher.attempted(signal);
    return this.#index.waitingFor().size === 0;
  }

  #noticeNamesake(): void {
    const foreign = this.#index.foreignOwnObject;
    if (foreign === undefined || foreign === this.status.duplicateInstance) return;
    this.status.duplicateInstance = foreign;
    this.#log.error('Another process publishes under our instance name: give every machine its own', {
      instance: this.#instanceId,
      object: foreign,
    });
  }

  #fail(error: unknown): void {
    this.#fatal ??= error;
    this.#stop.abort();
  }
}
