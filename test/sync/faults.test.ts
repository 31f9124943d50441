import { describe, expect, it } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { decode } from '../snapshot/support.ts';
import { failure, Gate, Instance, objectsOf } from '../support/fleet/instance.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';

const nowNano = (): bigint => BigInt(Date.now()) * 1_000_000n;
const THEN = nowNano() - 60_000_000_000n;

function nameOf(instanceId: string, nano = 0n): string {
  const timestampNano = toTimestampNano(THEN + nano);
  return buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind: 'snapshot' });
}

const good = (key: string, value = 'good', nano = nowNano()): Buffer => objectOf([dbiOf('d', [{ key, value, nano }])]);

describe('the bucket fails', () => {
  it('to store, for long: merging goes on, a newer state replaces the one that waits, nothing counts as published', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    const tried = new Set<string>();
    a.storage.beforeStore = (name) => {
      tried.add(name);
      throw failure('store');
    };
    a.put('own', '1');
    a.start();
    await a.until('tried thrice', () => a.storage.storeAttempts >= 3);
    for (let i = 0; i < 30; i++) await bucket.store(nameOf(`peer-${i}`), good(`k${i}`));
    await a.until('merged all', () => a.status.mergedObjects === 30);
    a.put('own', '2');
    const attempts = a.storage.storeAttempts;
    await a.until('tried on', () => a.storage.storeAttempts > attempts + 2);
    expect(a.status).toMatchObject({ publishedObjects: 0, publishedBytes: 0, phase: 'running' });
    expect(tried.size).toBeGreaterThan(1);
    a.storage.beforeStore = () => {};
    await a.until('stored', () => a.storage.stored.length === 1);
    const { snapshot } = await decode((await objectsOf(bucket, 'main__a__')).values().next().value!);
    const values = snapshot.dbis[0]!.entries.map(({ value }) => Buffer.from(value, 'hex').toString());
    expect(values).toContain('2');
    expect(values).toHaveLength(31);
    expect(a.status.publishedObjects).toBe(1);
  });

  it('an upload that hangs holds up no merging', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    const gate = new Gate();
    a.storage.beforeStore = () => gate.pass();
    a.put('own', '1');
    a.start();
    await a.until('uploads', () => gate.waiting === 1);
    for (let i = 0; i < 30; i++) await bucket.store(nameOf(`peer-${i}`), good(`k${i}`));
    await a.until('merged all', () => a.status.mergedObjects === 30);
    gate.open();
    await a.until('stored', () => a.storage.stored.length > 0);
  });

  it('LOOP-08: at most ten loads before a local change is on its way', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    for (let i = 0; i < 40; i++) await bucket.store(nameOf(`peer-${i}`), good(`k${i}`));
    a.put('own', '1');
    a.start({ memoryDownloadedSnapshots: 1 });
    await a.until('merged all', () => a.status.mergedObjects === 40);
    await a.until('stored', () => a.storage.stored.length > 0);
    const calls = a.storage.calls.filter((call) => call !== 'list');
    const loads = calls.findIndex((call) => call.startsWith('store'));
    expect(loads).toBeGreaterThan(0);
    expect(loads).toBeLessThanOrEqual(12);
  });

  it('to load one instance’s object: the others are merged, and it is tried again', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('slow'), good('slow'));
    await bucket.store(nameOf('other'), good('other'));
    const a = new Instance({ name: 'a', bucket });
    let fails = 3;
    a.storage.beforeLoad = (name) => {
      if (name === nameOf('slow') && fails-- > 0) throw failure('load');
    };
    a.put('own', '1');
    a.start();
    await a.until('merged the other', () => a.texts().other === 'good');
    await a.until('merged it after all', () => a.texts().slow === 'good');
    expect(a.status.loadFailures).toBe(3);
    await a.until('stored', () => a.storage.stored.length > 0);
  });

  it('to load our own object at start: the application’s file does not grow meanwhile', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('a'), good('own'));
    const a = new Instance({ name: 'a', bucket });
    a.storage.beforeLoad = () => {
      throw failure('load');
    };
    const fill = { op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 200, valueBytes: 1000 } as const;
    a.application.batch(fill);
    a.start();
    await a.until('tries to load its own', () => a.status.loadFailures > 0);
    const rewrite = async (times: number): Promise<number> => {
      for (let i = 0; i < times; i++) {
        a.application.batch(fill, { op: 'put', dbi: 'd', key: 'counter', value: `${i}` });
        const failures = a.status.loadFailures;
        await a.until('tried again', () => a.status.loadFailures > failures + 2);
      }
      return a.application.info().last_pgno;
    };
    const pages = await rewrite(6);
    expect(await rewrite(15)).toBe(pages);
    expect(a.status.phase).toBe('joining');
  });

  it('to list: local changes are recorded, and go out when it works again', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket }).start();
    await a.running();
    a.storage.beforeList = () => {
      throw failure('list');
    };
    await a.until('failed to list', () => a.status.listFailures > 2);
    a.put('own', '1');
    await a.until('stored', () => a.storage.stored.length === 1);
    // The 1st, 2nd, 4th, 8th … of them.
    const told = Math.floor(Math.log2(a.status.listFailures)) + 1;
    expect(a.told('error', 'Listing the storage failed')).toHaveLength(told);
    a.storage.beforeList = () => {};
    await a.until('told that it works', () => a.told('info', 'Listing the storage works again').length === 1);
  });

  it.each(['sync', 'receive'] as const)('to list, and %s with only_once: ends with the error', async (mode) => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage(), mode });
    a.storage.beforeList = () => {
      throw failure('list');
    };
    a.start({ onlyOnce: true, storageRetryForever: false, storageRetryCount: 2 });
    await expect(a.end()).rejects.toThrow('planned by the test');
    expect(a.status.listFailures).toBe(2);
  });

  it('to load, with only_once: ends with the error', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('other'), objectOf([dbiOf('o', [{ key: 'k', value: 'v', nano: THEN }])]));
    const a = new Instance({ name: 'a', bucket, mode: 'receive' });
    a.storage.beforeLoad = () => {
      throw failure('load');
    };
    a.start({ onlyOnce: true, storageRetryForever: false, storageRetryCount: 3 });
    await expect(a.end()).rejects.toThrow('planned by the test');
    expect(a.status.loadFailures).toBe(3);
  });
});

describe('the map is full', () => {
  it('we keep running, and go on when the application has enlarged it', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket, mapSizeBytes: 2 ** 20 });
    a.start();
    await a.running();
    a.application.batch({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 450, valueBytes: 1000 });
    await a.until('noticed', () => a.status.lastError?.includes('MDB_MAP_FULL') === true);
    await bucket.store(nameOf('other'), objectOf([dbiOf('o', [{ key: 'k', value: 'v'.repeat(300_000), nano: THEN }])]));
    const lists = a.storage.calls.length;
    await a.until('goes on listing', () => a.storage.calls.length > lists + 5);
    expect([a.status.phase, a.storage.storeAttempts]).toEqual(['running', 0]);
    a.application.resize(64 * 2 ** 20);
    a.put('one', 'more');
    await a.until('stored', () => a.storage.stored.length > 0);
    await a.until('merged', () => a.texts('o').k?.length === 300_000);
  });

  it('not where map_size allows more than the file says', async () => {
    const bucket = new MemoryStorage();
    const options = { map_size: '64MB' };
    const a = new Instance({ name: 'a', bucket, mapSizeBytes: 2 ** 20, lmdb: { options } });
    a.start();
    await a.running();
    await bucket.store(
      nameOf('other'),
      objectOf([dbiOf('o', [{ key: 'k', value: 'v'.repeat(3_000_000), nano: THEN }])]),
    );
    await a.until('merged', () => a.status.mergedObjects === 1);
    expect(a.status.phase).toBe('running');
  });
});

describe('what only the operator can mend', () => {
  it('a DUPSORT DBI of the application without dupsort_hack ends the database, with its name', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() }).start();
    await a.running();
    a.application.put('dup', 'k', 'v', 0x04);
    await expect(a.end()).rejects.toThrow(/DBI dup has MDB_DUPSORT/);
    expect(a.status.phase).toBe('failed');
  });
});
