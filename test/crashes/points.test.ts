import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fsPlace, type Place, s3Place } from '../e2e/buckets-machine.ts';
import { type Machine, MIB, machine } from '../e2e/machine.ts';
import { nativeValue } from '../simulation/oracle/entry.ts';
import { eventually } from '../support/eventually.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorsOf, preload } from './crash-machine.ts';
import { scenario } from './scenario.ts';

const seaweedfs = await useSeaweedfs();
const root = resolve(import.meta.dirname, '../..');

/** Calls that write, as `crash-points.mjs` names them, in every life that starts on an LMDB that has changed. */
const OF_LMDB = [
  'mdb_env_open',
  'mdb_reader_check',
  'mdb_txn_begin',
  'mdb_dbi_open',
  'mdb_cursor_put',
  'mdb_txn_commit',
];
/** A deletion that another machine has made; in native mode that is a mark. */
const OF_DELETION = ['mdb_del'];
/** Only a first filling has these. */
const OF_FILLING = ['mdb_put', 'mdb_drop'];
/** `options.map_size`, at each start. */
const OF_MAP_SIZE = ['mdb_env_set_mapsize'];
const OF_LOCK_FILE = ['open', 'ftruncate', 'write'];
const OF_FOLDER = ['file write', 'file sync', 'rename', 'unlink'];
const OF_NEW_FOLDER = ['mkdir'];
const OF_S3 = ['PUT', 'DELETE'];
const ALL = [OF_LMDB, OF_DELETION, OF_FILLING, OF_MAP_SIZE, OF_LOCK_FILE, OF_FOLDER, OF_NEW_FOLDER, OF_S3].flat();
/** Of liblmdb: what leaves no trace in a file. */
const READ_ONLY = [
  ...[
    'env_create',
    'env_close',
    'env_set_maxdbs',
    'env_get_fd',
    'env_info',
    'env_stat',
    'txn_abort',
    'txn_reset',
    'txn_renew',
  ],
  ...['txn_id', 'dbi_close', 'dbi_flags', 'stat', 'get', 'cursor_open', 'cursor_close', 'cursor_get'],
];

/** Only beside a sidecar, whose points are in `power-sidecar.test.ts` and `test/sync/local/sidecar-crash.test.ts`. */
const OF_SIDECAR = ['env_sync', 'env_set_flags'];

/** Before and after each call, so between every two. */
const sidesOf = (name: string): string[] =>
  (OF_S3.includes(name) ? ['before', 'within', 'after'] : ['before', 'after']).map((side) => `${side} ${name}`);

type Mode = 'shadow' | 'native' | 'dupsort';
const OF_MODE = { shadow: {}, native: { schema_tracks_changes: true }, dupsort: { dupsort_hack: true } };
const MDB_DUPSORT = 4;
const LIFE_MS = 60_000;
/** Of a native value in hex. */
const TXN_HEX = [16, 32] as const;

/** The machine that is killed, and another one that is not. */
class Story {
  readonly #mode: Mode;
  readonly #machines: readonly [victim: Machine, other: Machine];
  readonly #record: string;
  readonly hit = new Set<string>();
  #count = 0;

  private constructor(mode: Mode, machines: readonly [Machine, Machine], record: string) {
    this.#mode = mode;
    this.#machines = machines;
    this.#record = record;
  }

  static async create(mode: Mode, place: Place | undefined): Promise<Story> {
    const folder = temporaryFolder();
    const storage = place ?? fsPlace(join(folder, 'bucket', 'to be made'));
    const cleanup = {
      enabled: true,
      interval: '200ms',
      must_keep_interval: '200ms',
      remove_old_instances_interval: '1h',
    };
    const lmdb = OF_MODE[mode];
    // Full snapshots follow each other, and the older ones are cleaned.
    const victim = machine(folder, 'victim', {
      lmdb: { ...lmdb, options: { no_subdir: true, map_size: '64MB' } },
      mapSizeBytes: 64 * MIB,
      more: { storage: { ...storage, cleanup }, deltas: 'off', lmdb_lock_max: '1ms' },
    });
    const other = machine(folder, 'other', { lmdb, mapSizeBytes: 64 * MIB, more: { storage } });
    return new Story(mode, await Promise.all([victim, other]), join(folder, 'passed'));
  }

  async write(index: 0 | 1, dbi: string, key: string, text: string | undefined): Promise<void> {
    const { application } = this.#machines[index];
    if (this.#mode === 'native') {
      const entry = {
        nano: BigInt(Date.now()) * 1_000_000n,
        deleted: text === undefined,
        value: Buffer.from(text ?? '').toString('hex'),
      };
      await application.put(dbi, key, nativeValue(entry));
    } else if (text === undefined) await application.del(dbi, key);
    else await application.put(dbi, key, text, this.#mode === 'dupsort' ? MDB_DUPSORT : 0);
  }

  fillVictim(count: number): Promise<unknown> {
    const op = { op: 'fill', dbi: 'data', prefix: 'much-', from: 0, count, valueBytes: 100 } as const;
    return this.#machines[0].application.batch(op);
  }

  start(index: 0 | 1, env: Record<string, string> = {}) {
    return this.#machines[index].start({ env });
  }

  /** Something for both to do, and a life of the first that ends at the point. */
  async dieAt(point: string): Promise<void> {
    const n = ++this.#count;
    if (point.endsWith('mdb_del')) await this.#shareAndDelete(`gone-${n}`);
    await this.write(0, 'data', `victim-${n}`, String(n));
    await this.write(1, `dbi-${n % 20}`, `other-${n}`, String(n));
    const syncer = this.start(0, { ...preload('crash-points'), CRASH_AT: `${point} 1` });
    await eventually(() => !syncer.isRunning, { deadlineMs: LIFE_MS, intervalMs: 20, what: point });
    expect([point, await syncer.ended()]).toEqual([point, 'SIGKILL']);
    expect(errorsOf(syncer)).toEqual([]);
    this.hit.add(point);
    // Every pair of every DBI can be read.
    for (const dbi of Object.keys(await this.#machines[0].application.dbis()))
      await this.#machines[0].application.scan(dbi);
  }

  /** A key that both have, and that the other one has deleted since. */
  async #shareAndDelete(key: string): Promise<void> {
    await this.write(1, 'data', key, 'soon gone');
    const syncer = this.start(0);
    const [victim] = this.#machines;
    const hex = Buffer.from(key).toString('hex');
    await eventually(async () => expect((await victim.application.scan('data')).map(([k]) => k)).toContain(hex));
    expect(await syncer.stop()).toBe(0);
    await this.write(1, 'data', key, undefined);
  }

  /** Nothing is lost: both are equal, with what each has written. @returns names of the points that a whole life passes */
  async end(): Promise<string[]> {
    const syncer = this.start(0, { ...preload('crash-points'), CRASH_RECORD: this.#record });
    // Both may be equal before it listens to signals.
    await syncer.says(/Stored snapshot/, LIFE_MS);
    const contentOf = async ({ application }: Machine): Promise<string> => {
      const dbis = Object.keys(await application.dbis()).filter((name) => !name.startsWith('_sync'));
      // A header names the transaction that wrote it, which is each machine's own.
      const shared = (value: string): string =>
        this.#mode === 'native' ? value.slice(0, TXN_HEX[0]) + value.slice(TXN_HEX[1]) : value;
      const pairsOf = async (dbi: string) => (await application.scan(dbi)).map(([key, value]) => [key, shared(value!)]);
      return JSON.stringify(await Promise.all(dbis.sort().map(async (dbi) => [dbi, await pairsOf(dbi)])));
    };
    await eventually(
      async () => {
        const [ours, theirs] = await Promise.all(this.#machines.map(contentOf));
        expect(ours).toBe(theirs);
        for (let n = 1; n <= this.#count; n++) {
          for (const key of [`victim-${n}`, `other-${n}`]) expect(ours).toContain(Buffer.from(key).toString('hex'));
        }
      },
      { deadlineMs: LIFE_MS, intervalMs: 100 },
    );
    expect(await syncer.stop()).toBe(0);
    const lines = readFileSync(this.#record, 'utf8').trim().split('\n');
    return lines.flatMap((line) => Object.keys(JSON.parse(line).passed));
  }
}

async function tell(story: Story, names: readonly string[], before: readonly string[] = []): Promise<void> {
  const points = names.flatMap(sidesOf);
  for (const point of points) await story.dieAt(point);
  const passed = await story.end();
  expect([...story.hit]).toEqual([...before, ...points]);
  expect(passed.filter((point) => !ALL.some((name) => sidesOf(name).includes(point)))).toEqual([]);
}

/** Shadow mode in a folder, from the first start on. */
async function inFolder(): Promise<Story> {
  const story = await Story.create('shadow', undefined);
  // In slices, between which a marker tells how far it is.
  await story.fillVictim(5_000);
  const first = [...OF_NEW_FOLDER, ...OF_FILLING].flatMap(sidesOf);
  for (const point of first) await story.dieAt(point);
  story.start(1);
  await tell(story, [...OF_LMDB, ...OF_DELETION, ...OF_LOCK_FILE, ...OF_FOLDER], first);
  return story;
}

async function inMode(mode: Mode): Promise<Story> {
  const story = await Story.create(mode, undefined);
  story.start(1);
  await tell(story, OF_LMDB);
  return story;
}

async function onS3(): Promise<Story> {
  const story = await Story.create('shadow', s3Place(seaweedfs));
  story.start(1);
  await tell(story, [...OF_MAP_SIZE, ...OF_S3]);
  return story;
}

describe('kill -9 at every point between two calls that write', () => {
  scenario(
    'one after the other, in a folder and on S3, in shadow mode, native mode and with dupsort_hack',
    async (run) => {
      const stories = await Promise.all([inFolder(), inMode('native'), inMode('dupsort'), onS3()]);
      const hit = new Set(stories.flatMap((story) => [...story.hit]));
      expect(ALL.flatMap(sidesOf).filter((point) => !hit.has(point))).toEqual([]);
      run.round(stories.reduce((sum, { hit: { size } }) => sum + size, 0));
      run.figure('different points', hit.size);
    },
    300_000,
  );
});

describe('the list of points', () => {
  it('has every function of liblmdb that we call and that writes', () => {
    const source = readFileSync(join(root, 'src/lmdb/library.ts'), 'utf8');
    const bound = [...source.matchAll(/: call\('(\w+)'/g)].map(([, name]) => name!);
    expect(bound.length).toBeGreaterThan(20);
    expect(
      bound.filter((name) => ![...READ_ONLY, ...OF_SIDECAR].includes(name) && !ALL.includes(`mdb_${name}`)),
    ).toEqual([]);
  });

  it('is known to what places a crash, each name of it', () => {
    const source = readFileSync(join(root, 'test/support/preload/crash-points.mjs'), 'utf8');
    const words = ALL.flatMap((name) => name.split(' '));
    expect(words.filter((word) => !source.includes(word))).toEqual([]);
  });
});
