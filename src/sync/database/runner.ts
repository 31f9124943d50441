import { toInstanceId } from '../../snapshot/index.ts';
import { ChainIndex, type ListedObject } from '../chain/index.ts';
import {
  isReplaced,
  LocalChanges,
  type LocalDatabase,
  type MergeBatch,
  type MergeResult,
  type ShownState,
} from '../local/index.ts';
import type { Publisher } from '../publish/index.ts';
import { type Receiver, refuseStale } from '../remote/index.ts';
import {
  type DatabaseStatus,
  errorInfo,
  isProgress,
  lineOf,
  newStatus,
  reduceStatus,
  type SyncEvent,
  type SyncEventBody,
} from '../status/index.ts';
import { controllerOfMany, nowMs, type Timer } from '../time/index.ts';
import { ListingNews } from './listing-news.ts';
import { makePublisher } from './make-publisher.ts';
import { makeReceiver } from './make-receiver.ts';
import { changesOf, type DatabaseOptions } from './ports.ts';
import { recover } from './recover.ts';
import {
  type DatabaseAction,
  type DatabaseEvent,
  type DatabaseState,
  initialState,
  type RemoteFacts,
} from './state.ts';
import { step } from './step.ts';
import { upkeep } from './upkeep.ts';

/**
 * One database: notices local changes, publishes them, loads what others published. Lives in one thread. What is done when is
 * decided by `step`; here it is done, by the parts, and what came of it is told.
 */
export class DatabaseSync {
  readonly #options: DatabaseOptions;
  readonly #log: DatabaseOptions['log'];
  readonly #instanceId: string;
  readonly #index: ChainIndex;
  readonly #news: ListingNews;
  readonly #work = controllerOfMany();
  readonly #publishing = new AbortController();
  readonly #tasks = new Set<Promise<unknown>>();
  /** Downloads that wait for the word to be merged. */
  readonly #downloads = new Map<string, () => void>();
  readonly #queue: DatabaseEvent[] = [];
  #state: DatabaseState;
  #status: DatabaseStatus;
  #isStepping = false;
  #timer: Timer | undefined;
  #parts: { local: LocalDatabase; changes: LocalChanges; receiver: Receiver } | undefined;
  #publisher: Publisher | undefined;
  #included: ReadonlyMap<string, bigint> = new Map();
  /** The newest object of ours that was merged. */
  #shown: ShownState | undefined;
  #fatal: { error: unknown } | undefined;
  #refusal: unknown;
  #end = (): void => {};

  constructor(options: DatabaseOptions) {
    const { config, lmdb, mode } = options;
    this.#options = options;
    this.#log = options.log.child({ db: lmdb.name });
    this.#instanceId = toInstanceId(config.instance);
    const { removeOldInstancesIntervalMs: awayMs } = config.storage.cleanup;
    const names = { databaseName: lmdb.name, ownInstanceId: this.#instanceId };
    this.#index = new ChainIndex({ ...names, readsDeltas: config.deltas !== 'off', awayMs });
    this.#news = new ListingNews(options, this.#index, this.#report);
    this.#status = newStatus(lmdb.name);
    const { onlyOnce, storagePollIntervalMs, storageForceSnapshotIntervalMs: forceSnapshotIntervalMs } = config;
    this.#state = initialState({ mode, onlyOnce, storagePollIntervalMs, forceSnapshotIntervalMs });
  }

  get status(): DatabaseStatus {
    return this.#status;
  }

  /**
   * Until aborted (the transaction and the upload under way are finished) or, with only_once, until one pass is done.
   * @throws DataFileReplacedError: what is there now needs a start; UnsupportedDbiError, StaleInstanceError …: the operator's
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#tell({ type: 'stop' });
    signal.addEventListener('abort', stop, { once: true });
    try {
      const local = this.#open();
      try {
        await new Promise<void>((resolve) => {
          this.#end = resolve;
          this.#tell({ type: 'opened', hasData: local.stats().lastTxnId > 0 });
          if (signal.aborted) stop();
        });
      } finally {
        this.#timer?.cancel();
        await local.idle();
        local.close();
      }
      this.#throwWhatEndedIt();
      this.#report({ type: 'phase', phase: 'stopped' });
    } catch (error) {
      this.#report({ type: isReplaced(error) ? 'dataFileReplaced' : 'error', error: errorInfo(error) });
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Lists the bucket at once; while the start is under way that changes nothing. */
  readonly listNow = (): void => this.#tell({ type: 'news' });

  #open(): LocalDatabase {
    const { config, lmdb, ports } = this.#options;
    const included = (): ReadonlyMap<string, bigint> => this.#index.merged;
    const publishes = this.#options.mode === 'sync';
    const given = { report: this.#report, log: this.#log, included, publishes };
    const local = ports.open({ ...given, changes: changesOf(this.#options) });
    this.#report({ type: 'opened', path: lmdb.path, stats: local.stats() });
    const onTick = (): void => {
      const sinceFullMs = this.#publisher?.sinceFullMs ?? 0;
      this.#tell({ type: 'looked', sinceFullMs, txnId: local.txnId });
    };
    const changes = new LocalChanges({ local, config, clock: ports.clock, report: this.#report, onTick });
    this.#parts = { local, changes, receiver: this.#makeReceiver(local) };
    return local;
  }

  #throwWhatEndedIt(): void {
    if (this.#fatal) throw this.#fatal.error;
    if (!this.#options.config.onlyOnce) return;
    if (this.#publisher?.gaveUp !== undefined) throw this.#publisher.gaveUp;
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  readonly #report = (body: SyncEventBody): void => {
    const event: SyncEvent = { ...body, db: this.#status.name, atMs: nowMs(this.#options.ports.clock) };
    this.#status = reduceStatus(this.#status, event);
    const line = this.#options.hasBar && isProgress(event) ? undefined : lineOf(event);
    if (line) this.#log[line.level](line.message, line.fields);
    this.#options.onEvent?.(event);
    if (event.type === 'localChange') this.#tell({ type: 'localChange' });
    // What another schema wrote may be for us now.
    if (event.type === 'schemaVersion') this.#index.forgetRefusals();
  };

  /** One event after the other: what an action tells at once waits until the step has ended. */
  #tell(event: DatabaseEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const { state, actions } = step(this.#state, next, this.#options.ports.clock.monotonicMs());
        this.#state = state;
        for (const action of actions) this.#do(action);
      }
    } finally {
      this.#isStepping = false;
    }
  }

  #do(action: DatabaseAction): void {
    const { signal } = this.#work;
    const { local, changes, receiver } = this.#parts!;
    switch (action.type) {
      case 'tellPhase':
        this.#report({ type: 'phase', phase: action.phase });
        break;
      case 'list':
        this.#start(this.#list(receiver));
        break;
      case 'checkStale':
        this.#start(this.#checkStale(local));
        break;
      case 'recover':
        this.#start(this.#recover(local));
        break;
      case 'record':
        this.#start(changes.first(signal).then((isDone) => isDone && this.#tell({ type: 'recorded' })));
        break;
      case 'load':
        receiver.start(signal);
        break;
      case 'look':
        this.#start(changes.look());
        break;
      case 'merge':
        this.#downloads.get(action.id)?.();
        this.#downloads.delete(action.id);
        break;
      case 'startPublisher':
        this.#startPublisher(local);
        break;
      case 'startWork':
        this.#startWork(local, changes);
        break;
      case 'publish':
        this.#publisher!.request();
        break;
      case 'wake':
        this.#wakeAt(action.atMs);
        break;
      case 'tellDone':
        this.#log.info('Stopping, because requested to only do a single pass');
        break;
      case 'stopWork':
        this.#work.abort();
        void this.#workEnded(receiver).then(() => this.#tell({ type: 'workEnded' }));
        break;
      case 'stopPublisher':
        this.#publishing.abort();
        break;
      case 'end':
        this.#end();
    }
  }

  /** Runs until it ends or everything is stopped. What it throws ends the database. */
  #start(work: Promise<unknown>): void {
    const task = work.catch((error: unknown) => this.#fail(error)).finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  #fail(error: unknown): void {
    this.#fatal ??= { error };
    this.#tell({ type: 'stop' });
  }

  async #workEnded(receiver: Receiver): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await receiver.idle();
  }

  #wakeAt(atMs: number): void {
    const { clock } = this.#options.ports;
    this.#timer?.cancel();
    this.#timer = clock.timer(Math.max(0, atMs - clock.monotonicMs()), () => this.#tell({ type: 'timer' }));
  }

  get #remote(): RemoteFacts {
    const waitingFor = this.#index.waitingFor();
    const ownIsDue = waitingFor.has(this.#instanceId);
    return { waitingFor: waitingFor.size, ownIsDue, hasTrouble: this.#parts!.receiver.hasTrouble };
  }

  async #list(receiver: Receiver): Promise<void> {
    if (!(await receiver.list(this.#work.signal))) return this.#tell({ type: 'listFailed' });
    this.#tell({ type: 'listed', remote: this.#remote });
    // What the bucket lost is published again (decision 12).
    if (this.#news.tell()) this.#publisher?.request();
    this.#publisher?.noteListing();
    if (this.#publisher) await this.#news.replaced.remove(this.#work.signal);
  }

  async #checkStale(local: LocalDatabase): Promise<void> {
    const { config, ports, lmdb } = this.#options;
    const known = { instanceId: this.#instanceId, index: this.#index, local, log: this.#log };
    const now = { hasLocalData: this.#state.hasDataAtStart, nowNano: ports.clock.nowNano() };
    await refuseStale({ config, databaseName: lmdb.name, ...known, ...now });
    this.#tell({ type: 'checked' });
  }

  async #recover(local: LocalDatabase): Promise<void> {
    const given = { local, index: this.#index, report: this.#report };
    if (await recover({ ...this.#options, ...given }, this.#work.signal)) this.#tell({ type: 'recovered' });
  }

  #startWork(local: LocalDatabase, changes: LocalChanges): void {
    const { config, ports } = this.#options;
    const { signal } = this.#work;
    const watch = ports.storage.watch?.(`${this.#status.name}__`, () => this.#tell({ type: 'news' }));
    signal.addEventListener('abort', () => watch?.close(), { once: true });
    this.#start(changes.run(signal));
    if (config.onlyOnce) return;
    const included = (): ReadonlyMap<string, bigint> => this.#included;
    const isProven = (full: string): boolean => this.#news.replaced.isProven(full);
    const care = { ...this.#options, local, isProven, included, log: this.#log, report: this.#report };
    for (const task of upkeep(care, signal)) this.#start(task);
  }

  #startPublisher(local: LocalDatabase): void {
    const publisher = makePublisher(this.#options, this.#index, {
      instanceId: this.#instanceId,
      local,
      shown: this.#shown,
      report: this.#report,
      onStore: (name, digest) => this.#news.sending(name, digest),
      onStored: (name, sizeBytes, { included, foreignNews }) => {
        this.#index.addStored(name, sizeBytes, this.#options.ports.clock.monotonicMs());
        // Our own entry proves to the cleaner that a full snapshot of ours stands for all the others.
        if (name.kind === 'snapshot') {
          this.#included = new Map(included).set(this.#instanceId, name.timestampNano);
          this.#index.noteFull(foreignNews);
        }
        this.#news.tellChain();
      },
      onMoved: () => this.#tell({ type: 'publisher', facts: publisher.facts }),
    });
    this.#publisher = publisher;
    void publisher
      .run(this.#publishing.signal)
      .catch((error: unknown) => this.#fail(error))
      // It may fail before everything else has ended, but its end counts only after that.
      .then(() => this.#workEnded(this.#parts!.receiver))
      .then(() => this.#tell({ type: 'publisherEnded' }));
  }

  #makeReceiver(local: LocalDatabase): Receiver {
    return makeReceiver(this.#options, {
      index: this.#index,
      report: this.#report,
      instanceId: this.#instanceId,
      merge: (batch, onBegin) => this.#merge(local, batch, onBegin),
      onMerged: (object, result) => this.#noteOwn(object, result),
      onSettled: () => this.#tell({ type: 'settled', remote: this.#remote }),
      onFatal: (error) => this.#fail(error),
      onRefused: (error) => {
        this.#refusal ??= error;
      },
    });
  }

  async #merge(local: LocalDatabase, batch: MergeBatch, onBegin: () => void): Promise<readonly MergeResult[]> {
    const id = batch.objects[0]!.name;
    await new Promise<void>((resolve) => {
      this.#downloads.set(id, resolve);
      this.#tell({ type: 'downloaded', id });
    });
    onBegin();
    const results = await local.merge(batch, this.#work.signal);
    this.#tell({ type: 'merged' });
    return results;
  }

  #noteOwn(object: ListedObject, { header, written }: MergeResult): void {
    const { instanceId, timestampNano } = object.name;
    if (instanceId !== this.#instanceId || !header) return;
    if (written > 0 && this.#index.noteNews(object)) this.#publisher?.request();
    if (this.#shown && this.#shown.timestampNano > timestampNano) return;
    this.#shown = { txnId: Number(header.meta.lmdbTxnId), timestampNano };
  }
}
