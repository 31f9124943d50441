import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { fsError } from '../../src/storage/fs/fs-errors.ts';
import { createStorage, FsOptionsError, FsStorage, type ObjectStorage, StorageError } from '../../src/storage/index.ts';
import { eventually } from '../support/eventually.ts';
import { describeObjectStorage } from './conformance.ts';
import { bytesOf, contentOf, failureOf, listOf, namesOf, repeatable } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lmdbstream-fs-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const conformanceFolder = await mkdtemp(join(tmpdir(), 'lmdbstream-fs-conformance-'));
describeObjectStorage('fs', {
  open: async () => {
    const storage = await createStorage({
      type: 'fs',
      options: { rootPath: join(conformanceFolder, 'deep', 'bucket') },
    });
    const close = storage.close.bind(storage);
    storage.close = async () => {
      await close();
      await rm(conformanceFolder, { recursive: true, force: true });
    };
    return storage;
  },
  histories: 40,
  refusedNames: ['.hidden', 'x.tmp', 'a/b', '../a'],
  moreNames: ['\u{ff5e}', '\u{1f600}'],
});

const openFs = (rootPath = folder, createFolder = true): Promise<ObjectStorage> =>
  createStorage({ type: 'fs', options: { rootPath, createFolder } });

describe('fs', () => {
  it('needs a root_path', async () => {
    expect(await failureOf(openFs(''))).toBeInstanceOf(FsOptionsError);
  });

  it('makes its folder 0755, unless told not to', async () => {
    const made = join(folder, 'made');
    const before = process.umask(0);
    try {
      await openFs(made);
    } finally {
      process.umask(before);
    }
    expect((await stat(made)).mode & 0o777).toBe(0o755);
    expect(await failureOf(openFs(join(folder, 'not'), false))).toMatchObject({ notFound: true, operation: 'init' });
  });

  it('shows only regular files that are no temporary ones', async () => {
    const storage = await openFs();
    await writeFile(join(folder, 'seen'), 'x');
    await writeFile(join(folder, '.hidden'), 'x');
    await writeFile(join(folder, 'reference.pb.gz.tmp'), 'x');
    await mkdir(join(folder, 'folder'));
    await symlink(join(folder, 'seen'), join(folder, 'link'));
    expect(await namesOf(storage)).toEqual(['seen']);
    expect(await failureOf(storage.load('folder'))).toMatchObject({ notFound: true });
    expect(await failureOf(storage.load('.hidden'))).toMatchObject({ notFound: true });
  });

  it('leaves no temporary file, whether the upload ends well or not', async () => {
    const storage = await openFs();
    await storage.store('good', bytesOf('x'));
    await failureOf(storage.store('bad', { ...repeatable([bytesOf('x')]), sizeBytes: 2 }));
    expect(await readdir(folder)).toEqual(['good']);
  });

  it('stores a name of 255 bytes', async () => {
    const storage = await openFs();
    const name = 'n'.repeat(255);
    await storage.store(name, bytesOf('x'));
    expect(await namesOf(storage)).toEqual([name]);
    expect(await failureOf(storage.store('n'.repeat(256), bytesOf('x')))).toMatchObject({ errorLabel: 'ENAMETOOLONG' });
  });

  it('removes temporary files of dead processes once they are a day old, and nothing else', async () => {
    const nobody = 2 ** 22 + 1; // above the largest pid that Linux gives out
    const mine = `.lmdbstream-${process.pid}-0123456789ab-0.tmp`;
    const old = `.lmdbstream-${nobody}-0123456789ab-0.tmp`;
    const young = `.lmdbstream-${nobody}-0123456789ab-1.tmp`;
    const foreign = ['.other.tmp', 'reference.pb.gz.tmp', '.lmdbstream-x.tmp'];
    const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
    for (const name of [mine, old, young, ...foreign]) {
      await writeFile(join(folder, name), 'x');
      if (name !== young) await utimes(join(folder, name), twoDaysAgo, twoDaysAgo);
    }
    await openFs();
    expect((await readdir(folder)).sort()).toEqual([mine, young, ...foreign].sort());
  });

  it('says at once that no folder can be made there', async () => {
    await writeFile(join(folder, 'file'), '');
    for (const rootPath of ['/proc/nope/b', join(folder, 'file'), join(folder, 'file', 'deep', 'b')]) {
      const failure = await failureOf(openFs(rootPath));
      expect(failure).toBeInstanceOf(StorageError);
      expect(failure).toMatchObject({ operation: 'init', hint: expect.stringMatching(/root_path/) });
      expect(String(failure)).toContain(rootPath);
    }
  });

  it.each([
    ['ENOSPC', true, /free space/],
    ['EDQUOT', true, /free space/],
    ['EROFS', false, /read-only/],
    ['EACCES', false, /write access/],
    ['EMFILE', true, /open files/],
    ['ENAMETOOLONG', false, /shorten/],
    ['EIO', true, /dmesg/],
  ])('says with a hint what %s means', (code, retryable, hint) => {
    const failure = fsError('store', '/bucket', Object.assign(new Error(code), { code }), 'object');
    expect(failure).toMatchObject({ retryable, errorLabel: code, hint: expect.stringMatching(hint) });
  });

  it('asks again for the size of a file that was lately written to, and after a minute of any other', async () => {
    const now = Date.now();
    let passedMs = 0;
    const storage = await FsStorage.open({ rootPath: folder }, { log: silentLog, now: () => now + passedMs });
    const sizes = async (): Promise<number[]> => (await listOf(storage)).map(({ sizeBytes }) => sizeBytes);
    await writeFile(join(folder, 'x'), 'half');
    expect(await sizes()).toEqual([4]);
    await writeFile(join(folder, 'x'), 'half and half');
    passedMs = 1_000; // a poll interval
    expect(await sizes()).toEqual([13]);
    passedMs = 20_000; // for the listing it is settled
    expect(await sizes()).toEqual([13]);
    await writeFile(join(folder, 'x'), '');
    expect(await sizes()).toEqual([13]);
    passedMs += 60_000;
    expect(await sizes()).toEqual([0]);
    await storage.store('x', bytesOf('ours'));
    expect(await sizes()).toEqual([4]);
    await storage.delete('x');
    expect(await sizes()).toEqual([]);
  });

  it('says what is wrong when the folder has gone', async () => {
    const storage = await openFs();
    await rm(folder, { recursive: true });
    const failures = [
      await failureOf(listOf(storage)),
      await failureOf(storage.load('a')),
      await failureOf(storage.store('a', bytesOf('x'))),
      await failureOf(storage.delete('a')),
    ];
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(StorageError);
      expect(failure).toMatchObject({ notFound: true, retryable: true });
      expect((failure as StorageError).hint).toContain('not mounted');
    }
  });

  it('says denied when the folder is read-only', async () => {
    const storage = await openFs();
    await storage.store('a', bytesOf('x'));
    await chmod(folder, 0o555);
    // Root writes everywhere: as root the calls are made as somebody else.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      for (const call of [() => storage.store('b', bytesOf('x')), () => storage.delete('a')]) {
        const failure = await failureOf(call());
        expect(failure).toMatchObject({ code: 'STORAGE_DENIED', denied: true, retryable: false });
        expect((failure as StorageError).hint).toContain('write access');
      }
      expect((await contentOf(await storage.load('a'))).toString()).toBe('x');
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(folder, 0o755);
    }
  });

  it('does not take an object that was replaced while it was read for the one that was asked for', async () => {
    const storage = await openFs();
    await storage.store('a', bytesOf('long enough'));
    const download = await storage.load('a');
    await storage.store('a', bytesOf('short'));
    expect(await failureOf(contentOf(download))).toMatchObject({ retryable: true });
  });

  it('sees what another process stores at once, and stops when told', async () => {
    const storage = await openFs();
    const other = await openFs();
    let wake: () => void = () => {};
    let hints = 0;
    const stop = storage.watch!('', () => {
      hints++;
      wake();
    });
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await other.store('new', bytesOf('x'));
    await woken;
    expect(await namesOf(storage)).toEqual(['new']);
    expect((await readFile(join(folder, 'new'))).toString()).toBe('x');
    stop.close();
    const before = hints;
    await other.store('later', bytesOf('x'));
    await listOf(storage);
    expect(hints).toBe(before);
  });

  it('is told neither of what it stores and removes itself, nor of other prefixes', async () => {
    const [storage, other] = [await openFs(), await openFs()];
    const [told, all]: [string[], string[]] = [[], []];
    storage.watch!('main__', () => told.push('news'));
    const last = new Promise<void>((resolve) => {
      // The kernel tells in order: what was to be told before it has been.
      storage.watch!('last', () => resolve());
    });
    other.watch!('', () => all.push('news'));
    await storage.store('main__a', bytesOf('1'));
    await storage.delete('main__a');
    await other.store('shard__b', bytesOf('1'));
    await other.store('last', bytesOf('1'));
    await last;
    expect(told).toEqual([]);
    await eventually(() => all.length >= 2);
    await storage.close();
    await other.close();
  });

  it('is told of its own object that somebody else removes, once a listing has shown that it was gone', async () => {
    const [storage, other] = [await openFs(), await openFs()];
    await storage.store('a', bytesOf('1'));
    await other.delete('a');
    expect(await namesOf(storage)).toEqual([]);
    const told = new Promise<void>((resolve) => {
      storage.watch!('', resolve);
    });
    await other.store('a', bytesOf('2'));
    await told;
    await storage.close();
    await other.close();
  });
});
