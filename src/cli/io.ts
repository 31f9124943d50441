import type { Writable } from 'node:stream';
import type { LogStream } from '../log/index.ts';
import type { RunOptions } from '../sync/index.ts';
import { burnPid, restartProcess } from './processes.ts';

/** A signal that asks the process to end. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

/** Everything of the process that the command line touches; tests give their own. */
export interface Io {
  /** What a command prints; nothing else goes here. */
  readonly stdout: Writable;
  /** Errors of the command line. */
  readonly stderr: { write(text: string): unknown };
  /** Where the log goes; undefined: standard error, written synchronously. */
  readonly logStream: LogStream | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  readonly signals: SignalSource;
  /** Ends the process at once, whatever is still going on in it. */
  exit(code: number): void;
  /** Uses up one process id. */
  burnPid(): void;
  /** Runs this command again as a child, passes signals on to it, and resolves to its exit code. */
  restart(env: Readonly<Record<string, string | undefined>>): Promise<number>;
  /** Begins to load what `runSync` needs, while the configuration is still read. */
  prepareSync(): void;
  runSync(options: RunOptions): Promise<'done' | 'stopped'>;
}

export function processIo(): Io {
  // Nobody reads the errors any more (EPIPE): no reason to end with another one.
  process.stderr.on('error', () => {});
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    logStream: undefined,
    env: process.env,
    pid: process.pid,
    now: Date.now,
    signals: process,
    exit: (code) => void exitNow(code),
    burnPid,
    restart: restartProcess,
    prepareSync: () => {
      // Whatever is wrong is told by `runSync`, which needs the same.
      loadSync().then(
        ({ prepareWorker }) => prepareWorker(),
        () => {},
      );
    },
    // Loaded when it is needed: the other commands start no threads and speak to no bucket.
    runSync: async (options) => (await loadSync()).runSync(options),
  };
}

async function loadSync() {
  // Tuning of the whole process, which only its owner may do, and before it has threads.
  (await import('../lmdb/index.ts')).shareOneHeap();
  return import('../sync/index.ts');
}

/** liblmdb's binding is loaded by whatever could keep the process from ending; `version` does without it. */
async function exitNow(code: number): Promise<void> {
  try {
    (await import('../lmdb/index.ts')).exitAtOnce(code);
  } catch {
    process.exit(code);
  }
}
