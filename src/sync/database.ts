import type { Config, LmdbConfig } from '../config/index.ts';
import { describeError, LmdbstreamError } from '../errors/index.ts';
import { Environment, LmdbError, NotLmdbError } from '../lmdb/index.ts';
import type { Log } from '../log/index.ts';
import { HeaderError, timeOf } from '../merge/index.ts';
import { newestTime, type Schema, UnsupportedDbiError } from '../shadow/index.ts';
import { parseSnapshotName, toInstanceId } from '../snapshot/index.ts';
import { type ObjectStorage, RetryPolicy, SpoolError } from '../storage/index.ts';
import { Cleaner } from './clean/index.ts';
import type { Clock } from './clock.ts';
import { Exclusive } from './exclusive.ts';
import { LmdbWatch } from './lmdb-watch.ts';
import { mergeObject } from './merge-object.ts';
import { Publisher } from './publish.ts';
import { Receiver } from './receive.ts';
import { RemoteIndex } from './remote-index.ts';
import { formatAge, judgeStaleness, StaleInstanceError } from './stale/index.ts';
import { type DatabaseStatus, newStatus } from './status.ts';
import { loadCutoff, retentionNano, Sweeper } from './sweep/index.ts';
import { Tracker } from './tracker.ts';
import { Wake } from './wake.ts';
import { type LockWatch, WriteLock } from './write-lock.ts';

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
 * One database: notices local changes, publishes them, loads what others published. Lives in one thread; `run` ends when
 * aborted (cleanly), after one pass with `only_once`, or with an error that only the operator can mend.
 */
export class DatabaseSync {
  readonly status: DatabaseStatus;
  readonly #options: DatabaseOptions;
  readonly #log: Log;
  readonly #schema: Schema;
  readonly #instanceId: string;
  readonly #turns = new Exclusive();
  readonly #index: RemoteIndex;
  readonly #lmdbWake = new Wake();
  readonly #storageWake = new Wake();
  readonly #stop = new AbortController();
  #fatal: unknown;
  #loadsSinceDue = 0;
  #included: ReadonlyMap<string, bigint> = new Map();
  #lastLocalError: string | undefined;

  constructor(options: DatabaseOptions) {
    const { config, lmdb } = options;
    this.#options = options;
    this.status = newStatus(lmdb.name);
    this.#log = options.log.child({ db: lmdb.name });
    this.#instanceId = toInstanceId(config.instance);
    const overrides = [...lmdb.dbiOptions].flatMap(([name, { overrideCreateFlags }]) =>
      overrideCreateFlags === undefined ? [] : [[name, overrideCreateFlags] as const],
    );
    this.#schema = {
      native: lmdb.schemaTracksChanges,
      dupsortHack: lmdb.dupsortHack,
      overrideCreateFlags: new Map(overrides),
    };
    this.#index = new RemoteIndex(lmdb.name, this.#instanceId);
  }

  /**
   * @throws UnsupportedDbiError, HeaderError, StaleInstanceError, LmdbError: what only the operator can mend
   */
  async run(signal: AbortSignal): Promise<void> {
    const { lmdb } = this.#options;
    const stop = (): void => this.#stop.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    let environment: Environment | undefined;
    let tracker: Tracker | undefined;
    try {
      environment = Environment.open(lmdb.path, lmdb.options);
      const info = environment.info();
      this.#log.info('Opened LMDB', { path: lmdb.path, mapSize: info.mapSizeBytes, lastTxnID: info.lastTxnId });
      tracker = this.#track(environment);
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
    }
  }

  #track(environment: Environment): Tracker {
    const { clock, lmdb, lockWatch } = this.#options;
    const shared = { environment, clock, log: this.#log, status: this.status };
    const lock = new WriteLock({ ...shared, watch: lockWatch, mapSizeBytes: lmdb.options.mapSizeBytes });
    return new Tracker({ ...shared, schema: this.#schema, lock });
  }

  async #sync(environment: Environment, tracker: Tracker, hasDataAtStart: boolean): Promise<void> {
    const { config, mode, storage, clock, random } = this.#options;
    const signal = this.#stop.signal;
    const publisherStop = new AbortController();
    const receiver = this.#receiver(tracker, () => publisher);
    if (!(await this.#firstListing(receiver, signal))) return;
    if (mode === 'sync') await this.#refuseStale(tracker, hasDataAtStart);
    const publisher = new Publisher(
      {
        databaseName: this.status.name,
        instanceId: this.#instanceId,
        native: this.#schema.native,
        tracker,
        turns: this.#turns,
        storage,
        policy: this.#policy(random),
        clock,
        log: this.#log,
        status: this.status,
        merged: () => this.#index.merged,
        onStore: (name) => this.#index.addOwn(name),
        onStored: (name, included) => {
          // Our own entry proves to the cleaner that a snapshot of ours stands for all the others.
          const ownNano = parseSnapshotName(name).timestampNano;
          this.#included = new Map(included).set(this.#instanceId, ownNano);
          this.#storageWake.notify();
        },
      },
      this.#index.newestOwn()?.timestampNano ?? 0n,
    );
    this.status.phase = 'joining';
    if (!(await this.#firstRound(tracker, signal))) return;
    // I5: nothing is published before our own newest object is merged.
    await this.#joinOwn(receiver, signal);
    const publishes = mode === 'sync';
    this.#owesFirst = publishes && (hasDataAtStart || this.#localChanges);
    const publishing = publishes ? publisher.run(publisherStop.signal) : Promise.resolve();
    publishing.catch((error: unknown) => this.#fail(error));
    const upkeep = config.onlyOnce ? [] : this.#upkeep(environment, tracker, signal);
    const watch = new LmdbWatch(environment.dataPath, () => this.#lmdbWake.notify());
    const storageWatch = storage.watch?.(() => this.#storageWake.notify());
    try {
      await Promise.all([
        this.#localLoop(tracker, publisher, signal),
        this.#remoteLoop(receiver, publisher, signal),
        ...upkeep,
      ]);
    } finally {
      this.#stop.abort();
      watch.close();
      storageWatch?.close();
      await receiver.idle();
      publisherStop.abort();
      await publishing.catch(() => undefined);
    }
    if (this.#fatal !== undefined) throw this.#fatal;
    if (config.onlyOnce && publisher.gaveUp !== undefined) throw publisher.gaveUp;
    if (config.onlyOnce && this.#refusal !== undefined) throw this.#refusal;
  }

  #localChanges = false;
  /** Every start publishes once, after what the first listing showed was merged. */
  #owesFirst = false;
  #refusal: unknown;

  #policy(random: () => number): RetryPolicy {
    const { storageRetryCount, storageRetryIntervalMs, storageRetryForever } = this.#options.config;
    const retry = { attempts: storageRetryCount, intervalMs: storageRetryIntervalMs, forever: storageRetryForever };
    return new RetryPolicy(retry, random);
  }

  #receiver(tracker: Tracker, publisher: () => Publisher): Receiver {
    const { config, lmdb, storage, clock } = this.#options;
    const settings = {
      schema: this.#schema,
      extraBlocks: lmdb.headerExtraPaddingBlock ? 1 : 0,
      lockMaxMs: config.lmdbLockMaxMs,
      maxDecompressedBytes: config.maxDecompressedSizeBytes,
      cutoff: () => timeOf(loadCutoff(clock.nowNano(), config.sweeper)),
    };
    const signal = this.#stop.signal;
    const context = { clock, log: this.#log, status: this.status, signal };
    return new Receiver({
      databaseName: this.status.name,
      storage,
      index: this.#index,
      concurrency: config.memoryDownloadedSnapshots,
      retryIntervalMs: config.storageRetryIntervalMs,
      clock,
      log: this.#log,
      status: this.status,
      onSettled: () => this.#storageWake.notify(),
      onFatal: (error) => this.#fail(error),
      onRefused: (error) => {
        this.#refusal ??= error;
      },
      merge: async (name, body) => {
        if (this.#joined && this.#loadsSinceDue >= LOADS_BEFORE_SNAPSHOT) {
          await publisher().attempted(signal);
          this.#loadsSinceDue = 0;
        }
        const result = await this.#turns.run(() => mergeObject(tracker, name.full, body, settings, context));
        this.#countLoad(publisher);
        if (result.hasLocalChanges) this.#noteLocalChange(publisher);
        return result;
      },
    });
  }

  #joined = false;

  #countLoad(publisher: () => Publisher): void {
    const isWaiting = this.#owesFirst || (this.#joined && publisher().isDue);
    this.#loadsSinceDue = isWaiting ? this.#loadsSinceDue + 1 : 0;
    if (this.#owesFirst && this.#loadsSinceDue >= LOADS_BEFORE_SNAPSHOT) {
      this.#owesFirst = false;
      publisher().request();
    }
  }

  #noteLocalChange(publisher: () => Publisher): void {
    this.#localChanges = true;
    if (this.#joined && this.#options.mode === 'sync') publisher().request();
  }

  async #firstListing(receiver: Receiver, signal: AbortSignal): Promise<boolean> {
    this.status.phase = 'listing';
    while (!(await receiver.list(signal))) {
      await this.#options.clock.sleep(FIRST_LISTING_RETRY_MS, signal);
      if (signal.aborted) return false;
    }
    return true;
  }

  /** Deletions that would come back after a long downtime. */
  async #refuseStale(tracker: Tracker, hasLocalData: boolean): Promise<void> {
    const { config, clock } = this.#options;
    const own = this.#index.newestOwn();
    const others = this.#index.instances().filter((instance) => instance !== this.#instanceId).length;
    const held = tracker.views.hold();
    let localNewestNano: bigint | undefined;
    try {
      // Entries tell of the last change, not of the last contact: where nobody sweeps, an old quiet database is no danger.
      if (config.sweeper.enabled && hasLocalData && others > 0 && !own)
        localNewestNano = newestTime(held.view, this.#schema.native);
    } finally {
      held.release();
    }
    const judged = judgeStaleness({
      now: clock.nowNano(),
      retentionNano: retentionNano(config.sweeper),
      sweeperEnabled: config.sweeper.enabled,
      ownNewestNano: own?.timestampNano,
      localNewestNano,
      hasLocalData,
      otherInstances: others,
      acceptStale: config.acceptStale,
    });
    if (judged.verdict === 'stale') throw new StaleInstanceError(this.status.name, this.#instanceId, judged.evidence);
    if (judged.reason !== 'accepted') return;
    const away = judged.evidence && formatAge(judged.evidence.ageNano);
    this.#log.warn('Joining with stale data, as accepted: deleted entries may come back', { away });
  }

  /** Offline changes are stamped before anything is merged. A full disk or map at start is waited out. */
  async #firstRound(tracker: Tracker, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const done = await this.#localRound(tracker);
      if (done !== 'failed') return true;
      await this.#options.clock.sleep(this.#options.config.lmdbPollIntervalMs, signal);
    }
    return false;
  }

  async #localRound(tracker: Tracker): Promise<'changed' | 'unchanged' | 'failed'> {
    try {
      const changed = await this.#turns.run(() => tracker.localRound());
      if (this.#lastLocalError !== undefined) this.#log.info('Noticing local changes works again');
      this.#lastLocalError = undefined;
      if (changed) this.#localChanges = true;
      return changed ? 'changed' : 'unchanged';
    } catch (error) {
      if (!isPassing(error)) throw error;
      const text = describeError(error);
      this.status.lastError = text;
      if (text !== this.#lastLocalError)
        this.#log.error('Local changes cannot be recorded; trying again', { error: text });
      this.#lastLocalError = text;
      return 'failed';
    }
  }

  async #joinOwn(receiver: Receiver, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#index.waitingFor().has(this.#instanceId)) {
      receiver.start(signal);
      await this.#storageWake.wait(this.#options.config.storageRetryIntervalMs, signal);
    }
    this.#joined = true;
    this.status.phase = 'running';
  }

  async #localLoop(tracker: Tracker, publisher: Publisher, signal: AbortSignal): Promise<void> {
    const { config, clock, mode } = this.#options;
    let scannedMs = clock.monotonicMs();
    while (!signal.aborted) {
      if (tracker.hasNews && (await this.#localRound(tracker)) === 'changed' && mode === 'sync') publisher.request();
      if (config.fullScanIntervalMs > 0 && clock.monotonicMs() - scannedMs >= config.fullScanIntervalMs) {
        if ((await this.#turns.run(() => tracker.fullScan())) > 0 && mode === 'sync') publisher.request();
        scannedMs = clock.monotonicMs();
      }
      const forceMs = config.storageForceSnapshotIntervalMs;
      if (mode === 'sync' && forceMs > 0 && publisher.sinceStoredMs > forceMs && !publisher.isDue) {
        if (tracker.base.id > 0) publisher.request();
      }
      await this.#lmdbWake.wait(config.lmdbPollIntervalMs, signal);
    }
  }

  async #remoteLoop(receiver: Receiver, publisher: Publisher, signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    while (!signal.aborted) {
      receiver.start(signal);
      if (this.#owesFirst && (this.#index.waitingFor().size === 0 || receiver.hasTrouble)) {
        this.#owesFirst = false;
        publisher.request();
      }
      if (config.onlyOnce && (await this.#isDone(publisher, signal))) {
        this.#log.info('Stopping, because requested to only do a single pass');
        this.#stop.abort();
        return;
      }
      await this.#storageWake.wait(config.storagePollIntervalMs, signal);
      if (signal.aborted) return;
      await receiver.list(signal);
      this.#noticeNamesake();
    }
  }

  /** With only_once: everything listed is merged or refused, and what is due was stored (or given up). */
  async #isDone(publisher: Publisher, signal: AbortSignal): Promise<boolean> {
    if (this.#index.waitingFor().size > 0) return false;
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

  #upkeep(environment: Environment, tracker: Tracker, signal: AbortSignal): Promise<void>[] {
    const { config, mode, storage, clock, random } = this.#options;
    const now = (): number => Number(clock.nowNano() / 1_000_000n);
    const tasks: Promise<void>[] = [];
    if (config.storage.cleanup.enabled && mode === 'sync') {
      const cleaner = new Cleaner({
        storage,
        databaseName: this.status.name,
        instanceId: this.#instanceId,
        config: config.storage.cleanup,
        committed: () => this.#included,
        refused: () => this.#index.refused,
        log: this.#log,
        now,
        random,
        sleep: (ms, until) => clock.sleep(ms, until),
      });
      tasks.push(cleaner.run(signal));
    }
    if (config.sweeper.enabled) {
      const sweeper = new Sweeper({
        environment,
        mode: this.#schema.native ? 'native' : 'shadow',
        config: config.sweeper,
        log: this.#log,
        now,
        monotonicMs: () => clock.monotonicMs(),
        sleep: (ms, until) => clock.sleep(ms, until),
        write: (body) =>
          this.#turns.run(() => {
            if (tracker.localRound()) this.#lmdbWake.notify();
            return tracker.write((transaction) => body(transaction)).result;
          }),
      });
      tasks.push(sweeper.run(signal));
    }
    return tasks;
  }

  #fail(error: unknown): void {
    this.#fatal ??= error;
    this.#stop.abort();
  }
}

/** What may pass by itself: a full map or disk, too many readers. Everything else is for the operator. */
function isPassing(error: unknown): boolean {
  if (error instanceof SpoolError) return true;
  if (error instanceof UnsupportedDbiError || error instanceof HeaderError || error instanceof NotLmdbError)
    return false;
  return error instanceof LmdbError || (error instanceof LmdbstreamError && error.code === 'MAP_FULL');
}
