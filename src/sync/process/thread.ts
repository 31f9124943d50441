import type { Config } from '../../config/index.ts';
import { createLog, descriptorStream, type Log, type LogFields, type LogStyle } from '../../log/index.ts';
import type { StorageObserver } from '../../storage/index.ts';
import { type DatabaseChanges, DatabaseSync, systemPorts } from '../database/index.ts';
import {
  type ChangeEvent,
  type ChangeListening,
  type ErrorInfo,
  errorInfo,
  isProgress,
  lineOf,
  type Report,
  type SyncEvent,
} from '../status/index.ts';
import { controllerOfMany, nowMs, systemClock } from '../time/index.ts';
import { EventBatch } from './event-batch.ts';
import { waitForFirstFile } from './first-file.ts';
import { collectGarbage } from './garbage.ts';
import { ListenFlag } from './listen-flag.ts';
import { LockClock } from './lock-clock.ts';
import { openStorage } from './open-storage.ts';
import { OpeningStorage } from './opening-storage.ts';
import { type Reopening, runReopening } from './reopening.ts';
import { waitForDataFile } from './wait-for-file.ts';

/** What the main thread gives a worker: its databases, and where it shows that it waits for a lock. */
export interface WorkerInput {
  readonly config: Config;
  readonly mode: 'sync' | 'receive';
  readonly databases: readonly string[];
  /** One cell a database, see `LockClock`. */
  readonly lockCells: SharedArrayBuffer;
  readonly changes: WorkerChanges;
  /** The main thread's, when both write to standard error; undefined: lines are posted. */
  readonly logStyle: LogStyle | undefined;
}

/** How changes of the application's DBIs are told. */
export interface WorkerChanges extends Omit<ChangeListening, 'isOn'> {
  /** Of a `ListenFlag`. */
  readonly listenCell: SharedArrayBuffer;
  /** Given: what was not told before the start is told then. By database: the last transaction that was. */
  readonly toldTxnIds: ReadonlyMap<string, number> | undefined;
}

/** What the main thread asks of a worker that works. */
export type WorkerOrder = 'stop' | { readonly listNow: string };

/** What a worker tells. */
export type WorkerMessage =
  | { readonly type: 'failed'; readonly database: string; readonly error: SerializedError }
  | { readonly type: 'events'; readonly events: readonly SyncEvent[] }
  | { readonly type: 'changes'; readonly changes: readonly ChangeEvent[] }
  | {
      readonly type: 'line';
      readonly level: Exclude<keyof Log, 'child'>;
      readonly message: string;
      readonly fields: LogFields;
    };

/** `stack`: of an error that is nobody's mistake but ours. */
export type SerializedError = ErrorInfo;

type Tell = (message: WorkerMessage) => void;

/** A log whose lines the main thread writes. */
function postingLog(tell: Tell, bound: LogFields = {}): Log {
  const line =
    (level: Exclude<keyof Log, 'child'>) =>
    (message: string, fields: LogFields = {}): void =>
      tell({ type: 'line', level, message, fields: { ...bound, ...fields } });
  const child = (fields: LogFields): Log => postingLog(tell, { ...bound, ...fields });
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child };
}

/** A bucket whose libraries take longer to load than an LMDB to open. */
function isRemote({ storage }: Config): boolean {
  return storage.type === 's3' || storage.type === 'azure';
}

/** Requests to a remote bucket, as events of the first database: all of this thread share one client. */
function observerOf({ config, databases }: WorkerInput, batch: EventBatch<SyncEvent>): StorageObserver | undefined {
  const { type: storage } = config.storage;
  if (storage !== 's3' && storage !== 'azure') return undefined;
  const [db] = databases;
  return {
    call: (method, outcome, durationMs, bytes) => {
      const errorLabel = outcome.ok ? undefined : outcome.errorLabel;
      batch.add({
        type: 'storageCall',
        storage,
        method,
        errorLabel,
        durationMs,
        bytes,
        db: db!,
        atMs: nowMs(systemClock),
      });
    },
  };
}

/** For what happens while no loop runs. */
function reportTo(db: string, onEvent: (event: SyncEvent) => void, log: Log): Report {
  return (body) => {
    const line = lineOf(body);
    if (line) log[line.level](line.message, { db, ...line.fields });
    onEvent({ ...body, db, atMs: nowMs(systemClock) });
  };
}

/** The application waits for these: they are only collected with what is there at the same moment. */
const CHANGES_WAIT_MS = 2;

/**
 * Keeps the databases of one thread in step, until aborted or, with only_once, done.
 * @param onReady given what lists the bucket of a database at once
 */
export async function runDatabases(
  input: WorkerInput,
  signal: AbortSignal,
  tell: Tell,
  onReady: (listNow: (database: string) => void) => void = () => {},
): Promise<void> {
  const { config, mode, logStyle } = input;
  const log = logStyle ? createLog({ ...logStyle, stream: descriptorStream(2) }) : postingLog(tell);
  const stop = controllerOfMany();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  // The order may have come while this module was loaded.
  if (signal.aborted) stop.abort();
  const batch = new EventBatch<SyncEvent>(systemClock, (events) => tell({ type: 'events', events }));
  const changed = new EventBatch<ChangeEvent>(
    systemClock,
    (changes) => tell({ type: 'changes', changes }),
    CHANGES_WAIT_MS,
  );
  // One client for all its databases: connections, authorities and signing keys are the same.
  const opening = openStorage(config, systemClock, log, stop.signal, {
    observer: observerOf(input, batch),
    onFailed: (error, failures) => {
      for (const db of input.databases) {
        batch.add({ type: 'listFailed', error: errorInfo(error), failures, db, atMs: nowMs(systemClock) });
      }
    },
  }).catch((error: unknown) => {
    tell({ type: 'failed', database: input.databases.join(' '), error: errorInfo(error) });
    stop.abort();
    return undefined;
  });
  const storage = isRemote(config) ? new OpeningStorage(config.storage.type, opening) : await opening;
  if (storage !== undefined) {
    const bucket = storage;
    const databases = new Map<string, DatabaseSync>();
    // A flag of V8 counts for the whole process: it is set where the process is ours.
    const tuning = logStyle ? { collectGarbage } : {};
    const { listenCell, maxKeys, namesZones, toldTxnIds } = input.changes;
    const flag = new ListenFlag(listenCell);
    const listening: ChangeListening = {
      get isOn() {
        return flag.isOn;
      },
      maxKeys,
      namesZones,
    };
    onReady((name) => databases.get(name)?.listNow());
    const run = async (name: string, index: number): Promise<void> => {
      try {
        const lockWatch = new LockClock(input.lockCells, index);
        const onEvent = (event: SyncEvent): void => {
          batch.add(event);
          // Peers wait for this one; and a thread that fills or merges posts nothing by itself until it is done.
          if ((event.type === 'stored' && config.peers.length > 0) || isProgress(event)) batch.flush();
        };
        const report = reportTo(name, onEvent, log);
        const { onlyOnce, lmdbPollIntervalMs: pollMs } = config;
        let missed: DatabaseChanges['missed'] = toldTxnIds && { sinceTxnId: toldTxnIds.get(name) };
        const reopening: Reopening = {
          lmdb: config.lmdbs.get(name)!,
          onlyOnce,
          run: (lmdb, until) => {
            const ports = systemPorts({ config, lmdb, storage: bucket, lockWatch, ...tuning });
            const changes = { listening, missed, onChange: (event: ChangeEvent) => changed.add(event) };
            // Of a file that takes the place of this one nobody will have been told anything.
            missed = { sinceTxnId: undefined };
            const options = { config, lmdb, mode, ports, log, hasBar: logStyle?.hasBar, onEvent, changes };
            const database = new DatabaseSync(options);
            databases.set(name, database);
            return database.run(until);
          },
          wait: (path, until) => waitForDataFile({ path, pollMs, clock: systemClock, report }, until),
        };
        const first = { lmdb: reopening.lmdb, storage: bucket, pollMs, clock: systemClock, report };
        if (!onlyOnce && !(await waitForFirstFile(first, stop.signal))) return;
        await runReopening(reopening, stop.signal);
      } catch (error) {
        tell({ type: 'failed', database: name, error: errorInfo(error) });
        stop.abort();
      } finally {
        databases.delete(name);
      }
    };
    await Promise.all(input.databases.map(run)).finally(() => bucket.close());
  }
  changed.flush();
  batch.flush();
}
