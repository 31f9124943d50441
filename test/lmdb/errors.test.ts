import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lmdbErrorOf } from '../../src/lmdb/errors.ts';
import {
  DbsFullError,
  Environment,
  FileAccessError,
  type LmdbError,
  MapFullError,
  MissingFileError,
  NotLmdbError,
  ReadersFullError,
} from '../../src/lmdb/index.ts';
import { withoutPrivileges } from '../support/privileges.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bytes, lmdbPath, MIB, openEnvironment, ownReaders, pairsOf, startApplication } from './environments.ts';

function errorOf(body: () => unknown): LmdbError {
  try {
    body();
  } catch (error) {
    return error as LmdbError;
  }
  throw new Error('no error was thrown');
}

describe('what is not an LMDB', () => {
  it('a file that is none', () => {
    const path = lmdbPath();
    writeFileSync(path, 'SQLite format 3\0'.repeat(1000));
    const error = errorOf(() => Environment.open(path, { noSubdir: true }));
    expect(error).toBeInstanceOf(NotLmdbError);
    expect(error).toMatchObject({ code: 'NOT_LMDB', hint: expect.stringContaining('no_subdir') });
    expect(error.message).toContain(path);
  });

  it('a file shorter than a header', () => {
    const path = lmdbPath();
    writeFileSync(path, 'short');
    expect(errorOf(() => Environment.open(path, { noSubdir: true }))).toMatchObject({ code: 'NOT_LMDB' });
  });

  it('a file that ends before its second meta page: nobody else has it open with another lock file', () => {
    const path = lmdbPath();
    openEnvironment(path, { noSubdir: true }).close();
    for (const sizeBytes of [4200, 4096, 200]) {
      truncateSync(path, sizeBytes);
      expect(errorOf(() => Environment.open(path, { noSubdir: true }))).toMatchObject({ code: 'NOT_LMDB' });
    }
  });

  it('a data file of another format, as the npm package `lmdb` writes: says so, and leaves the file alone', () => {
    const path = lmdbPath();
    const env = openEnvironment(path, { noSubdir: true });
    env.write((transaction) => void transaction.openOrCreateDbi('a', 0));
    env.close();
    const file = openSync(path, 'r+');
    // MDB_meta: the magic at 16, the version of the data format at 20 in both meta pages.
    for (const page of [0, 4096]) writeSync(file, Buffer.from([2, 0, 0, 0]), 0, 4, page + 20);
    const before = readFileSync(path);
    const error = errorOf(() => Environment.open(path, { noSubdir: true }));
    expect(error).toBeInstanceOf(NotLmdbError);
    expect(error).toMatchObject({ code: 'LMDB_FORMAT', hint: expect.stringContaining('npm package `lmdb`') });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});

describe('wrong paths', () => {
  it.each([true, false])('a file where a folder is expected names no_subdir (create: %s)', (create) => {
    const path = lmdbPath();
    openEnvironment(path, { noSubdir: true }).close();
    const error = errorOf(() => Environment.open(path, { create }));
    expect(error).toBeInstanceOf(MissingFileError);
    expect(error).toMatchObject({ code: 'NOT_A_DIRECTORY', hint: expect.stringContaining('no_subdir') });
  });

  it('a folder where a file is expected names no_subdir', () => {
    const path = lmdbPath();
    openEnvironment(path).close();
    const error = errorOf(() => Environment.open(path, { noSubdir: true }));
    expect(error).toMatchObject({ code: 'IS_A_DIRECTORY', hint: expect.stringContaining('no_subdir') });
  });

  it('a missing file names create', () => {
    expect(errorOf(() => Environment.open(lmdbPath()))).toMatchObject({ code: 'NO_SUCH_FILE' });
  });
});

describe('a lock file of another layout, in use by another program', () => {
  it('is told apart from a data file of another format', async () => {
    const path = lmdbPath();
    const application = await startApplication(path);
    await application.put('a', 'k', 'v');
    const file = openSync(join(path, 'lock.mdb'), 'r+');
    // MDB_txninfo: u32 magic, u32 format.
    writeSync(file, Buffer.from([9]), 0, 1, 4);
    closeSync(file);
    const error = errorOf(() => Environment.open(path));
    expect(error).toBeInstanceOf(NotLmdbError);
    expect(error).toMatchObject({ code: 'LOCK_FORMAT', hint: expect.stringContaining('one and the same liblmdb') });
  });
});

describe('what the system answers', () => {
  it.each([
    [5, 'IO_ERROR', /full disk/],
    [27, 'FILE_TOO_LARGE', /ulimit -f/],
    [28, 'DISK_FULL', /make room/],
    [122, 'DISK_QUOTA', /quota/],
  ])('%i is %s, and says what to look for', (errno, code, hint) => {
    const error = lmdbErrorOf('mdb_txn_commit', errno, 'text');
    expect(error).toMatchObject({ code, errno, message: 'mdb_txn_commit: text', hint: expect.stringMatching(hint) });
  });
});

describe('things that are full', () => {
  it('the map: the transaction is gone, the environment goes on, and a larger map mends it', () => {
    const env = openEnvironment(lmdbPath(), { mapSizeBytes: 128 * 1024 });
    env.write((transaction) => transaction.put(transaction.openOrCreateDbi('a', 0), bytes('k'), bytes('v')));
    const fill = () =>
      env.write((transaction) => transaction.put(transaction.openDbi('a')!, bytes('big'), Buffer.alloc(MIB)));
    const error = errorOf(fill);
    expect(error).toBeInstanceOf(MapFullError);
    expect(error).toMatchObject({ code: 'MAP_FULL', hint: expect.stringContaining('map_size') });
    expect([env.openTransactions, ownReaders(env)]).toEqual([0, []]);
    expect(pairsOf(env, 'a')).toEqual([['k', 'v']]);
    env.setMapSize(4 * MIB);
    fill();
    expect(pairsOf(env, 'a')).toHaveLength(2);
  });

  it('DBIs: names max_dbs; the transaction can go on', () => {
    const env = openEnvironment(lmdbPath(), { maxDbs: 2 });
    env.write((transaction) => {
      for (const name of ['a', 'b']) transaction.openOrCreateDbi(name, 0);
      const error = errorOf(() => transaction.openOrCreateDbi('c', 0));
      expect(error).toBeInstanceOf(DbsFullError);
      expect(error).toMatchObject({ code: 'DBS_FULL', hint: expect.stringContaining('max_dbs') });
    });
    expect(pairsOf(env, 'b')).toEqual([]);
  });

  it('readers: 126 of a second process; gone with it, without a restart of ours', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    const application = await startApplication(path);
    await application.holdRead(126);
    const error = errorOf(() => env.beginRead());
    expect(error).toBeInstanceOf(ReadersFullError);
    expect(error).toMatchObject({ code: 'READERS_FULL', hint: expect.stringContaining('mdb_stat') });
    expect(env.openTransactions).toBe(0);
    env.write((transaction) => void transaction.openOrCreateDbi('writing needs no reader', 0));
    await application.kill();
    expect(env.read((transaction) => transaction.dbiNames())).toHaveLength(1);
    expect(env.readers().filter(({ pid }) => pid === application.pid)).toEqual([]);
  });
});

/** src/lmdb compiled, for processes of their own, which need plain JavaScript. */
const compiled = mkdtempSync(join(tmpdir(), 'lmdbstream-compiled-'));

beforeAll(() => {
  const root = join(import.meta.dirname, '..', '..');
  const target = ['--outDir', compiled, '--rootDir', 'src', '--module', 'nodenext', '--target', 'es2023'];
  const leniency = ['--ignoreConfig', '--noCheck', '--types', 'node', '--rewriteRelativeImportExtensions'];
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  execFileSync(tsc, [...target, ...leniency, 'src/lmdb/index.ts'], { cwd: root });
  writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
  symlinkSync(join(root, 'node_modules'), join(compiled, 'node_modules'));
});

afterAll(() => rmSync(compiled, { recursive: true }));

/** Opens an LMDB in a process of its own, through `wrapper` and with `env`. @returns `opened`, or class, code and hint of the error */
function openElsewhere(
  path: string,
  options: object,
  wrapper: readonly string[] = [],
  env: Record<string, string> = {},
): string {
  const script = `
    import { Environment } from ${JSON.stringify(pathToFileURL(join(compiled, 'lmdb', 'index.js')).href)};
    try {
      Environment.open(${JSON.stringify(path)}, ${JSON.stringify(options)}).close();
      process.stdout.write('opened');
    } catch (error) { process.stdout.write([error.constructor.name, error.code, error.message, error.hint].join(' | ')); }`;
  const [command, ...args] = [...wrapper, process.execPath, '--input-type=module', '-e', script];
  return execFileSync(command!, args, { encoding: 'utf8', env: { ...process.env, ...env } });
}

describe('rights', () => {
  it('a data file that may only be read, a folder that may not be entered, one that may not be written', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'pdns.lmdb');
    openEnvironment(path, { noSubdir: true }).close();
    chmodSync(path, 0o444);
    chmodSync(`${path}-lock`, 0o444);
    const denied = /^FileAccessError \| ACCESS_DENIED \| .* \| run as the user that owns the LMDB/;
    expect(openElsewhere(path, { noSubdir: true }, withoutPrivileges)).toMatch(denied);
    chmodSync(folder, 0o555);
    expect(openElsewhere(join(folder, 'new'), { create: true }, withoutPrivileges)).toMatch(denied);
    chmodSync(folder, 0o000);
    expect(openElsewhere(join(folder, 'db'), {}, withoutPrivileges)).toMatch(denied);
    chmodSync(folder, 0o755);
  });
});

describe('a missing liblmdb', () => {
  it('is a typed error that says what to install', () => {
    const env = { LMDBSTREAM_LIBLMDB: '/nonexistent/liblmdb.so' };
    expect(openElsewhere(lmdbPath(), { create: true }, [], env)).toMatch(
      /^LibraryMissingError \| LIBLMDB_MISSING \| .*\/nonexistent\/liblmdb\.so.* \| .*apt-get install liblmdb0/,
    );
  });
});

describe('an environment opened read-only', () => {
  it('refuses a write transaction by a typed error', async () => {
    const path = lmdbPath();
    openEnvironment(path).close();
    const env = openEnvironment(path, { readOnly: true, create: false });
    expect(errorOf(() => env.beginWrite())).toBeInstanceOf(FileAccessError);
    expect(env.openTransactions).toBe(0);
  });
});
