import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts, type RunningProcess, startProcess } from '../servers/processes.ts';
import type { PdnsProgram } from './newer-pdns.ts';

const execute = promisify(execFile);

/** Wait for the answer of `pdnsutil` and `dig`: a hang is an error of the test, not of its patience. */
const COMMAND_LIMIT_MS = 60_000;

export const API_KEY = 'test-api-key';

const NO_CACHES = {
  'zone-cache-refresh-interval': 0,
  'cache-ttl': 0,
  'query-cache-ttl': 0,
  'negquery-cache-ttl': 0,
  'dnssec-key-cache-ttl': 0,
  'zone-metadata-cache-ttl': 0,
};

/** So long that nothing is forgotten while a test runs, unless PowerDNS is told to; the same caches as by default are on. */
const LASTING_CACHES = Object.fromEntries(Object.keys(NO_CACHES).map((name) => [name, 86_400]));

export const DEBIANS_OWN: PdnsProgram = {
  release: '4.7',
  server: ['pdns_server'],
  util: ['pdnsutil'],
  settings: { 'lmdb-random-ids': 'yes' },
};

export interface PdnsOptions {
  /** True: as it does by default. */
  readonly caches?: boolean | 'lasting';
  readonly program?: PdnsProgram;
}

/**
 * A PowerDNS of its own (Debian's 4.7 or a newer one, LMDB backend with one shard) on a free port of the loopback: the application that
 * lmdbstream was made for. Everything that it would remember is off, so that an answer tells what is in the LMDB now;
 * with `caches` it remembers as it does by default, or for the whole test.
 */
export class PowerDns {
  readonly folder: string;
  readonly #port: number;
  readonly #apiPort: number;
  readonly #caches: boolean | 'lasting';
  #program: PdnsProgram;
  #server: RunningProcess | undefined;

  private constructor(folder: string, [port, apiPort]: readonly number[], options: PdnsOptions) {
    const { caches = false, program = DEBIANS_OWN } = options;
    this.folder = folder;
    this.#port = port!;
    this.#apiPort = apiPort!;
    this.#caches = caches;
    this.#program = program;
    this.#configure();
  }

  /** Writes the configuration; nothing runs yet, and no LMDB is there. */
  static async create(folder: string, options: PdnsOptions = {}): Promise<PowerDns> {
    mkdirSync(folder, { recursive: true });
    return new PowerDns(folder, await freePorts(2), options);
  }

  /** The server must not run: another release goes on with its files. */
  upgrade(program: PdnsProgram): void {
    this.#program = program;
    this.#configure();
  }

  #configure(): void {
    const settings = {
      launch: 'lmdb',
      'lmdb-filename': this.mainPath,
      'lmdb-shards': 1,
      'lmdb-map-size': 64,
      // No power will fail: waiting for the disk would only slow the tests down.
      'lmdb-sync-mode': 'nosync',
      'local-address': '127.0.0.1',
      'local-port': this.#port,
      'socket-dir': this.folder,
      daemon: 'no',
      guardian: 'no',
      webserver: 'yes',
      'webserver-address': '127.0.0.1',
      'webserver-port': this.#apiPort,
      api: 'yes',
      'api-key': API_KEY,
      'distributor-threads': 1,
      'security-poll-suffix': '',
      ...(this.#caches === 'lasting' ? LASTING_CACHES : this.#caches ? {} : NO_CACHES),
      ...this.#program.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(this.folder, 'pdns.conf'), lines.join(''));
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.#apiPort}`;
  }

  get controlSocket(): string {
    return join(this.folder, 'pdns.controlsocket');
  }

  /** The LMDB of zones, keys and metadata. */
  get mainPath(): string {
    return join(this.folder, 'pdns.lmdb');
  }

  /** The LMDB of the records. */
  get shardPath(): string {
    return join(this.folder, 'pdns.lmdb-0');
  }

  /** Starts the server; it makes the main LMDB, and the shard when it first has a record. Comes back when it answers. */
  async start(): Promise<void> {
    const [command, ...words] = this.#program.server;
    this.#server = await startProcess(command, [...words, `--config-dir=${this.folder}`], {
      cwd: this.folder,
      isReady: async () => existsSync(this.mainPath) && (await this.#dig('test.invalid', 'SOA')).includes('status:'),
      readyWithinMs: 30_000,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Runs `pdnsutil`. @returns what it printed; @throws with its complaint when it exits with another code than 0 */
  async util(...args: string[]): Promise<string> {
    const [command, ...words] = this.#program.util;
    const all = [...words, `--config-dir=${this.folder}`, ...args];
    try {
      return (await execute(command, all, { timeout: COMMAND_LIMIT_MS })).stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`pdnsutil ${args.join(' ')}: ${stderr}${stdout}`, { cause: error });
    }
  }

  /** `pdnsutil COMMAND` of one record set. @param name relative to the zone */
  async recordSet(command: string, zone: string, name: string, ...rest: string[]): Promise<void> {
    // From 5.0 on the tool takes whole names.
    const isWhole = Number(this.#program.release.split('.')[0]) >= 5;
    await this.util(command, zone, isWhole ? `${name}.${zone}` : name, ...rest);
  }

  /** Makes a zone with all its records in one call of `pdnsutil`. */
  async loadZone(zone: string, ...records: string[]): Promise<void> {
    const soa = `@ 3600 IN SOA ns1.${zone}. hostmaster.${zone}. 1 10800 3600 604800 3600`;
    const file = join(this.folder, `${zone}.zone`);
    writeFileSync(file, `$ORIGIN ${zone}.\n${[soa, `@ 3600 IN NS ns1.${zone}.`, ...records].join('\n')}\n`);
    await this.util('load-zone', zone, file);
  }

  /** The records the server answers with, sorted; none for a name that does not exist or a zone that it refuses. */
  async answers(name: string, type: string): Promise<string[]> {
    return linesOf(await this.#dig(name, type, '+short'));
  }

  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, … */
  async status(name: string, type: string): Promise<string | undefined> {
    return /status: (\w+)/.exec(await this.#dig(name, type))?.[1];
  }

  async zones(): Promise<string[]> {
    return linesOf(await this.util('list-all-zones')).map((zone) => zone.replace(/\.$/, ''));
  }

  /** All records of a zone as `pdnsutil` lists them, sorted; without the dot that newer releases put behind a name. */
  async records(zone: string): Promise<string[]> {
    const lines = linesOf(await this.util('list-zone', zone)).filter((line) => !line.startsWith('$'));
    return lines.map((line) => line.replace(/\.(?=\s|$)/g, '')).sort();
  }

  async #dig(name: string, type: string, ...options: string[]): Promise<string> {
    const args = ['@127.0.0.1', '-p', String(this.#port), '+time=2', '+tries=2', ...options, name, type];
    return (await execute('dig', args, { timeout: COMMAND_LIMIT_MS })).stdout;
  }
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
