import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { Environment, type Liblmdb, liblmdb, MissingFileError, NotLmdbError } from '../../src/lmdb/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bytes, lmdbPath, MIB, openEnvironment, ownReaders, pairsOf, startApplication } from './environments.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('opening', () => {
  it('uses the liblmdb of the system', () => {
    expect(liblmdb().path).toMatch(/liblmdb/);
    expect(liblmdb().versionText).toMatch(/^LMDB 0\.9\./);
  });

  it('makes folder and files with the default modes, and a map of 1 GiB (ENV-01, ENV-03)', () => {
    const umask = process.umask(0);
    try {
      const path = join(temporaryFolder(), 'a', 'b');
      const env = openEnvironment(path, { mapSizeBytes: 0 });
      expect(modeOf(path)).toBe(0o775);
      expect(modeOf(join(path, 'data.mdb'))).toBe(0o664);
      expect(modeOf(join(path, 'lock.mdb'))).toBe(0o664);
      expect(env.info()).toMatchObject({ mapSizeBytes: 2 ** 30, maxReaders: 126, lastTxnId: 0 });
      expect(env.dataPath).toBe(join(path, 'data.mdb'));
    } finally {
      process.umask(umask);
    }
  });

  it('makes them with the modes it is given', () => {
    const umask = process.umask(0);
    try {
      const path = lmdbPath();
      openEnvironment(path, { dirMask: 0o750, fileMask: 0o640 });
      expect(modeOf(path)).toBe(0o750);
      expect(modeOf(join(path, 'data.mdb'))).toBe(0o640);
    } finally {
      process.umask(umask);
    }
  });

  it('no_subdir: the path is the data file, its folder is made too (ENV-05)', () => {
    const path = join(temporaryFolder(), 'deep', 'pdns.lmdb');
    const env = openEnvironment(path, { noSubdir: true });
    expect(env.dataPath).toBe(path);
    expect(statSync(path).isFile()).toBe(true);
    expect(statSync(`${path}-lock`).isFile()).toBe(true);
  });

  it.each([false, true])(
    'without create a missing LMDB is an error and nothing is made (no_subdir: %s)',
    (noSubdir) => {
      const path = lmdbPath();
      expect(() => Environment.open(path, { noSubdir })).toThrow(MissingFileError);
      expect(() => statSync(path)).toThrow(/ENOENT/);
    },
  );

  it('without a map size takes the one of the file (ENV-04)', async () => {
    const path = lmdbPath();
    mkdirSync(path);
    const application = await startApplication(path, { mapSizeBytes: 3 * MIB });
    await application.put('a', 'k', 'v');
    expect(openEnvironment(path, { mapSizeBytes: 0 }).info().mapSizeBytes).toBe(3 * MIB);
  });

  it('an empty file counts as a new one: the map is 1 GiB, not liblmdb’s 1 MiB', () => {
    const path = lmdbPath();
    writeFileSync(path, '');
    expect(openEnvironment(path, { noSubdir: true, mapSizeBytes: 0 }).info().mapSizeBytes).toBe(2 ** 30);
  });

  it('does not open with MDB_NOMETASYNC, whose bit is that of MDB_CREATE: a commit is on disk (ENV-06, better)', () => {
    const lmdb = liblmdb() as { -readonly [K in keyof Liblmdb]: Liblmdb[K] };
    const { envOpen } = lmdb;
    let address: unknown;
    lmdb.envOpen = (env, ...others) => {
      address = env;
      return envOpen(env, ...others);
    };
    try {
      openEnvironment(lmdbPath(), { noSync: false });
    } finally {
      lmdb.envOpen = envOpen;
    }
    const flags = new Uint32Array(1);
    koffi.load(lmdb.path).func('mdb_env_get_flags', 'int', ['uint64', 'void*'])(address, flags);
    const [MDB_NOTLS, MDB_NOMETASYNC, MDB_NOSYNC] = [0x200000, 0x40000, 0x10000];
    expect(flags[0]! & (MDB_NOTLS | MDB_NOMETASYNC | MDB_NOSYNC)).toBe(MDB_NOTLS);
  });

  it('refuses a second open in one process, under any spelling of the path, and allows it after close', () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    expect(() => Environment.open(path)).toThrow(/already open in this process/);
    expect(() => Environment.open(relative(process.cwd(), path))).toThrow(/already open in this process/);
    symlinkSync(path, `${path}-link`);
    expect(() => Environment.open(`${path}-link`)).toThrow(/already open in this process/);
    env.close();
    openEnvironment(path).close();
  });

  it('a failed open leaves the path free', () => {
    const path = lmdbPath();
    writeFileSync(path, 'no LMDB, but long enough for a header of one'.repeat(200));
    expect(() => Environment.open(path, { noSubdir: true })).toThrow(NotLmdbError);
    writeFileSync(path, '');
    openEnvironment(path, { noSubdir: true });
  });

  it('close ends what an error path left open, and is idempotent', () => {
    const env = openEnvironment();
    const read = env.beginRead();
    const write = env.beginWrite();
    env.close();
    env.close();
    expect([read.isOpen, write.isOpen]).toEqual([false, false]);
    expect(() => env.beginRead()).toThrow(/closed/);
  });
});

describe('the map', () => {
  it('grows with a second process that enlarges it: MDB_MAP_RESIZED is no error', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    const application = await startApplication(path);
    env.write((transaction) => void transaction.openOrCreateDbi('big', 0));
    await application.resize(16 * MIB);
    const fill = { op: 'fill', dbi: 'big', prefix: 'k', from: 0, count: 4000, valueBytes: 1000 } as const;
    await application.batch(fill);
    expect(pairsOf(env, 'big')).toHaveLength(4000);
    expect(env.info().mapSizeBytes).toBe(16 * MIB);
    await application.resize(32 * MIB);
    await application.batch({ ...fill, from: 4000, count: 10_000 });
    env.write((transaction) => transaction.put(transaction.openDbi('big')!, bytes('own'), bytes('1')));
    expect(env.info().mapSizeBytes).toBe(32 * MIB);
    expect((await application.scan('big')).at(-1)).toEqual(['6f776e', '31']);
  });

  it('a held reader survives the growth; its cursors are closed, for the map has moved under them', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    env.write((transaction) => transaction.put(transaction.openOrCreateDbi('a', 0), bytes('k'), bytes('before')));
    const application = await startApplication(path);
    const held = env.beginRead();
    const dbi = held.openDbi('a')!;
    const cursor = held.cursor(dbi);
    expect(cursor.next()).toBe(true);
    await application.resize(16 * MIB);
    await application.batch(
      { op: 'fill', dbi: 'a', prefix: 'z', from: 0, count: 5000, valueBytes: 1000 },
      { op: 'put', dbi: 'a', key: 'k', value: 'after' },
    );
    env.beginRead().abort();
    expect(env.info().mapSizeBytes).toBe(16 * MIB);
    expect(() => cursor.next()).toThrow(/closed/);
    expect(held.get(dbi, bytes('k'))?.toString()).toBe('before');
    held.abort();
  });

  it('can be set larger by us, with readers held', () => {
    const env = openEnvironment();
    const held = env.beginRead();
    env.setMapSize(4 * MIB);
    expect(env.info().mapSizeBytes).toBe(4 * MIB);
    held.abort();
  });
});

describe('readers', () => {
  it('are listed with their transaction, and gone when it ends', () => {
    const env = openEnvironment();
    env.write((transaction) => void transaction.openOrCreateDbi('a', 0));
    const held = env.beginRead();
    expect(ownReaders(env)).toEqual([held.id]);
    held.abort();
    expect(ownReaders(env)).toEqual([]);
  });

  it('those of a killed process are cleared at open (better than ENV-11)', async () => {
    const path = lmdbPath();
    openEnvironment(path).close();
    // The lock table outlives a reader only while somebody has the LMDB open.
    const keeper = await startApplication(path);
    const victim = await startApplication(path);
    await victim.holdRead(5);
    await victim.kill();
    const env = openEnvironment(path);
    expect(env.readers().filter(({ pid }) => pid === victim.pid)).toEqual([]);
    expect(env.clearStaleReaders()).toBe(0);
    await keeper.stop();
  });

  it('those of a process killed later are cleared on demand, those of the living stay', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    const living = await startApplication(path);
    const victim = await startApplication(path);
    await living.holdRead();
    await victim.holdRead(3);
    await victim.kill();
    expect(env.clearStaleReaders()).toBe(3);
    expect(env.readers().map(({ pid }) => pid)).toContain(living.pid);
  });
});
