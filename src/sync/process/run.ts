import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Config } from '../../config/index.ts';
import { describeError, LmdbstreamError } from '../../errors/index.ts';
import { liblmdb, shareOneHeap } from '../../lmdb/index.ts';
import type { Log, LogStyle } from '../../log/index.ts';
import { StorageError } from '../../storage/index.ts';
import { RepeatedFailure, reportFields } from '../status/repeated-failure.ts';
import { systemClock } from '../time/clock.ts';
import { BlockedWorkers } from './blocked-workers.ts';
import { LockClock } from './lock-clock.ts';
import { openStorage } from './open-storage.ts';
import type { SerializedError, WorkerInput, WorkerMessage } from './worker.ts';

export interface RunOptions {
  readonly config: Config;
  /** `receive` never stores. */
  readonly mode: 'sync' | 'receive';
  /** `--only-db`; empty: all. */
  readonly onlyDatabases: readonly string[];
  readonly log: Log;
  /** How `log` writes: the workers' lines, which go to standard error beside it, look the same. */
  readonly logStyle?: LogStyle | undefined;
  /** Aborted: transactions and uploads under way are finished, then it ends. */
  readonly signal: AbortSignal;
  /**
   * Called before it ends when a worker waits in LMDB for a write lock that the application keeps: that thread cannot be
   * stopped, and only `exitAtOnce` ends the process. Nothing of ours is half-written.
   */
  readonly onBlocked?: (() => void) | undefined;
  readonly version: string;
  /** An object that must be in the bucket before any LMDB is opened. */
  readonly waitForMarkerFile?: string;
}

/** A wait for the write lock is told of from here on, and again at every doubling. */
const LONG_WAIT_MS = 10_000;
const WATCH_INTERVAL_MS = 1000;
const BLOCKED =
  'The application keeps the write lock: ending without it. Nothing is half-written; what could not be written to the LMDB ' +
  'is written after the next start, which also frees our reader slot';
/** Our loops allocate next to nothing: a large nursery would only be memory that nobody uses. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 6 };

/**
 * Synchronises the configured databases, each group in a worker thread, until aborted or, with only_once, done.
 * @throws LmdbstreamError: the first database that failed, with the other failures; the others were stopped
 */
export async function runSync(options: RunOptions): Promise<'done' | 'stopped'> {
  const { config, log, signal } = options;
  if (config.http.address !== '') {
    log.warn('http.address is set, but this version has no HTTP server yet', { address: config.http.address });
  }
  const names = [...config.lmdbs.keys()].filter((name) => isWanted(name, options));
  if (names.length === 0) return 'done';
  const library = liblmdb();
  shareOneHeap();
  log.info('Starting', { version: options.version, instance: config.instance, liblmdb: library.versionText });
  if (options.waitForMarkerFile !== undefined) await waitForMarker(options, options.waitForMarkerFile);
  if (signal.aborted) return 'stopped';
  const failures = await runWorkers(groupsOf(names, config.workers), options);
  const [first, ...others] = failures;
  if (first)
    throw errorOf(
      first,
      others.map((failure) => errorOf(failure)),
    );
  return signal.aborted ? 'stopped' : 'done';
}

function isWanted(name: string, { onlyDatabases, log }: RunOptions): boolean {
  if (onlyDatabases.length === 0 || onlyDatabases.includes(name)) return true;
  log.warn('Skipping because of --only-db flag', { db: name });
  return false;
}

/** As many groups as workers, never more than databases. */
export function groupsOf(names: readonly string[], workers: number): string[][] {
  const count = Math.min(names.length, workers > 0 ? workers : availableParallelism());
  const groups: string[][] = Array.from({ length: count }, () => []);
  for (const [index, name] of names.entries()) groups[index % count]!.push(name);
  return groups;
}

interface Failure {
  readonly database: string | undefined;
  readonly error: SerializedError;
}

async function runWorkers(groups: readonly string[][], options: RunOptions): Promise<Failure[]> {
  const failures: Failure[] = [];
  const workers = new Map<Worker, { name: string; clock: LockClock }[]>();
  const blocked = new BlockedWorkers();
  const stopAll = (): void => {
    for (const worker of workers.keys()) worker.postMessage('stop');
    blocked.watch(() => [...workers.values()].map((entries) => entries.map(({ clock }) => clock)));
  };
  options.signal.addEventListener('abort', stopAll, { once: true });
  const ended = groups.map((databases) => {
    const lockCells = LockClock.cellsFor(databases.length);
    const { config, mode, log, logStyle = config.log } = options;
    const workerData: WorkerInput = { config, mode, databases, lockCells, logStyle };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, resourceLimits: WORKER_LIMITS });
    workers.set(
      worker,
      databases.map((name, index) => ({ name, clock: new LockClock(lockCells, index) })),
    );
    const stopWatching = watchLocks(databases, lockCells, log);
    return new Promise<void>((resolve) => {
      worker.on('message', (message: WorkerMessage) => {
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
function watchLocks(databases: readonly string[], cells: SharedArrayBuffer, log: Log): () => void {
  const clocks = databases.map((name, index) => ({ name, clock: new LockClock(cells, index), toldMs: 0 }));
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

async function waitForMarker({ config, log, signal }: RunOptions, name: string): Promise<void> {
  const storage = await openStorage(config, systemClock, log, signal);
  if (!storage) return;
  try {
    log.info('Waiting for marker file', { name });
    const looking = new RepeatedFailure();
    while (!signal.aborted) {
      try {
        const { stream } = await storage.load(name, { signal });
        for await (const chunk of stream) void chunk;
        log.info('Marker file found', { name });
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StorageError)) throw error;
        const report = error.notFound ? undefined : looking.failed(Number(systemClock.nowNano() / 1_000_000n));
        if (report) {
          log.error('Looking for the marker file failed', { error: describeError(error), ...reportFields(report) });
        }
      }
      await systemClock.sleep(config.storagePollIntervalMs, signal);
    }
  } finally {
    await storage.close();
  }
}

function errorOf({ database, error: failed }: Failure, others: readonly LmdbstreamError[] = []): LmdbstreamError {
  const { code, message, hint, stack } = failed;
  const error = new LmdbstreamError(code, message, { hint, database, others });
  if (stack) error.stack = stack;
  return error;
}
