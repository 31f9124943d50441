import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** How the rows lie in the LMDB: see bare/bare.c. */
export type Layout = 'plain' | 'native' | 'dup' | 'grown' | 'wide';

/** The DBI that every measurement uses. */
export const DBI_NAME = 'data';

const sources = resolve(import.meta.dirname, '..', '..', '..', 'bench', 'bare');

/** The program that does the bare liblmdb work and plays the application: C where there is a compiler, else Python. */
export class Bare {
  /** For the report. */
  readonly description: string;
  readonly #command: readonly string[];

  private constructor(description: string, command: readonly string[]) {
    this.description = description;
    this.#command = command;
  }

  /** @param folder takes the compiled program */
  static build(folder: string, forcePython = false): Bare {
    const program = join(folder, 'bare');
    const source = join(sources, 'bare.c');
    const compiled = forcePython
      ? undefined
      : spawnSync('cc', ['-O2', '-o', program, source, '-l:liblmdb.so.0'], { encoding: 'utf8' });
    if (compiled?.status === 0) return new Bare('a C program on the same liblmdb (bench/bare/bare.c, -O2)', [program]);
    const python = ['/usr/bin/python3', join(sources, 'bare.py')];
    const [command, ...args] = [...python.slice(0, 1), '-c', 'import lmdb'];
    if (spawnSync(command!, args).status !== 0) {
      throw new Error('the bench needs a C compiler (apt-get install gcc) or python3-lmdb for the bare liblmdb work');
    }
    return new Bare('python3-lmdb, whose C loops do the work (no C compiler found)', python);
  }

  fill(path: string, count: number, layout: Layout): void {
    this.#run('fill', path, DBI_NAME, String(count), layout);
  }

  /** Every row by cursor. */
  scanMs(path: string): number {
    return this.#run('scan', path, DBI_NAME).ms!;
  }

  /** The rows in key order with MDB_APPEND, one transaction, committed. `rssAnonKb`: its dirty pages. */
  append(path: string, count: number, what: 'main' | 'shadow' | 'both'): { ms: number; rssAnonKb: number } {
    const { ms, rssAnonKb } = this.#run('append', path, String(count), what);
    return { ms: ms!, rssAnonKb: rssAnonKb! };
  }

  /** The application: a process that has the LMDB open and changes one record a transaction; `none`: it only takes the lock. */
  async application(path: string, count: number, layout: Layout | 'none'): Promise<Application> {
    const [command, ...args] = [...this.#command, 'app', path, DBI_NAME, String(count), layout];
    const application = new Application(spawn(command!, args, { stdio: 'pipe' }));
    await application.ready;
    return application;
  }

  /** The application on `path`, and a reader of the LMDB at `peerPath` that follows it. Both are there, with the DBI. */
  async pair(path: string, peerPath: string, count: number): Promise<Pair> {
    const [command, ...args] = [...this.#command, 'pair', path, peerPath, DBI_NAME, String(count)];
    const pair = new Pair(spawn(command!, args, { stdio: 'pipe' }));
    await pair.ready;
    return pair;
  }

  #run(...args: string[]): Partial<Record<'ms' | 'rssAnonKb', number>> {
    const [command, ...first] = this.#command;
    return JSON.parse(execFileSync(command!, [...first, ...args], { encoding: 'utf8' }));
  }
}

export interface Puts {
  /** Each put's wait for the write lock. */
  readonly waitUs: readonly number[];
  /** Each put from the begin of its transaction to the end of its commit. */
  readonly putUs: readonly number[];
}

/** A process that answers each line on its stdin with one JSON object. */
class Conversation {
  readonly ready: Promise<unknown>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.pipe(process.stderr);
    this.ready = this.#answer();
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#child.on('close', done));
    this.#child.stdin.end();
    await ended;
  }

  protected async ask(line: string): Promise<unknown> {
    this.#child.stdin.write(`${line}\n`);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the application ended');
    return JSON.parse(value);
  }
}

export class Application extends Conversation {
  /** Committed puts of one random record each. */
  async put(times = 1, pauseUs = 0): Promise<Puts> {
    return (await this.ask(`put ${times} ${pauseUs}`)) as Puts;
  }
}

export class Pair extends Conversation {
  /** One committed put, until the peer shows it: from the end of the commit to visible. */
  async pass(): Promise<{ seenMs: number; putMs: number }> {
    const { seenUs, putUs } = (await this.ask('pass 1 0')) as { seenUs: [number]; putUs: [number] };
    return { seenMs: seenUs[0] / 1000, putMs: putUs[0] / 1000 };
  }

  /** @returns how long the puts took, and how long after the last commit both DBIs held the same */
  async burst(times: number, spacingUs: number): Promise<{ tookMs: number; equalMs: number }> {
    return (await this.ask(`burst ${times} ${spacingUs}`)) as { tookMs: number; equalMs: number };
  }
}
