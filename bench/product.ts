import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '..', '..', '..');

/** Another build of the product, for comparing two of them. */
const program = process.env.LMDBSTREAM_BENCH_PROGRAM ?? join(root, 'bin', 'lmdbstream.js');

/** How often the memory is looked at; a peak shorter than this may be missed. */
const SAMPLE_MS = 4;

export interface ProductOptions {
  readonly folder: string;
  readonly instance: string;
  readonly lmdbPath: string;
  /** A folder, or the section `storage` of the configuration. */
  readonly bucket: string | Readonly<Record<string, unknown>>;
  /** Further keys of the LMDB. */
  readonly lmdb?: Readonly<Record<string, unknown>>;
  /** Further sections. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly command?: 'sync' | 'receive';
}

/** What one line of the log says, and when it reached us. */
export interface Said {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The real product as a process, watched from outside. */
export class Product {
  readonly startedMs = performance.now();
  /** Highest RssAnon seen, in KB. */
  rssAnonPeakKb = 0;
  readonly #child: ChildProcess;
  readonly #sampler: NodeJS.Timeout;
  readonly #said: Said[] = [];
  #heard: () => void = () => undefined;
  #ended = false;
  #complaint: string | undefined;

  constructor(options: ProductOptions) {
    const { folder, instance, lmdbPath, bucket, lmdb: keys = {}, settings = {}, command = 'sync' } = options;
    const config = join(folder, `${instance}.yaml`);
    const lmdb = { path: lmdbPath, options: { create: true, map_size: '16GB' }, ...keys };
    const storage = typeof bucket === 'string' ? { type: 'fs', options: { root_path: bucket } } : bucket;
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({ lmdbs: { main: lmdb }, storage, ...settings }));
    const args = [program, '--config', config, '--instance', instance, '--log-format', 'json', command];
    this.#child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.#hear(line));
    this.#child.on('close', () => {
      this.#ended = true;
      this.#heard();
    });
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Waits for the log line number `nth` (from 0) with this message. */
  async says(message: string, nth = 0): Promise<Said> {
    for (;;) {
      const found = this.#said.filter(({ fields }) => fields.msg === message)[nth];
      if (found) return found;
      if (this.#complaint !== undefined) throw new Error(`the product failed: ${this.#complaint}`);
      if (this.#ended) throw new Error(`the product ended without saying "${message}"`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** CPU time of all threads that live, in ms; from the scheduler, in nanoseconds. */
  cpuMs(): number {
    try {
      const tasks = `/proc/${this.pid}/task`;
      return readdirSync(tasks).reduce(
        (sum, task) => sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6,
        0,
      );
    } catch {
      return 0;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sampler);
    if (this.#ended) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
  }

  #hear(line: string): void {
    const fields = JSON.parse(line) as Record<string, unknown>;
    if (fields.level === 'error') this.#complaint ??= line;
    this.#said.push({ atMs: performance.now(), cpuMs: this.cpuMs(), fields });
    this.#heard();
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
      const kb = Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0);
      this.rssAnonPeakKb = Math.max(this.rssAnonPeakKb, kb);
    } catch {
      // It has ended.
    }
  }
}
