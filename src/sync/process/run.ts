import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { Config } from '../../config/index.ts';
import { describeError, LmdbstreamError } from '../../errors/index.ts';
import { liblmdb } from '../../lmdb/index.ts';
import { type Log, type LogStyle, silentLog } from '../../log/index.ts';
import { type ChangeEvent, type DatabaseStatus, newStatus, reduceStatus, type SyncEvent } from '../status/index.ts';
import { systemClock } from '../time/index.ts';
import { BlockedWorkers } from './blocked-workers.ts';
import { ChangeHub } from './change-hub.ts';
import { HintSender } from './hint-sender.ts';
import { ListenFlag } from './listen-flag.ts';
import { LockClock } from './lock-clock.ts';
import { startWorker } from './start-worker.ts';
import type { SerializedError, WorkerChanges, WorkerMessage, WorkerOrder } from './thread.ts';
import { waitForMarker } from './wait-for-marker.ts';

export interface StartOptions {
  /** As `parseConfig` or `loadConfig` give it. `http.address` is served by the command line only. */
  readonly config: Config;
  /** `receive` never stores; default `sync`. */
  readonly mode?: 'sync' | 'receive';
  /** Only these databases; default, and when empty: all that are configured. */
  readonly onlyDatabases?: readonly string[];
  /** Told what the command line would log; default: nobody. */
  readonly log?: Log;
  /** Given: worker threads write their lines to standard error themselves, in this style, instead of through `log`. */
  readonly logStyle?: LogStyle | undefined;
  /**
   * Called before it ends when a worker waits in LMDB for a write lock that the application keeps: that thread cannot be
   * stopped, and only ending the process does. Nothing of ours is half-written.
   */
  readonly onBlocked?: (() => void) | undefined;
  /** What the log calls this program. */
  readonly version?: string;
  /**
   * Given: what changes is collected from the start on; otherwise while somebody listens to `RunningSync.changes`. `toldTxnIds`: by
   * database, the last transaction told in an earlier life; what came later is told at the start as `missed`. `namesZones`: PowerDNS's
   * zones are told at the start, to `onChange` of `runSync` alone.
   */
  readonly changes?: Partial<Pick<WorkerChanges, 'toldTxnIds' | 'namesZones'>> | undefined;
  /** An object that must be in the bucket before any LMDB is opened. */
  readonly waitForMarkerFile?: string;
}

/** Databases that are kept in step, in threads of their own. */
export interface RunningSync {
  /** By name, as of now. */
  status(): ReadonlyMap<string, DatabaseStatus>;
  readonly events: {
    /** Calls `listener` with every event from now on, in the order of each database. @returns what ends that */
    subscribe(listener: (event: SyncEvent) => void): () => void;
  };
  /** What changes in the application's DBIs, whoever changed it; told after the commit (docs/events.md). */
  readonly changes: {
    /** Calls `listener` with every change from now on, in the order of each database. @returns what ends that */
    subscribe(listener: (event: ChangeEvent) => void): () => void;
    /** The same from the first `next()` on, as an iterator that ends with the sync. Over `events.max_keys` it names no keys. */
    stream(): AsyncIterableIterator<ChangeEvent>;
  };
  /** Since when the thread of a database waits for LMDB's write lock, in ms since 1970; undefined: it does not wait. */
  lockWaitingSinceMs(database: string): number | undefined;
  /** Lists the bucket of a database at once, instead of at the next poll. Costs a listing; again and unknown names: no error. */
  listNow(database: string): void;
  /** Transactions and uploads under way are finished. Resolves, or rejects, as `ended` does; again is no error. */
  stop(): Promise<'done' | 'stopped'>;
  /**
   * Resolves when it has stopped or, with `only_once`, is done. Rejects with the first database's error that failed, as an
   * `LmdbstreamError` whose code is the cause's, with the others in `others`; the other databases were stopped.
   */
  readonly ended: Promise<'done' | 'stopped'>;
}

/** What `runSync` takes beside. */
export interface RunOptions extends StartOptions {
  readonly mode: 'sync' | 'receive';
  readonly onlyDatabases: readonly string[];
  readonly log: Log;
  readonly version: string;
  /** Aborted: it stops. */
  readonly signal: AbortSignal;
  /** Told every event, in the order of each database. */
  readonly onEvent?: (event: SyncEvent) => void;
  /** Told what changes in the application's DBIs. */
  readonly onChange?: ((event: ChangeEvent) => void) | undefined;
  /** Told once, before any database is opened. */
  readonly onStarted?: (running: RunningSync) => void;
}

/** A wait for the write lock is told of from here on, and again at every doubling. */
const LONG_WAIT_MS = 10_000;
const WATCH_INTERVAL_MS = 1000;
const BLOCKED =
  'The application keeps the write lock: ending without it. Nothing is half-written; what could not be written to the LMDB ' +
  'is written after the next start, which also frees our reader slot';

/** Starts keeping the configured databases in step, each group of them in a worker thread. */
export function startSync(options: StartOptions): RunningSync {
  return publicOf(new StartedSync(options));
}

function publicOf(started: StartedSync): RunningSync {
  return {
    status: () => started.status,
    events: { subscribe: (listener) => started.subscribe(listener) },
    changes: { subscribe: (listener) => started.changes.subscribe(listener), stream: () => started.changes.stream() },
    lockWaitingSinceMs: (database) => started.lockWaitingSinceMs(database),
    listNow: (database) => started.listNow(database),
    stop: () => started.stop(),
    ended: started.ended,
  };
}

/** `startSync`, until the signal is aborted or, with only_once, it is done. */
export async function runSync({
  signal,
  onEvent,
  onChange,
  onStarted,
  ...options
}: RunOptions): Promise<'done' | 'stopped'> {
  const running = new StartedSync(options);
  if (onEvent) running.subscribe(onEvent);
  if (onChange) running.changes.subscribe(onChange, true);
  onStarted?.(publicOf(running));
  const stop = (): void => void running.stop().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await running.ended;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What the threads share of a start. */
interface Run extends Required<Pick<StartOptions, 'mode' | 'log' | 'onlyDatabases'>> {
  readonly config: Config;
  readonly logStyle: LogStyle | undefined;
  readonly onBlocked: (() => void) | undefined;
  readonly signal: AbortSignal;
  readonly onEvents: (events: readonly SyncEvent[]) => void;
  readonly onChanges: (changes: readonly ChangeEvent[]) => void;
  /** How workers tell of changes. */
  readonly changes: WorkerChanges;
  readonly onWorker: (name: string, clock: LockClock, worker: Worker) => void;
}

class StartedSync {
  readonly ended: Promise<'done' | 'stopped'>;
  readonly changes: ChangeHub;
  readonly #stop = new AbortController();
  readonly #status = new Map<string, DatabaseStatus>();
  readonly #listeners = new Set<(event: SyncEvent) => void>();
  readonly #lockClocks = new Map<string, LockClock>();
  readonly #workers = new Map<string, Worker>();

  constructor(options: StartOptions) {
    const { config, mode = 'sync', log = silentLog, onlyDatabases = [], logStyle, onBlocked } = options;
    const { signal } = this.#stop;
    const onEvents = (events: readonly SyncEvent[]): void => this.#take(events);
    const onWorker: Run['onWorker'] = (name, clock, worker) => {
      this.#lockClocks.set(name, clock);
      this.#workers.set(name, worker);
    };
    const { maxKeys } = config.events;
    const { toldTxnIds, namesZones = false } = options.changes ?? {};
    const listenCell = ListenFlag.newCell();
    const flag = new ListenFlag(listenCell);
    flag.set(options.changes !== undefined);
    this.changes = new ChangeHub({ maxKeys, onListen: (isOn) => flag.set(isOn) });
    const run: Run = {
      ...{ config, mode, log, onlyDatabases, logStyle, onBlocked, signal, onEvents, onWorker },
      onChanges: (changes) => this.changes.post(changes),
      changes: { listenCell, maxKeys, namesZones, toldTxnIds },
    };
    this.ended = this.#run(options, run).finally(() => this.changes.end());
    // Whoever only stops and never looks must not be ended by it.
    this.ended.catch(() => undefined);
  }

  get status(): ReadonlyMap<string, DatabaseStatus> {
    return new Map(this.#status);
  }

  lockWaitingSinceMs(database: string): number | undefined {
    return this.#lockClocks.get(database)?.waitingSinceMs;
  }

  listNow(database: string): void {
    const order: WorkerOrder = { listNow: database };
    this.#workers.get(database)?.postMessage(order);
  }

  subscribe(listener: (event: SyncEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  stop(): Promise<'done' | 'stopped'> {
    this.#stop.abort();
    return this.ended;
  }

  #take(events: readonly SyncEvent[]): void {
    for (const event of events) {
      const status = this.#status.get(event.db);
      if (status) this.#status.set(event.db, reduceStatus(status, event));
      for (const listener of this.#listeners) listener(event);
    }
  }

  async #run({ version, waitForMarkerFile }: StartOptions, run: Run): Promise<'done' | 'stopped'> {
    const { config, log, signal } = run;
    const names = [...config.lmdbs.keys()].filter((name) => isWanted(name, run));
    for (const name of names) this.#status.set(name, newStatus(name));
    if (names.length === 0) return 'done';
    const library = liblmdb();
    log.info('Starting', { version, instance: config.instance, liblmdb: library.versionText });
    if (waitForMarkerFile !== undefined) await waitForMarker(config, waitForMarkerFile, run);
    if (signal.aborted) return 'stopped';
    const hints = config.peers.length > 0 ? new HintSender(config.peers, systemClock, log) : undefined;
    const stopHints = hints && this.subscribe((event) => hints.onEvent(event));
    const failures = await runWorkers(groupsOf(names, config.workers), run);
    stopHints?.();
    await hints?.end();
    const [first, ...others] = failures;
    if (first) {
      const rest = others.map((failure) => errorOf(failure));
      throw errorOf(first, rest);
    }
    return signal.aborted ? 'stopped' : 'done';
  }
}

function isWanted(name: string, { onlyDatabases, log }: Run): boolean {
  if (onlyDatabases.length === 0 || onlyDatabases.includes(name)) return true;
  log.warn('Skipping because of --only-db flag', { db: name });
  return false;
}

/** As many groups as workers, never more than databases. */
function groupsOf(names: readonly string[], workers: number): string[][] {
  const count = Math.min(names.length, workers > 0 ? workers : availableParallelism());
  const groups: string[][] = Array.from({ length: count }, () => []);
  for (const [index, name] of names.entries()) groups[index % count]!.push(name);
  return groups;
}

interface Failure {
  readonly database: string | undefined;
  readonly error: SerializedError;
}

async function runWorkers(groups: readonly string[][], options: Run): Promise<Failure[]> {
  const failures: Failure[] = [];
  const workers = new Map<Worker, { name: string; clock: LockClock }[]>();
  const blocked = new BlockedWorkers();
  const stopAll = (): void => {
    const order: WorkerOrder = 'stop';
    for (const worker of workers.keys()) worker.postMessage(order);
    blocked.watch(() => [...workers.values()].map((entries) => entries.map(({ clock }) => clock)));
  };
  options.signal.addEventListener('abort', stopAll, { once: true });
  const ended = groups.map((databases) => {
    const lockCells = LockClock.cellsFor(databases.length);
    const { config, mode, log, logStyle } = options;
    const worker = startWorker({ config, mode, databases, lockCells, logStyle, changes: options.changes });
    const clocks = databases.map((name, index) => ({ name, clock: new LockClock(lockCells, index) }));
    for (const { name, clock } of clocks) options.onWorker(name, clock, worker);
    workers.set(worker, clocks);
    const stopWatching = watchLocks(clocks, log);
    return new Promise<void>((resolve) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'events') options.onEvents(message.events);
        if (message.type === 'changes') options.onChanges(message.changes);
        if (message.type === 'line') log[message.level](message.message, message.fields);
        if (message.type !== 'failed') return;
        // Told once, where the whole run ends; until then the others finish what they are at.
        failures.push(message);
        log.info('A database failed, stopping', { db: message.database, code: message.error.code });
        stopAll();
      });
      worker.on('error', (error) => {
        const { stack } = error as Error;
        const message = `a worker died (${databases.join(' ')}): ${describeError(error)}`;
        failures.push({ database: undefined, error: { code: 'INTERNAL', message, hint: undefined, stack } });
        stopAll();
      });
      worker.on('exit', () => {
        workers.delete(worker);
        stopWatching();
        resolve();
      });
    });
  });
  if (options.signal.aborted) stopAll();
  const isAbandoned = await Promise.race([Promise.all(ended).then(() => false), blocked.found.then(() => true)]);
  blocked.dispose();
  options.signal.removeEventListener('abort', stopAll);
  if (isAbandoned) {
    const left = [...workers.values()].flat().filter(({ clock }) => clock.waitingSinceMs !== undefined);
    options.log.warn(BLOCKED, { dbs: left.map(({ name }) => name).join(' ') });
    options.onBlocked?.();
  }
  return failures;
}

/** Tells of long waits for a write lock, from outside the thread that waits. */
function watchLocks(watched: readonly { name: string; clock: LockClock }[], log: Log): () => void {
  const clocks = watched.map((entry) => ({ ...entry, toldMs: 0 }));
  const timer = setInterval(() => {
    for (const entry of clocks) {
      const since = entry.clock.waitingSinceMs;
      if (since === undefined) {
        entry.toldMs = 0;
        continue;
      }
      const waitedMs = Date.now() - since;
      if (waitedMs < Math.max(LONG_WAIT_MS, entry.toldMs * 2)) continue;
      entry.toldMs = waitedMs;
      log.warn('Waiting for the write lock: the application (or another tool) keeps it', {
        db: entry.name,
        waitedSeconds: Math.round(waitedMs / 1000),
      });
    }
  }, WATCH_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function errorOf({ database, error: failed }: Failure, others: readonly LmdbstreamError[] = []): LmdbstreamError {
  const { code, message, hint, stack } = failed;
  const error = new LmdbstreamError(code, message, { hint, database, others });
  if (stack) error.stack = stack;
  return error;
}
