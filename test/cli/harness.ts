import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Io } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';
import { Environment, type WriteTransaction } from '../../src/lmdb/index.ts';
import { assertNoSecret } from '../support/secrets.ts';

/** 2026-11-23 12:00:00 UTC. */
export const NOW_MS = Date.UTC(2026, 10, 23, 12);

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** Errors and log, in the order in which they were written. */
  readonly stderr: string;
  readonly exits: readonly number[];
}

/** What a test changes of the process that `main` sees. */
export type Overrides = Partial<Io>;

/** Runs the command line in this process, with everything of the process replaced. */
export async function run(argv: readonly string[], overrides: Overrides = {}): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const exits: number[] = [];
  const stderr = {
    write: (text: string) => {
      written.stderr += text;
    },
  };
  const io: Io = {
    stdout: collector((text) => {
      written.stdout += text;
    }),
    stderr,
    logStream: stderr,
    env: {},
    pid: 4711,
    now: () => NOW_MS,
    signals: new EventEmitter(),
    exit: (code) => void exits.push(code),
    burnPid: () => unexpected('burnPid'),
    restart: () => unexpected('restart'),
    prepareSync: () => {},
    runSync: () => unexpected('runSync'),
    ...overrides,
  };
  const code = await main(argv, io);
  assertNoSecret(written.stdout + written.stderr, `what ${argv.at(-1)} prints`);
  return { code, ...written, exits };
}

function collector(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(chunk.toString());
      done();
    },
  });
}

function unexpected(what: string): never {
  throw new TypeError(`unexpected call of ${what}`);
}

/** A temporary folder with a configuration of `fs` storage and the databases asked for. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'lmdbstream-cli-'));
  readonly bucket = join(this.folder, 'bucket');
  readonly config: string;

  /** @param more lines of YAML added at the top level */
  constructor(databases: readonly string[] = ['main'], more = '') {
    mkdirSync(this.bucket);
    const lmdbs = databases.map((name) => `  ${name}: { path: ${this.lmdbPath(name)} }\n`).join('');
    this.config = this.file(
      'config.yaml',
      `instance: here\nlmdbs:\n${lmdbs}storage:\n  type: fs\n  options: { root_path: ${this.bucket} }\n${more}`,
    );
  }

  lmdbPath(name: string): string {
    return join(this.folder, name);
  }

  file(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  fill(name: string, body: (transaction: WriteTransaction) => void): void {
    const environment = Environment.open(this.lmdbPath(name), { create: true, mapSizeBytes: 10 * 2 ** 20 });
    try {
      environment.write(body);
    } finally {
      environment.close();
    }
  }

  run(argv: readonly string[], overrides?: Overrides): Promise<Outcome> {
    return run(['-c', this.config, ...argv], overrides);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
