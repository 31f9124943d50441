import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { DATABASE, type Place } from '../e2e/buckets-machine.ts';
import { Syncer, type SyncerOptions, writeConfig } from '../e2e/product.ts';
import { Application } from '../support/application/application.ts';
import { Writer, type WriterOptions, type WriterReport } from '../support/application/writer.ts';
import { eventually } from '../support/eventually.ts';
import { acknowledgedOf, assertSameMap, type Contents, fill, type Schema, valuesOf } from './content.ts';

const MAP_BYTES = 2 ** 28;
/** A look costs the machine as much as a merge. */
const POLL_MS = 200;
const MDB_DUPSORT = 4;
/** Of the writes of an application that has a DUPSORT DBI. */
const SHARE_OF_PAIRS = 0.4;
const preloads = resolve(import.meta.dirname, '../support/preload');

/** The environment that loads a module of `support/preload` into the product before its own code. */
export const preload = (name: string): { NODE_OPTIONS: string } => ({
  NODE_OPTIONS: `--import ${pathToFileURL(join(preloads, `${name}.mjs`))}`,
});

export interface CrashMachineOptions {
  readonly place: Place;
  readonly more?: Readonly<Record<string, unknown>>;
  /** Default: shadow mode, and the DBI `data` alone; with `dupsort_hack` the DUPSORT DBI `pairs`, too. */
  readonly schema?: Schema;
  /** Entries of each DBI that are there before anything starts. */
  readonly entries?: number;
  /** Where the LMDB is; default a file in the folder. */
  readonly path?: string;
  readonly lmdbOptions?: Readonly<Record<string, unknown>>;
  /** Other keys of the LMDB, as `shadow`. */
  readonly lmdb?: Readonly<Record<string, unknown>>;
  readonly mapSizeBytes?: number;
}

type Parts = Pick<CrashMachine, 'name' | 'path' | 'schema' | 'reader' | 'config'> & { readonly mapSizeBytes: number };

/** An LMDB, a process that looks at it, an application that writes by itself when it is started, and our process beside them. */
export class CrashMachine implements Contents {
  readonly name: string;
  readonly path: string;
  readonly schema: Schema;
  readonly reader: Application;
  readonly config: string;
  readonly #mapSizeBytes: number;
  writer: Writer | undefined;
  beside: Application | undefined;

  private constructor({ name, path, schema, reader, config, mapSizeBytes }: Parts) {
    this.name = name;
    this.path = path;
    this.schema = schema;
    this.reader = reader;
    this.config = config;
    this.#mapSizeBytes = mapSizeBytes;
  }

  static async create(folder: string, name: string, options: CrashMachineOptions): Promise<CrashMachine> {
    const { place, more, schema = {}, entries = 0, lmdbOptions, lmdb, mapSizeBytes = MAP_BYTES } = options;
    const path = options.path ?? join(folder, `${name}.lmdb`);
    const reader = await Application.start(path, { noSubdir: true, mapSizeBytes, sync: false });
    onTestFinished(() => reader.kill());
    await reader.batch({ op: 'create', dbi: 'data' });
    if (schema.dupsort_hack) await reader.batch({ op: 'create', dbi: 'pairs', flags: MDB_DUPSORT });
    if (entries > 0) await fill({ schema, reader }, `old-${name}-`, entries);
    const config = writeConfig(folder, name, {
      lmdbs: { [DATABASE]: { path, options: { no_subdir: true, ...lmdbOptions }, ...schema, ...lmdb } },
      bucket: '',
      more: { storage: place, delta_interval: '100ms', ...more },
    });
    return new CrashMachine({ name, path, schema, reader, config, mapSizeBytes });
  }

  /** Starts the application that writes by itself. */
  async write(options: Omit<WriterOptions, 'path' | 'name'>): Promise<Writer> {
    const { path, name, schema } = this;
    const kind = { native: schema.schema_tracks_changes ?? false, pairs: schema.dupsort_hack ? SHARE_OF_PAIRS : 0 };
    const writer = await Writer.start({ path, name, mapSizeBytes: this.#mapSizeBytes, ...kind, ...options });
    onTestFinished(() => writer.kill());
    this.writer = writer;
    return writer;
  }

  start(more: Partial<SyncerOptions> = {}): Syncer {
    const syncer = new Syncer({ config: this.config, instance: this.name, ...more });
    onTestFinished(async ({ task }) => {
      await syncer.kill();
      if (task.result?.state === 'fail') process.stderr.write(`--- ${this.name}\n${syncer.output.slice(-3_000)}\n`);
    });
    return syncer;
  }

  get sidecarPath(): string {
    return `${this.path}.lmdbstream-shadow`;
  }

  /** From now on its sidecar is looked into, if it has one. */
  async lookBeside(): Promise<void> {
    if (!existsSync(this.sidecarPath)) return;
    const beside = await Application.start(this.sidecarPath, { noSubdir: true, readOnly: true });
    onTestFinished(() => beside.kill());
    this.beside = beside;
  }

  /** The LMDB opened anew, and every pair of every DBI read; of a sidecar, too, beside which the LMDB holds nothing of ours. */
  async opensClean(): Promise<void> {
    await this.reader.open(this.path, { noSubdir: true, mapSizeBytes: this.#mapSizeBytes, sync: false });
    const names = Object.keys(await this.reader.dbis());
    for (const dbi of names) await this.reader.scan(dbi);
    const sidecar = this.sidecarPath;
    if (!existsSync(sidecar)) return;
    expect(names).toEqual(['data']);
    const { status, stderr } = spawnSync('mdb_dump', ['-n', '-a', sidecar], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    // Killed before anything was written to it, or even before it had pages.
    const isNew = stderr.includes('does not contain multiple databases') || statSync(sidecar).size === 0;
    if (!isNew) expect([status, stderr]).toEqual([0, '']);
  }
}

/** Errors that a process logged, and lines that are none of its log. */
export function errorsOf(syncer: Syncer): string[] {
  return syncer.complaints().filter((line) => !line.startsWith('{"level":"warning"'));
}

/** Nothing that LMDB had acknowledged was taken back while it wrote. */
export function assertNothingReverted(report: WriterReport): void {
  expect(report.reverted.slice(0, 5)).toEqual([]);
}

/**
 * Waits until all have the same, with every acknowledged write in it.
 * @returns how long that took
 */
export async function untilEqual(
  machines: readonly CrashMachine[],
  reports: readonly WriterReport[],
  deadlineMs = 60_000,
): Promise<number> {
  const startedMs = performance.now();
  const what = `${machines.map(({ name }) => name).join(', ')} equal, with every acknowledged write`;
  const acknowledged = reports.map(acknowledgedOf);
  await eventually(
    async () => {
      const [first, ...others] = await Promise.all(machines.map(valuesOf));
      for (const ofOne of acknowledged) {
        const lost = [...ofOne].filter(([id, value]) => first!.get(id) !== value);
        expect(lost.slice(0, 3)).toEqual([]);
      }
      for (const other of others) assertSameMap(first!, other);
    },
    { deadlineMs, intervalMs: POLL_MS, what },
  );
  return Math.round(performance.now() - startedMs);
}
