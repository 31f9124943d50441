import { describe, expect, it } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../../src/snapshot/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { ChainIndex } from '../../../src/sync/chain/index.ts';
import type { MergeResult } from '../../../src/sync/local/index.ts';
import { Receiver } from '../../../src/sync/remote/index.ts';
import { systemClock } from '../../../src/sync/time/index.ts';
import { decode } from '../../snapshot/support.ts';
import { failure, Instance, objectsOf } from '../../support/fleet/instance.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

const nowNano = (): bigint => BigInt(Date.now()) * 1_000_000n;
const THEN = nowNano() - 60_000_000_000n;

function nameOf(instanceId: string, nano = 0n): string {
  const timestampNano = toTimestampNano(THEN + nano);
  return buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind: 'snapshot' });
}

const good = (key: string, value = 'good', nano = nowNano()): Buffer => objectOf([dbiOf('d', [{ key, value, nano }])]);

describe('an object that cannot be used stops nobody (decision 11; I7)', () => {
  const entry = { key: 'k', value: 'v', nano: THEN };
  const dup = 0x04;

  it('as the only object of its instance, and as our own', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('bad'), Buffer.from('damaged'));
    await bucket.store(nameOf('a'), Buffer.from('damaged too'));
    const a = new Instance({ name: 'a', bucket });
    a.put('own', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    expect(a.status).toMatchObject({ refusedObjects: 2, phase: 'running' });
  });

  it('more DBIs than max_dbs allows: tried again, for the operator can raise it; nobody else waits', async () => {
    const bucket = new MemoryStorage();
    const many = Array.from({ length: 200 }, (_, i) => dbiOf(`n${i}`, [entry]));
    await bucket.store(nameOf('many'), objectOf(many));
    await bucket.store(nameOf('other'), good('other'));
    const a = new Instance({ name: 'a', bucket });
    a.put('own', '1');
    a.start();
    await a.until('stored', () => a.storage.stored.length > 0);
    await a.until('merged the other', () => a.texts().other === 'good');
    await a.until('told', () => a.told('error', 'MDB_DBS_FULL').length > 0);
    expect(a.status.phase).toBe('running');
  });

  it('in native mode: DUPSORT in an old format', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('bad'), objectOf([dbiOf('n', [entry], dup)], { formatVersion: 2 }));
    await bucket.store(nameOf('other'), good('other'));
    const a = new Instance({ name: 'a', bucket, lmdb: { schema_tracks_changes: true } }).start();
    await a.until('merged the other', () => 'other' in a.texts());
    await a.until('refused', () => a.status.refusedObjects === 1);
    expect(a.status.phase).toBe('running');
  });

  it('a local change that came to light while it was read is published', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket }).start();
    await a.running();
    let isWritten = false;
    // In the same turn of the event loop as the merge: no watch and no poll comes before it.
    const load = bucket.load.bind(bucket);
    a.storage.bucket.load = async (name) => {
      const download = await load(name);
      const stream = async function* () {
        yield* download.stream;
        if (!isWritten) a.put('local', '1');
        isWritten = true;
      };
      return { ...download, stream: stream() };
    };
    await bucket.store(nameOf('bad'), Buffer.from('damaged'));
    await a.until('refused', () => a.status.refusedObjects === 1);
    await a.until('stored', () => a.storage.stored.length === 1);
    const [object] = [...(await objectsOf(bucket, 'main__a__')).values()];
    expect((await decode(object!)).snapshot.dbis[0]?.entries).toMatchObject([
      { key: Buffer.from('local').toString('hex') },
    ]);
  });
});

describe('an object that cannot be loaded at the moment', () => {
  it('is tried again when its wait is over, also when the timer fires a moment early', async () => {
    const bucket = new MemoryStorage();
    await bucket.store(nameOf('b'), good('k'));
    const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'a' });
    const signal = new AbortController().signal;
    const load = bucket.load.bind(bucket);
    let failures = 1;
    bucket.load = (name, options) => (failures-- > 0 ? Promise.reject(failure('load')) : load(name, options));
    // Time stands still: no timer is ever late enough.
    const clock = { ...systemClock, monotonicMs: () => 0, sleep: () => Promise.resolve() };
    const merged: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      const receiver = new Receiver({
        databaseName: 'main',
        storage: bucket,
        index,
        instanceId: 'a',
        concurrency: 1,
        retryIntervalMs: 1000,
        onlyOnce: false,
        clock,
        report: () => {},
        spool: () => {
          throw new Error('a small object needs no spool');
        },
        merge: async (batch, onBegin) => {
          onBegin();
          merged.push(...batch.objects.map(({ name }) => name));
          return batch.objects.map(() => ({ entries: 1, written: 1, header: undefined }) as unknown as MergeResult);
        },
        onMerged: () => resolve(),
        onSettled: () => receiver.start(signal),
        onRefused: reject,
        onFatal: reject,
      });
      void receiver.list(signal).then(() => receiver.start(signal));
    });
    await ended;
    expect(merged).toEqual([nameOf('b')]);
  });
});
