import { parentPort, workerData } from 'node:worker_threads';
import type { Config } from '../../config/index.ts';
import { LmdbstreamError } from '../../errors/index.ts';
import { createLog, descriptorStream, type LogStyle } from '../../log/index.ts';
import { DatabaseSync } from '../database.ts';
import { systemClock } from '../time/clock.ts';
import { LockClock } from './lock-clock.ts';
import { openStorage } from './open-storage.ts';

/** What the main thread gives a worker: its databases, and where it shows that it waits for a lock. */
export interface WorkerInput {
  readonly config: Config;
  readonly mode: 'sync' | 'receive';
  readonly databases: readonly string[];
  /** One cell a database, see `LockClock`. */
  readonly lockCells: SharedArrayBuffer;
  /** The main thread's: both write to standard error, and the lines look the same. */
  readonly logStyle: LogStyle;
}

/** What a worker tells. */
export type WorkerMessage =
  | { readonly type: 'failed'; readonly database: string; readonly error: SerializedError }
  | { readonly type: 'ended' };

export interface SerializedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** Of an error that is nobody's mistake but ours. */
  readonly stack: string | undefined;
}

function serialize(error: unknown): SerializedError {
  if (error instanceof LmdbstreamError) {
    return { code: error.code, message: error.message, hint: error.hint, stack: undefined };
  }
  const stack = error instanceof Error ? error.stack : undefined;
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), hint: undefined, stack };
}

async function runDatabases(
  input: WorkerInput,
  signal: AbortSignal,
  tell: (message: WorkerMessage) => void,
): Promise<void> {
  const { config, mode } = input;
  const log = createLog({ ...input.logStyle, stream: descriptorStream(2) });
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  await Promise.all(
    input.databases.map(async (name, index) => {
      try {
        const storage = await openStorage(config, systemClock, log, stop.signal);
        if (!storage) return;
        try {
          const lockWatch = new LockClock(input.lockCells, index);
          const options = { config, lmdb: config.lmdbs.get(name)!, mode, storage, clock: systemClock, log, lockWatch };
          await new DatabaseSync({ ...options, random: Math.random }).run(stop.signal);
        } finally {
          await storage.close();
        }
      } catch (error) {
        if (stop.signal.aborted && signal.aborted && !(error instanceof LmdbstreamError)) throw error;
        tell({ type: 'failed', database: name, error: serialize(error) });
        stop.abort();
      }
    }),
  );
  tell({ type: 'ended' });
}

const port = parentPort;
if (port) {
  const stop = new AbortController();
  port.on('message', () => stop.abort());
  await runDatabases(workerData as WorkerInput, stop.signal, (message) => port.postMessage(message));
  port.close();
}
