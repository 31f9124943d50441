import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toInstanceId } from '../../src/snapshot/index.ts';
import { createStorage, StorageError } from '../../src/storage/index.ts';
import { run } from '../cli/harness.ts';
import { parse, problemOf } from '../config/support.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A name is never a way out of the bucket's folder. */
const OUTSIDE = ['..', '.', '../a', '../../etc/passwd', '/etc/passwd', 'a/../../b', 'a/b', './a', 'a\0b', ''];

describe('names that are paths', () => {
  it.each(OUTSIDE)('of objects are refused by a folder: %j', async (name) => {
    const outer = temporaryFolder();
    writeFileSync(join(outer, 'a'), 'untouched');
    const storage = await createStorage({ type: 'fs', options: { rootPath: join(outer, 'bucket') } });
    await expect(storage.store(name, Buffer.from('x'))).rejects.toThrow(StorageError);
    await expect(storage.delete(name)).rejects.toThrow(StorageError);
    await expect(storage.load(name)).rejects.toMatchObject({ notFound: true });
    await storage.close();
    expect(readdirSync(outer).sort()).toEqual(['a', 'bucket']);
    expect(readdirSync(join(outer, 'bucket'))).toEqual([]);
  });

  it('a link in the folder leads nowhere', async () => {
    const outer = temporaryFolder();
    mkdirSync(join(outer, 'bucket'));
    writeFileSync(join(outer, 'secret'), 'secret');
    symlinkSync(join(outer, 'secret'), join(outer, 'bucket', 'link'));
    const storage = await createStorage({ type: 'fs', options: { rootPath: join(outer, 'bucket') } });
    await expect(storage.load('link')).rejects.toMatchObject({ notFound: true });
    const listed: string[] = [];
    for await (const { name } of storage.list('')) listed.push(name);
    expect(listed).toEqual([]);
    await storage.close();
  });

  it.each(['../a', 'a/b', '..', '.'])('of databases are refused in the configuration: %s', (name) => {
    const text = JSON.stringify({ lmdbs: { [name]: { path: '/db' } }, storage: { type: 'memory' } });
    expect(problemOf(() => parse(text)).message).toMatch(/slash|dot/);
  });

  it('of instances lose what makes them paths', () => {
    expect(['../../etc/passwd', '..', 'a\0b'].map(toInstanceId)).toEqual(['------etc-passwd', '--', 'a-b']);
  });

  it('are refused by snapshots get, put and remove, with --force too', async () => {
    const folder = temporaryFolder();
    const config = join(folder, 'a.yaml');
    const file = join(folder, 'x');
    writeFileSync(file, 'x');
    const storage = { type: 'fs', options: { root_path: join(folder, 'bucket') } };
    writeFileSync(config, JSON.stringify({ lmdbs: { main: { path: join(folder, 'db') } }, storage }));
    const before = readdirSync(folder).sort();
    for (const name of ['../y', '/tmp/y', 'a/../../y']) {
      const calls = [
        ['get', name, join(folder, 'got')],
        ['put', '--name', name, file],
        ['put', '--force', '--name', name, file],
        ['remove', name],
      ];
      for (const call of calls) {
        const { code, stderr } = await run(['--config', config, 'snapshots', ...call]);
        expect([code === 0, stderr], call.join(' ')).toEqual([false, expect.not.stringMatching(/\n\s+at /)]);
      }
    }
    expect(
      readdirSync(folder)
        .filter((name) => name !== 'bucket')
        .sort(),
    ).toEqual(before);
  });
});
