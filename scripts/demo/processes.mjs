import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../processes.mjs';
import { nowMs, pause } from './clock.mjs';

/** Everything that runs for the demo: ended at its end, by handle, and nothing else is. */
const running = new Set();

const TERM_PATIENCE_MS = 10_000;
const OUTPUT_CHARS = 64_000;
const LAST_LINES = 12;

// Whatever way this process ends, nothing it started outlives it.
process.once('exit', () => {
  for (const owned of running) owned.child.kill('SIGKILL');
});

/** A process that this demo started. */
export class Owned {
  child;
  /** The last of what it wrote. */
  output = '';
  #name;
  #ended;

  constructor(name, child) {
    this.#name = name;
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-OUTPUT_CHARS);
      });
    }
    running.add(this);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.output += error.message;
        resolve(undefined);
      });
      child.once('exit', resolve);
    }).then(() => running.delete(this));
  }

  get isRunning() {
    return running.has(this);
  }

  /** @throws with what it said last, when it has ended by itself */
  assertRunning() {
    if (!this.isRunning) throw new Error(`${this.#name} ended:\n${this.lastLines}`);
  }

  get lastLines() {
    return this.output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  }

  /** What lmdbstream logged as a warning or an error; in the demo there is no reason for any. */
  get complaints() {
    return this.output.split('\n').filter((line) => /level=(?:warning|error|fatal)/.test(line));
  }

  /** SIGTERM, and SIGKILL when that does not help. */
  async stop() {
    if (!this.isRunning) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), TERM_PATIENCE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.#ended;
  }
}

export async function stopAll() {
  await Promise.all([...running].map((owned) => owned.stop()));
}

export function start(name, command, args, cwd = root) {
  return new Owned(name, spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** `lmdbstream sync`, as an operator starts it. */
export function startSync(config, instance) {
  const program = join(root, 'bin', 'lmdbstream.js');
  return start(`lmdbstream on ${instance}`, process.execPath, [
    program,
    '--config',
    config,
    '--instance',
    instance,
    'sync',
  ]);
}

/** A process that plays the application: see application.mjs, which answers each request in turn. */
export class Application extends Owned {
  #answers = new Map();
  #requests = 0;

  constructor(name) {
    super(name, fork(join(import.meta.dirname, 'application.mjs'), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
    this.child.on('message', ({ id, error, result }) => {
      const { resolve, reject } = this.#answers.get(id);
      this.#answers.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(`${name}: ${error}`));
    });
    this.child.on('exit', () => {
      for (const { reject } of this.#answers.values()) reject(new Error(`${name} ended:\n${this.lastLines}`));
    });
  }

  /** Asks for one of the requests of application.mjs. */
  ask(request) {
    this.assertRunning();
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      this.child.send({ ...request, id });
    });
  }
}

/**
 * Polls until `condition` holds.
 * @param {() => unknown} condition may be asynchronous
 * @param {string} what for the error message
 * @param {{ everyMs?: number, withinMs?: number, watch?: any[] }} options `watch`: processes that must not end meanwhile
 * @returns {Promise<number>} when, in ms of the machine's monotonic clock
 */
export async function until(condition, what, { everyMs = 20, withinMs = 30_000, watch = [] } = {}) {
  const deadline = nowMs() + withinMs;
  while (!(await condition())) {
    for (const owned of watch) owned.assertRunning();
    if (nowMs() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await pause(everyMs);
  }
  return nowMs();
}

/** A port of the loopback that was free a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
