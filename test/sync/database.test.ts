import { describe, expect, it } from 'vitest';
import type { StorageConfig } from '../../src/config/index.ts';
import { buildSnapshotName, parseSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { type Clock, systemClock } from '../../src/sync/index.ts';
import { decode } from '../snapshot/support.ts';
import { eventually } from '../support/eventually.ts';
import { failure, Gate, Instance, objectsOf } from '../support/fleet/instance.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';

const nowNano = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** A minute ago: not so old that the instance would be taken for a stale one. */
const THEN = nowNano() - 60_000_000_000n;

function nameOf(instanceId: string, nano = 0n): string {
  const timestampNano = toTimestampNano(THEN + nano);
  return buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind: 'snapshot' });
}

/** A cleaner that finds nothing too young to be cleaned. */
const CLEANING: StorageConfig = {
  type: 'memory',
  options: {},
  cleanup: { enabled: true, intervalMs: 20, mustKeepIntervalMs: 0, removeOldInstancesIntervalMs: 1 },
};

const oneEntry = (key: string, value: string): Buffer => objectOf([dbiOf('d', [{ key, value, nano: nowNano() }])]);

/** Keys of the newest object that an instance stored. */
async function newestKeys(bucket: MemoryStorage, instance: string): Promise<string[]> {
  const objects = await objectsOf(bucket, `main__${instance}__`);
  const newest = [...objects.values()].at(-1)!;
  const { snapshot } = await decode(newest);
  return snapshot.dbis.flatMap((dbi) => dbi.entries.map(({ key }) => Buffer.from(key, 'hex').toString()));
}

describe('two instances', () => {
  it('LOOP-21: who publishes when', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    const b = new Instance({ name: 'b', bucket });
    a.put('foo', 'v1');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    b.start();
    await b.until('has v1', () => b.texts().foo === 'v1');
    expect(b.storage.stored).toEqual([]);
    b.put('foo', 'v2');
    await a.until('has v2', () => a.texts().foo === 'v2');
    expect([a.storage.stored.length, b.storage.stored.length]).toEqual([1, 1]);
    await a.stop();
    a.start();
    await a.until('stored at start', () => a.storage.stored.length === 2);
    await a.stop();
    a.put('new', 'offline');
    a.start();
    await b.until('has the offline change', () => b.texts().new === 'offline');
    expect(a.storage.stored.length).toBe(3);
    for (const instance of [a, b]) await instance.stop();
    expect(a.texts()).toEqual(b.texts());
  });

  it('of one name: told, and both still merge what the other has', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'same', bucket }).start();
    const b = new Instance({ name: 'same', bucket }).start();
    await a.running();
    await b.running();
    a.put('from', 'a');
    await b.until('noticed', () => b.status.duplicateInstance !== undefined && b.texts().from === 'a');
    expect(b.told('error', 'Another process publishes under our instance name')).toHaveLength(1);
    expect(a.status.duplicateInstance).toBeUndefined();
  });

  it('of one name, and both publish: both say so, neither loses a write, nor does a third', async () => {
    const bucket = new MemoryStorage();
    const [a, b] = ['same', 'same'].map((name) => new Instance({ name, bucket }).start()) as [Instance, Instance];
    await a.running();
    await b.running();
    const expected: Record<string, string> = {};
    for (let round = 0; round < 4; round++) {
      for (const [name, instance] of [['a', a] as const, ['b', b] as const]) {
        expected[`${name}-${round}`] = name;
        instance.put(`${name}-${round}`, name);
      }
      await a.until('stored something', () => a.storage.stored.length + b.storage.stored.length > round);
    }
    for (const instance of [a, b]) {
      await eventually(() => expect(instance.texts()).toEqual(expected), { what: 'all writes' });
      await instance.until('said so', () => instance.status.duplicateInstance !== undefined);
      expect(instance.told('error', 'Another process publishes under our instance name').length).toBeGreaterThan(0);
    }
    const joiner = new Instance({ name: 'c', bucket }).start();
    await eventually(() => expect(joiner.texts()).toEqual(expected), { what: 'all writes in a third' });
    // They come to rest: nothing of the other is news any more.
    await eventually(async () => {
      const before = a.storage.stored.length + b.storage.stored.length;
      const listings = a.storage.calls.length + b.storage.calls.length + 20;
      await a.until('listed again and again', () => a.storage.calls.length + b.storage.calls.length >= listings);
      expect(a.storage.stored.length + b.storage.stored.length).toBe(before);
    });
  });
});

describe('our own objects', () => {
  it('nothing is stored before our own newest is merged (I5)', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('a'), oneEntry('own', 'old'));
    const a = new Instance({ name: 'a', bucket });
    const gate = new Gate();
    a.storage.beforeLoad = () => gate.pass();
    a.put('local', '1');
    a.start();
    await a.until('loads its own', () => gate.waiting > 0);
    a.put('local', '2');
    const lists = a.storage.calls.length;
    expect([a.storage.storeAttempts, a.status.phase]).toEqual([0, 'joining']);
    gate.open();
    await a.until('stored', () => a.storage.stored.length > 0);
    expect(lists).toBeGreaterThan(0);
    expect(a.storage.calls.indexOf(`load ${nameOf('a')}`)).toBeLessThan(
      a.storage.calls.findIndex((call) => call.startsWith('store')),
    );
    expect(await newestKeys(bucket, 'a')).toEqual(['local', 'own']);
  });

  it('the newest is corrupt: the older one is merged before anything is stored (I5)', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('a', 1n), oneEntry('own', 'old'));
    await bucket.store(nameOf('a', 2n), Buffer.from('damaged'));
    const a = new Instance({ name: 'a', bucket });
    a.put('local', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length > 0);
    expect(await newestKeys(bucket, 'a')).toEqual(['local', 'own']);
    expect(a.status.refusedObjects).toBe(1);
  });

  it('names never go back, whatever the clock does (decision 10)', async () => {
    const bucket = new MemoryStorage();
    const ahead = 40n * 365n * 86_400_000_000_000n;
    await bucket.store(nameOf('a', ahead), oneEntry('own', 'old'));
    let offNano = 0n;
    const clock: Clock = { ...systemClock, nowNano: () => systemClock.nowNano() + offNano };
    const a = new Instance({ name: 'a', bucket, clock });
    a.put('k', '0');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    for (const [index, jump] of [86_400n, -86_400n, 40n * 366n * 86_400n, -1n].entries()) {
      offNano += jump * 1_000_000_000n;
      a.put('k', String(index + 1));
      await a.until('stored again', () => a.storage.stored.length === index + 2);
    }
    const times = a.storage.stored.map((name) => parseSnapshotName(name).timestampNano);
    let last = parseSnapshotName(nameOf('a', ahead)).timestampNano;
    for (const time of times) {
      expect(time).toBeGreaterThan(last);
      last = time;
    }
  });
});

describe('receive', () => {
  it('merges and never stores nor deletes, also what the application changes', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('other'), oneEntry('k', 'v'));
    const a = new Instance({ name: 'a', bucket, mode: 'receive' });
    a.put('own', '1');
    a.start({ storageForceSnapshotIntervalMs: 30, storage: CLEANING });
    await a.until('merged', () => a.texts().k === 'v');
    a.put('own', '2');
    await a.until('recorded', () => a.status.localEntries >= 2);
    const listed = a.storage.calls.length;
    await a.until('listed again', () => a.storage.calls.length > listed + 3);
    await a.stop();
    expect(a.storage.storeAttempts).toBe(0);
    expect(a.storage.calls.filter((call) => !/^(list|load)/.test(call))).toEqual([]);
  });
});

describe('only_once', () => {
  const once = { onlyOnce: true, storageRetryForever: false, storageRetryCount: 3 };

  it('merges what there is, stores once, and ends', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('other'), oneEntry('k', 'v'));
    const a = new Instance({ name: 'a', bucket });
    a.put('own', '1');
    await a.start(once).end();
    expect(a.texts()).toEqual({ k: 'v', own: '1' });
    expect(a.storage.stored).toHaveLength(1);
    expect(await newestKeys(bucket, 'a')).toEqual(['k', 'own']);
  });

  it('an empty database with nothing to merge ends without storing', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() });
    await a.start(once).end();
    expect(a.storage.storeAttempts).toBe(0);
  });

  it('a store that fails too often is the error it ends with', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() });
    a.put('own', '1');
    a.storage.beforeStore = () => {
      throw failure('store');
    };
    await expect(a.start(once).end()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(a.storage.storeAttempts).toBeGreaterThanOrEqual(3);
  });

  it('with objects that cannot be read: ends, and the rest is done', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('bad'), Buffer.from('damaged'));
    await bucket.store(nameOf('a'), Buffer.from('damaged too'));
    await bucket.store(nameOf('other'), oneEntry('k', 'v'));
    const a = new Instance({ name: 'a', bucket });
    a.put('own', '1');
    await a.start(once).end();
    expect(a.texts()).toEqual({ k: 'v', own: '1' });
    expect(a.storage.stored).toHaveLength(1);
  });
});

describe('stopping', () => {
  it('an upload under way is finished', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    const gate = new Gate();
    a.storage.beforeStore = () => gate.pass();
    a.put('k', 'v');
    a.start();
    await a.until('uploads', () => gate.waiting === 1);
    a.abort();
    let isEnded = false;
    const ended = a.end().then(() => {
      isEnded = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isEnded).toBe(false);
    gate.open();
    await ended;
    expect([...(await objectsOf(bucket)).keys()]).toEqual(a.storage.stored);
    expect(a.storage.stored).toHaveLength(1);
  });

  it('a change that nobody has noticed is recorded and published before the end', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    a.put('k', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    // In one turn of the event loop: neither the file watch nor the poll can tell of it.
    a.put('last', '2');
    await a.stop();
    expect(a.storage.stored.length).toBe(2);
    expect(await newestKeys(bucket, 'a')).toEqual(['last']);
  });

  it('a change that is due is published before the end', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    a.storage.beforeStore = () => {
      throw failure('store');
    };
    a.put('k', 'v');
    a.start({ storageRetryIntervalMs: 3_600_000 });
    await a.until('failed', () => a.storage.storeAttempts === 1);
    a.storage.beforeStore = () => {};
    await a.stop();
    expect(a.storage.stored).toHaveLength(1);
    expect(await newestKeys(bucket, 'a')).toEqual(['k']);
  });

  it('while the bucket cannot be listed', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() });
    a.storage.beforeList = () => {
      throw failure('list');
    };
    a.start();
    await a.until('failed to list', () => a.status.listFailures > 0);
    await a.stop();
    expect(a.status.phase).toBe('stopped');
  });
});

describe('forced snapshots', () => {
  it('one after each interval, without any change', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() });
    a.put('k', 'v');
    a.start({ storageForceSnapshotIntervalMs: 30 });
    await a.until('stored thrice', () => a.storage.stored.length >= 3);
  });

  it('none by itself where it is off', async () => {
    const a = new Instance({ name: 'a', bucket: new MemoryStorage() });
    a.put('k', 'v');
    a.start({ storageForceSnapshotIntervalMs: 0 });
    await a.until('stored', () => a.storage.stored.length === 1);
    const listed = a.storage.calls.length;
    await a.until('listed often', () => a.storage.calls.length > listed + 10);
    expect(a.storage.stored).toHaveLength(1);
  });
});
