import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface WriterOptions {
  readonly path: string;
  /** Its own keys start with it. */
  readonly name: string;
  readonly seed: number;
  /** Transactions a second; 0: as fast as it can. Default 100. */
  readonly rate?: number;
  /** Share of writes that delete. Default 0.2. */
  readonly deletions?: number;
  /** Own keys to choose from. Default 200. */
  readonly keys?: number;
  /** Share of writes to the 20 keys that belong to everybody. Default 0.1. */
  readonly shared?: number;
  /** Ends writing after so many transactions; 0: never. Default 0. */
  readonly count?: number;
  /** Each transaction writes a key of its own. Default false. */
  readonly distinct?: boolean;
  /** Share of writes to the DUPSORT DBI `pairs`. Default 0. */
  readonly pairs?: number;
  /** It tracks changes itself: values have a header, deletions are marks. Default false. */
  readonly native?: boolean;
  /** Values are up to so long. Default 100. */
  readonly valueBytes?: number;
  readonly mapSizeBytes?: number;
  /** Default false. */
  readonly sync?: boolean;
}

/** By what was written: `data/<key>`, or of a pair `pairs/<key>/<value>`. Empty for `distinct`, but for the first two. */
export interface WriterReport {
  readonly commits: number;
  /** Own ones that did not have what LMDB had acknowledged. */
  readonly reverted: readonly [what: string, expected: string | null, found: string | null][];
  /** Own ones: the value, `''` of a pair; null: deleted. */
  readonly acknowledged: Readonly<Record<string, string | null>>;
  /** Own ones in native mode: the time of the newest change, in ns since 1970. */
  readonly times: Readonly<Record<string, string>>;
  /** Pairs, shared ones, too: how often each was put that was not there. A value of `data` is written once only. */
  readonly puts: Readonly<Record<string, number>>;
  /** Shared ones, too: how often something was deleted that was there. */
  readonly deleted: Readonly<Record<string, number>>;
}

const DEFAULTS = {
  rate: 100,
  deletions: 0.2,
  keys: 200,
  shared: 0.1,
  count: 0,
  distinct: false,
  pairs: 0,
  native: false,
  valueBytes: 100,
  mapSizeBytes: 2 ** 28,
  sync: false,
};

/** An application that writes by itself, in its own process (`writer.py`); `Application` is the one that is told what to do. */
export class Writer {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaints = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.on('data', (chunk) => {
      this.#complaints += chunk;
    });
    child.stdin!.on('error', () => {});
  }

  /** Returns when the LMDB is open. */
  static async start(options: WriterOptions): Promise<Writer> {
    const args = [join(import.meta.dirname, 'writer.py'), JSON.stringify({ ...DEFAULTS, ...options })];
    const writer = new Writer(spawn('/usr/bin/python3', args, { stdio: 'pipe' }));
    await writer.#answer();
    return writer;
  }

  report(): Promise<WriterReport> {
    return this.#ask('report');
  }

  /** Waits until the `count` of the options is written. */
  written(): Promise<WriterReport> {
    return this.#answer();
  }

  /** Ends it after its transaction. */
  async stop(): Promise<WriterReport> {
    const exited = once(this.#child, 'exit');
    const report = await this.#ask('stop');
    await exited;
    return report;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #ask(request: string): Promise<WriterReport> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  async #answer(): Promise<WriterReport> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the writer ended: ${this.#complaints || 'it said nothing'}`);
    return JSON.parse(value) as WriterReport;
  }
}
