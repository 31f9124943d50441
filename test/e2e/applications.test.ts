import { chmodSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { Application, type ApplicationOptions } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { withoutPrivileges } from '../support/privileges.ts';
import { temporaryFolder } from '../support/temporary.ts';
import {
  type LmdbSetup,
  objectsOf,
  runProduct,
  type Setup,
  Syncer,
  type SyncerOptions,
  writeConfig,
} from './product.ts';

const MIB = 2 ** 20;

interface MachineOptions extends ApplicationOptions {
  lmdb?: Partial<LmdbSetup>;
  more?: Setup['more'];
  wrapper?: readonly string[];
}

/** An application on its own LMDB, and the product beside it. */
interface Machine {
  application: Application;
  path: string;
  config: string;
  start(more?: Partial<SyncerOptions>): Syncer;
}

async function machine(folder: string, name: string, options: MachineOptions = {}): Promise<Machine> {
  const { lmdb = {}, more = {}, wrapper = [], ...opening } = options;
  const path = join(folder, `${name}.lmdb`);
  const application = await Application.start(path, { noSubdir: true, mapSizeBytes: 8 * MIB, sync: false, ...opening });
  onTestFinished(() => application.kill());
  const setup = { path, options: { no_subdir: true }, ...lmdb };
  const config = writeConfig(folder, name, { lmdbs: { main: setup }, bucket: join(folder, 'bucket'), more });
  const start = (more: Partial<SyncerOptions> = {}) => {
    const syncer = new Syncer({ config, instance: name, wrapper, ...more });
    onTestFinished(async ({ task }) => {
      await syncer.kill();
      if (task.result?.state === 'fail') process.stderr.write(`--- ${name}\n${syncer.output.slice(-5_000)}\n`);
    });
    return syncer;
  };
  return { application, path, config, start };
}

const texts = (application: Application, dbi: string, expected: Record<string, string>): Promise<void> =>
  eventually(async () => expect(await application.texts(dbi)).toEqual(expected), { what: JSON.stringify(expected) });

describe('two applications in shadow mode', () => {
  it('additions, changes, deletions and empty values travel both ways; the application’s LMDB may be empty at first', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'before', 'the start');
    a.start();
    b.start();
    await texts(b.application, 'data', { before: 'the start' });
    await b.application.batch(
      { op: 'put', dbi: 'data', key: 'from-b', value: '1' },
      { op: 'put', dbi: 'data', key: 'empty', value: '' },
      { op: 'put', dbi: 'other', key: 'k', value: 'v' },
    );
    await texts(a.application, 'data', { before: 'the start', empty: '', 'from-b': '1' });
    await texts(a.application, 'other', { k: 'v' });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'from-b', value: '2' },
      { op: 'del', dbi: 'data', key: 'before' },
    );
    await texts(b.application, 'data', { empty: '', 'from-b': '2' });
    await b.application.batch({ op: 'drop', dbi: 'data' });
    await texts(a.application, 'data', {});
  });

  it('DBIs of every kind arrive with their flags and pairs, and change pair by pair', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: { dupsort_hack: true } });
    const b = await machine(folder, 'b', { lmdb: { dupsort_hack: true } });
    const { dupSort, dupFixed, integerKey, integerDup, reverseKey } = DbiFlag;
    const kinds: Record<string, number> = {
      dup: dupSort,
      dupfixed: dupSort | dupFixed,
      intdup: dupSort | dupFixed | integerDup,
      int: integerKey,
      intkeydup: dupSort | integerKey,
      plain: 0,
      reverse: reverseKey,
    };
    const number = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
    await a.application.batch(
      ...Object.entries(kinds).flatMap(([dbi, flags]) =>
        [1, 256, 65_536, 3].map((value) => {
          const key = flags & integerKey || !(flags & dupSort) ? number(value) : 'one key';
          return { op: 'put', dbi, flags, key, value: number(value) } as const;
        }),
      ),
    );
    a.start();
    b.start();
    const same = () =>
      eventually(async () => {
        for (const dbi of Object.keys(kinds)) {
          expect([dbi, await b.application.scan(dbi)]).toEqual([dbi, await a.application.scan(dbi)]);
        }
      });
    await same();
    const flags = await b.application.dbis();
    expect(Object.fromEntries(Object.keys(kinds).map((dbi) => [dbi, flags[dbi]]))).toEqual(kinds);
    await b.application.batch(
      { op: 'del', dbi: 'dup', key: 'one key', value: number(256) },
      { op: 'put', dbi: 'intdup', key: 'one key', value: number(7) },
      { op: 'del', dbi: 'int', key: number(3) },
    );
    await eventually(async () => expect(await a.application.scan('dup')).toHaveLength(3));
    await same();
    expect(await a.application.scan('intdup')).toHaveLength(5);
  });

  it('a transaction of the application arrives whole (I9), a large one too', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    a.start();
    b.start();
    const counts = new Set<number>();
    const fill = { op: 'fill', dbi: 'big', prefix: 'k', from: 0, count: 5_000, valueBytes: 100 } as const;
    await a.application.batch(fill, { op: 'put', dbi: 'marker', key: 'k', value: 'v' });
    await eventually(
      async () => {
        const { big } = await b.application.dbis();
        if (big !== undefined) counts.add((await b.application.scan('big')).length);
        return counts.has(5_000);
      },
      { intervalMs: 5 },
    );
    counts.delete(0);
    expect([...counts]).toEqual([5_000]);
    await texts(b.application, 'marker', { k: 'v' });
  });
});

describe('two applications in native mode', () => {
  /** The value as an application writes that tracks changes itself: header (format.md), then its bytes. */
  const native = (timestampNano: bigint, value: string, isDeleted = false): Buffer => {
    const header = Buffer.alloc(24);
    header.writeBigUInt64BE(timestampNano, 0);
    header[17] = isDeleted ? 1 : 0;
    return Buffer.concat([header, Buffer.from(value)]);
  };

  /** Time of change, deleted flag and bytes of every entry. */
  const entriesOf = async (application: Application): Promise<Record<string, [number, boolean, string]>> => {
    const pairs = await application.scan('native').catch(() => []);
    return Object.fromEntries(
      pairs.map(([key, value]) => {
        const bytes = Buffer.from(value, 'hex');
        const [time, isDeleted] = [Number(bytes.readBigUInt64BE(0)), (bytes[17]! & 1) === 1];
        return [Buffer.from(key, 'hex').toString(), [time, isDeleted, bytes.subarray(24).toString()]];
      }),
    );
  };

  it('the later time wins on both, deletions are entries, and no shadow is made', async () => {
    const folder = temporaryFolder();
    const lmdb = { schema_tracks_changes: true };
    const a = await machine(folder, 'a', { lmdb });
    const b = await machine(folder, 'b', { lmdb });
    const [early, late] = [1_000n, 2_000n];
    await a.application.batch(
      { op: 'put', dbi: 'native', key: 'a-wins', value: native(late, 'of a') },
      { op: 'put', dbi: 'native', key: 'b-wins', value: native(early, 'of a') },
      { op: 'put', dbi: 'native', key: 'only-a', value: native(early, '') },
    );
    await b.application.batch(
      { op: 'put', dbi: 'native', key: 'a-wins', value: native(early, 'of b') },
      { op: 'put', dbi: 'native', key: 'b-wins', value: native(late, 'of b') },
      { op: 'put', dbi: 'native', key: 'only-b', value: native(early, 'x') },
    );
    a.start();
    b.start();
    const expected: Record<string, [number, boolean, string]> = {
      'a-wins': [2000, false, 'of a'],
      'b-wins': [2000, false, 'of b'],
      'only-a': [1000, false, ''],
      'only-b': [1000, false, 'x'],
    };
    for (const { application } of [a, b]) {
      await eventually(async () => expect(await entriesOf(application)).toEqual(expected));
    }
    await b.application.put('native', 'only-a', native(3_000n, '', true));
    await eventually(async () => expect((await entriesOf(a.application))['only-a']).toEqual([3000, true, '']));
    const names = Object.keys(await a.application.dbis());
    expect(names.filter((name) => name.startsWith('_sync_shadow_'))).toEqual([]);
  });
});

describe('a process that is stopped', () => {
  it('by SIGTERM: exit code 0, the last change is in the bucket, no reader stays, the next start goes on', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await eventually(() => existsSync(join(folder, 'bucket')) && objectsOf(join(folder, 'bucket')).length > 0);
    await a.application.put('data', 'k', '2');
    expect(await syncer.stop()).toBe(0);
    b.start();
    await texts(b.application, 'data', { k: '2' });
    await b.application.put('data', 'k', '3');
    a.start();
    await texts(a.application, 'data', { k: '3' });
  });

  it('while the application holds the write lock: nothing of the application’s waits, and the process still ends', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await b.application.put('data', 'b', '1');
    a.start();
    const syncer = b.start();
    await texts(a.application, 'data', { b: '1' });
    await b.application.begin();
    await b.application.batch({ op: 'put', dbi: 'data', key: 'held', value: '1' });
    await a.application.put('data', 'a', '1');
    await syncer.says(/waiting for the write lock/i);
    const ended = syncer.stop();
    await b.application.commit();
    expect(await ended).toBe(0);
    expect(await b.application.texts('data')).toMatchObject({ b: '1', held: '1' });
    b.start();
    for (const { application } of [a, b]) await texts(application, 'data', { a: '1', b: '1', held: '1' });
  });

  it('only_once: exit code 0 when all is merged and stored', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', 'v');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.application.texts('data')).toEqual({ k: 'v' });
  });

  it('receive takes and never gives', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', 'v');
    await b.application.put('data', 'own', 'stays here');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.start({ command: 'receive', args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.application.texts('data')).toEqual({ k: 'v', own: 'stays here' });
    expect(objectsOf(join(folder, 'bucket')).filter((name) => name.includes('__b__'))).toEqual([]);
  });
});

describe('trouble that passes', () => {
  it('two processes under one name: the log says so', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'a', '1');
    await b.application.put('data', 'b', '1');
    const one = a.start({ instance: 'same' });
    const other = b.start({ instance: 'same' });
    await eventually(async () => {
      // One of them is enough: whoever sees an object under its name that it did not write.
      await a.application.put('data', 'a', String(Math.random()));
      return /"level":"error".*instance name/.test(one.output + other.output);
    });
    expect([one.isRunning, other.isRunning]).toEqual([true, true]);
  });

  it('a bucket whose folder is gone: said once with a hint, and mended when it is back', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await eventually(() => existsSync(bucket) && objectsOf(bucket).length > 0);
    renameSync(bucket, `${bucket}-away`);
    await a.application.put('data', 'k', '2');
    await syncer.complains(/bucket/);
    renameSync(`${bucket}-away`, bucket);
    b.start();
    await texts(b.application, 'data', { k: '2' });
    expect(syncer.isRunning).toBe(true);
  });

  it('a full map: said with a hint, the process goes on, and the rest follows once there is room', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { mapSizeBytes: 16 * MIB });
    const b = await machine(folder, 'b', { mapSizeBytes: MIB });
    await b.application.put('data', 'own', 'of b');
    const fill = { op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: 3_000, valueBytes: 1_000 } as const;
    await a.application.batch(fill);
    const aSyncer = a.start();
    const bSyncer = b.start();
    await bSyncer.complains(/MAP_FULL/);
    expect([aSyncer.isRunning, bSyncer.isRunning]).toEqual([true, true]);
    expect(await b.application.texts('data')).toEqual({ own: 'of b' });
    await b.application.resize(32 * MIB);
    await b.application.put('data', 'room', 'made');
    await eventually(async () => expect(await b.application.scan('data')).toHaveLength(3_002));
  });
});

describe('trouble that does not pass by itself', () => {
  it('a bucket that may only be read: sync says which right is missing', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    await a.application.put('data', 'k', '1');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    chmodSync(bucket, 0o555);
    onTestFinished(() => chmodSync(bucket, 0o755));
    await a.application.put('data', 'k', '2');
    const syncer = a.start({ wrapper: withoutPrivileges });
    await syncer.complains(/permission denied.*give this user write access/);
    expect(syncer.isRunning).toBe(true);
    // Reading is allowed, so receiving works.
    const outcome = await runProduct(['--config', a.config, '--instance', 'reader', 'receive', '--only-once'], {
      wrapper: withoutPrivileges,
    });
    expect(outcome.code).toBe(0);
  });
});
