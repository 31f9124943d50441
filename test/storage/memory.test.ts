import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { createStorage, MemoryStorage } from '../../src/storage/index.ts';
import { describeObjectStorage } from './conformance.ts';
import { bytesOf, listOf } from './support.ts';

describeObjectStorage('memory', {
  open: () => createStorage({ type: 'memory' }),
  histories: 60,
  refusedNames: ['.hidden', 'x.tmp', 'a/b'],
  moreNames: ['\u{ff5e}', '\u{1f600}'],
});

describe('a storage in memory or in a folder', () => {
  it('does not load the libraries of S3 and Azure', async () => {
    const { cache } = createRequire(import.meta.url);
    const isLoaded = (library: string): boolean => Object.keys(cache).some((file) => file.includes(library));
    expect([isLoaded('@aws-sdk'), isLoaded('@azure')]).toEqual([false, false]);
    await import('../../src/storage/s3/open-s3.ts');
    expect(isLoaded('@aws-sdk')).toBe(true); // so the look at the cache can see them
  });
});

describe('memory', () => {
  it('takes the time of a change from the clock it was given', async () => {
    let now = 1_000;
    const storage = new MemoryStorage({ now: () => now });
    await storage.store('a', bytesOf('1'));
    now = 2_000;
    await storage.store('b', bytesOf('2'));
    expect((await listOf(storage)).map(({ modifiedMs }) => modifiedMs)).toEqual([1_000, 2_000]);
  });

  it('tells its watchers of a new object until they are closed', async () => {
    const storage = new MemoryStorage();
    let seen = 0;
    const stop = storage.watch('a', () => seen++);
    await storage.store('a', bytesOf('1'));
    await listOf(storage);
    expect(seen).toBe(1);
    await storage.store('b', bytesOf('2'));
    await listOf(storage);
    expect(seen).toBe(1);
    stop.close();
    await storage.store('a2', bytesOf('2'));
    await listOf(storage);
    expect(seen).toBe(1);
  });
});
