import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStorage, FsOptionsError, type ObjectStorage, StorageError } from '../../src/storage/index.ts';
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
    const stop = storage.watch!(() => {
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
});
