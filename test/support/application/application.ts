import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A write of the application; `flags` (`DbiFlag`) count when the DBI is created by it. */
export type ApplicationWrite =
  | { op: 'put'; dbi: string; key: Uint8Array | string; value: Uint8Array | string; flags?: number }
  | { op: 'del'; dbi: string; key: Uint8Array | string; value?: Uint8Array | string }
  | { op: 'create'; dbi: string; flags?: number }
  | { op: 'drop'; dbi: string; remove?: boolean }
  /** `count` keys `<prefix>%08d` from `from` on, each with `valueBytes` bytes 0x55. */
  | { op: 'fill'; dbi: string; prefix: string; from: number; count: number; valueBytes: number; flags?: number };

export interface ApplicationOptions {
  noSubdir?: boolean;
  create?: boolean;
  /** Default 1 GiB. */
  mapSizeBytes?: number;
  maxDbs?: number;
  maxReaders?: number;
  writeMap?: boolean;
  sync?: boolean;
  readOnly?: boolean;
}

/** What Python's binding raised, e.g. `MapFullError`. */
export class ApplicationError extends Error {
  readonly pythonClass: string;
  constructor(pythonClass: string, message: string) {
    super(`${pythonClass}: ${message}`);
    this.pythonClass = pythonClass;
  }
}

const PYTHON = '/usr/bin/python3';

/**
 * The application beside lmdbstream: a second process with an independent binding of liblmdb (Debian's python3-lmdb), since
 * one process must open an LMDB only once (decision 2). One at a time: a call waits for the answer of the one before.
 */
export class Application {
  readonly pid: number;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #turn: Promise<unknown> = Promise.resolve();
  #complaints = '';

  private constructor(child: ChildProcessWithoutNullStreams, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk) => {
      this.#complaints += chunk;
    });
    // A killed child answers with the end of its output; the broken pipe on our side says nothing more.
    child.stdin.on('error', () => {});
  }

  /** Starts the process; with a path, opens that LMDB too. */
  static async start(path?: string, options: ApplicationOptions = {}): Promise<Application> {
    const child = spawn(PYTHON, [join(import.meta.dirname, 'application.py')], { stdio: 'pipe' });
    if (child.pid === undefined) await once(child, 'spawn');
    const application = new Application(child, child.pid!);
    await application.#answer();
    if (path !== undefined) await application.open(path, options);
    return application;
  }

  /** Opens an LMDB, closing the one before. @returns the last transaction's id */
  open(path: string, options: ApplicationOptions = {}): Promise<number> {
    return this.#call({ do: 'open', path, ...options });
  }

  /** Writes in one transaction, or in the held one. @returns its id */
  batch(...writes: ApplicationWrite[]): Promise<number> {
    return this.#call({ do: 'batch', writes: writes.map(hexed) });
  }

  put(dbi: string, key: Uint8Array | string, value: Uint8Array | string, flags = 0): Promise<number> {
    return this.batch({ op: 'put', dbi, key, value, flags });
  }

  del(dbi: string, key: Uint8Array | string, value?: Uint8Array | string): Promise<number> {
    return this.batch(value === undefined ? { op: 'del', dbi, key } : { op: 'del', dbi, key, value });
  }

  /** Takes the write lock and keeps it until `commit` or `abort`. @returns the transaction's id */
  begin(): Promise<number> {
    return this.#call({ do: 'begin' });
  }

  commit(): Promise<void> {
    return this.#call({ do: 'commit' });
  }

  abort(): Promise<void> {
    return this.#call({ do: 'abort' });
  }

  /** Opens `count` read transactions and keeps them. @returns the first one's number; the others follow */
  holdRead(count = 1): Promise<number> {
    return this.#call({ do: 'hold_read', count });
  }

  releaseRead(read: number): Promise<void> {
    return this.#call({ do: 'release_read', read });
  }

  /** Every pair of a DBI in LMDB's order, as hex; of a held read transaction when `read` is given. */
  scan(dbi: string, read?: number): Promise<[key: string, value: string][]> {
    return this.#call({ do: 'scan', dbi, ...(read === undefined ? {} : { read }) });
  }

  /** The pairs of a DBI as text, for DBIs that hold text only. */
  async texts(dbi: string): Promise<Record<string, string>> {
    const pairs = await this.scan(dbi);
    return Object.fromEntries(pairs.map(([key, value]) => [fromHex(key), fromHex(value)]));
  }

  /** Names of the DBIs with their persistent flags (REVERSEDUP is not among them). */
  dbis(): Promise<Record<string, number>> {
    return this.#call({ do: 'dbis' });
  }

  resize(mapSizeBytes: number): Promise<void> {
    return this.#call({ do: 'resize', mapSizeBytes });
  }

  /** Process ids in the reader table, one a slot. */
  readers(): Promise<number[]> {
    return this.#call({ do: 'readers' });
  }

  /** `mdb_env_info`, in py-lmdb's names. */
  info(): Promise<{ map_size: number; last_pgno: number; last_txnid: number; max_readers: number }> {
    return this.#call({ do: 'info' });
  }

  /** Closes the LMDB; the process stays. */
  close(): Promise<void> {
    return this.#call({ do: 'close' });
  }

  /** Closes the LMDB and ends the process, as an application that is stopped. */
  stop(): Promise<void> {
    return this.#end(() => this.#child.stdin.end());
  }

  /** Ends the process by SIGKILL: nothing is released, as in a crash. */
  kill(): Promise<void> {
    return this.#end(() => this.#child.kill('SIGKILL'));
  }

  async #end(how: () => void): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    how();
    await exited;
  }

  /**
   * Sends `commit` and comes back when it is on its way, before it is done: for a caller that then blocks its thread waiting for the
   * write lock. `done` is its answer.
   */
  async sendCommit(): Promise<{ done: Promise<void> }> {
    await this.#turn;
    await new Promise<void>((sent, failed) => {
      this.#child.stdin.write('{"do":"commit"}\n', (error) => (error ? failed(error) : sent()));
    });
    const done = this.#answer() as Promise<void>;
    this.#turn = done.catch(() => {});
    return { done };
  }

  #call<T>(request: object): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
      return this.#answer() as Promise<T>;
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the application ended: ${this.#complaints || 'it said nothing'}`);
    const answer = JSON.parse(value) as { ok?: unknown; error?: string; message?: string };
    if (answer.error !== undefined) throw new ApplicationError(answer.error, answer.message ?? '');
    return answer.ok;
  }
}

const toHex = (data: Uint8Array | string): string => Buffer.from(data as Uint8Array).toString('hex');
const fromHex = (data: string): string => Buffer.from(data, 'hex').toString('utf8');

function hexed(write: ApplicationWrite): object {
  if (write.op !== 'put' && write.op !== 'del') return write;
  const { value } = write;
  return { ...write, key: toHex(write.key), ...(value === undefined ? {} : { value: toHex(value) }) };
}
