import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { watchForSecrets } from '../support/secrets.ts';

const root = resolve(import.meta.dirname, '..', '..');
const program = join(root, 'bin', 'lmdbstream.js');

export interface LmdbSetup {
  path: string;
  options?: Record<string, unknown>;
  schema_tracks_changes?: boolean;
  dupsort_hack?: boolean;
  shadow?: string;
  shadow_path?: string;
  dropped_dbis?: string;
}

export interface Setup {
  lmdbs: Record<string, LmdbSetup>;
  /** Folder of the `fs` bucket. */
  bucket: string;
  /** Keys of the top level, over what tests need: short polling intervals. */
  more?: Record<string, unknown>;
}

/** Writes a configuration file. @returns its path */
export function writeConfig(folder: string, name: string, { lmdbs, bucket, more = {} }: Setup): string {
  const config = {
    lmdbs,
    storage: { type: 'fs', options: { root_path: bucket } },
    lmdb_poll_interval: '100ms',
    storage_poll_interval: '100ms',
    storage_retry_interval: '100ms',
    storage_retry_forever: true,
    ...more,
  };
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.yaml`);
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config, undefined, 2));
  return file;
}

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface SpawnOptions {
  env?: Record<string, string>;
  /** Words before the command, as `withoutPrivileges`. */
  wrapper?: readonly string[];
  /** Killed when it has not ended by then: it must not outlive its test. */
  limitMs?: number;
}

/** Started as `node` of the PATH, so that `test:nodes` decides which one. */
function spawnProduct(args: readonly string[], { env = {}, wrapper = [], limitMs = 0 }: SpawnOptions): ChildProcess {
  if (!existsSync(join(root, 'dist', 'cli', 'main.js'))) throw new Error('the product is not built: npm run build');
  const [command, ...words] = [...wrapper, 'node', program, ...args];
  const child = spawn(command!, words, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  for (const stream of [child.stdout, child.stderr]) watchForSecrets(stream, `what ${args.join(' ')} prints`);
  return child;
}

/** Runs the product until it ends by itself. */
export async function runProduct(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
  const child = spawnProduct(args, { limitMs: 50_000, ...options });
  const outcome: Outcome = { code: null, stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    outcome.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    outcome.stderr += chunk;
  });
  [outcome.code] = await once(child, 'close');
  return outcome;
}

export interface SyncerOptions extends SpawnOptions {
  config: string;
  instance: string;
  /** Default `sync`. */
  command?: string;
  args?: readonly string[];
}

/** `lmdbstream sync` (or `receive`) as the real process that an operator starts. */
export class Syncer {
  /** Everything it has printed, both streams. */
  output = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor({ config, instance, command = 'sync', args = [], ...options }: SyncerOptions) {
    const flags = ['--config', config, '--instance', instance, '--log-format', 'json', '--log-level', 'debug'];
    this.#child = spawnProduct([...flags, command, ...args], options);
    this.#closed = once(this.#child, 'close');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until the output has this. @throws with the output when it ends without, or the deadline passes */
  async says(pattern: RegExp, deadlineMs = 30_000): Promise<void> {
    try {
      await eventually(() => pattern.test(this.output) || !this.isRunning, { deadlineMs, what: String(pattern) });
      if (!pattern.test(this.output)) throw new Error('the process ended');
    } catch (error) {
      throw new Error(`${pattern} was not said: ${(error as Error).message}\n${this.output}`);
    }
  }

  /** What it logged at warning or above, and lines that are none of its log. */
  complaints(): string[] {
    const lines = this.output.split('\n').filter((line) => line !== '');
    return lines.filter((line) => !/^\{"level":"(?:trace|debug|info)"/.test(line));
  }

  /** Waits until it has complained of this. */
  complains(pattern: RegExp, deadlineMs?: number): Promise<void> {
    return this.says(new RegExp(`"level":"(?:warning|error)".*${pattern.source}`, pattern.flags), deadlineMs);
  }

  /** Waits for its end. @returns the exit code, or the signal that ended it */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#closed;
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  /** @returns the exit code */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    this.#child.kill(signal);
    return this.ended();
  }

  /** `kill -9`: no line of ours runs any more. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}

/** Names of the objects in an `fs` bucket, sorted; hidden and temporary files are none. */
export function objectsOf(bucket: string): string[] {
  return readdirSync(bucket)
    .filter((name) => !name.startsWith('.') && !name.endsWith('.tmp'))
    .sort();
}
