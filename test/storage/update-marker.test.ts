import { beforeEach, describe, expect, it } from 'vitest';
import type { Bucket, ListKeysOptions } from '../../src/storage/bucket/bucket.ts';
import { BucketStorage } from '../../src/storage/bucket/bucket-storage.ts';
import { collect, MemoryStorage, type ObjectBody, type ObjectInfo } from '../../src/storage/index.ts';
import { bytesOf, contentOf, failureOf, namesOf } from './support.ts';

/** A provider with a memory, which counts what would be billed. */
class CountingBucket implements Bucket {
  readonly type = 'counting';
  readonly objects = new MemoryStorage();
  readonly clockOffsetMs = undefined;
  lists = 0;
  gets = 0;
  /** Run once, after the marker was read and before the listing begins. */
  beforeList: () => Promise<void> = async () => {};
  failMarker = false;

  async *list(prefix: string, _: ListKeysOptions): AsyncIterable<readonly ObjectInfo[]> {
    this.lists++;
    const { beforeList } = this;
    this.beforeList = async () => {};
    const infos: ObjectInfo[] = [];
    for await (const info of this.objects.list(prefix)) infos.push(info);
    await beforeList();
    yield infos;
  }

  get(key: string): ReturnType<Bucket['get']> {
    this.gets++;
    return this.objects.load(key);
  }

  async put(key: string, body: ObjectBody): Promise<string> {
    if (this.failMarker && key.endsWith('update-marker')) throw new Error('no marker today');
    await this.objects.store(key, await collect(body.open()));
    return 'an-etag';
  }

  remove(key: string): Promise<void> {
    return this.objects.delete(key);
  }

  async close(): Promise<void> {}
}

const FORCE_LIST_MS = 300_000;

describe('update marker', () => {
  let bucket: CountingBucket;
  let now: number;
  const instance = (useUpdateMarker = true): BucketStorage =>
    new BucketStorage(bucket, {
      globalPrefix: 'fleet-',
      useUpdateMarker,
      updateMarkerForceListIntervalMs: FORCE_LIST_MS,
      folders: 'show',
      now: () => now,
    });
  const marker = async (): Promise<string> =>
    (await contentOf(await bucket.objects.load('fleet-update-marker'))).toString();

  beforeEach(() => {
    bucket = new CountingBucket();
    now = 1_700_000_000_000;
  });

  it('is what the reference writes, and hidden', async () => {
    const storage = instance();
    await storage.store('db__a', bytesOf('x'));
    expect(await marker()).toBe('fleet-db__a:an-etag:1700000000000000000:false');
    await storage.delete('db__a');
    expect(await marker()).toBe('fleet-db__a::1700000000000000001:true');
    expect(await namesOf(storage)).toEqual([]);
    expect(await namesOf(instance(false))).toEqual([]);
  });

  it('saves listings: one for any number of prefixes, until somebody changes something', async () => {
    const writer = instance();
    const reader = instance();
    await writer.store('db__a', bytesOf('x'));
    for (const prefix of ['', 'db__', 'other__', 'db__']) await namesOf(reader, prefix);
    expect(bucket.lists).toBe(1);
    await writer.store('db__b', bytesOf('x'));
    expect(await namesOf(reader, 'db__')).toEqual(['db__a', 'db__b']);
    expect(await namesOf(reader, 'db__b')).toEqual(['db__b']);
    expect(bucket.lists).toBe(2);
    await writer.delete('db__a');
    expect(await namesOf(reader)).toEqual(['db__b']);
    expect(bucket.lists).toBe(3);
  });

  it('is not trusted while there is none, or for longer than the interval', async () => {
    const reader = instance();
    await instance(false).store('db__a', bytesOf('x'));
    await namesOf(reader);
    await namesOf(reader);
    expect(bucket.lists).toBe(2);
    await instance().store('db__b', bytesOf('x'));
    await namesOf(reader);
    // A writer without the option, or one that was killed between the object and the marker.
    await instance(false).store('db__c', bytesOf('x'));
    now += FORCE_LIST_MS - 1;
    expect(await namesOf(reader)).toEqual(['db__a', 'db__b']);
    now += 1;
    expect(await namesOf(reader)).toEqual(['db__a', 'db__b', 'db__c']);
    expect(bucket.lists).toBe(4);
    now -= 10 * FORCE_LIST_MS; // the clock was set back
    await namesOf(reader);
    expect(bucket.lists).toBe(5);
  });

  it('misses no change that falls between the marker and the listing', async () => {
    const reader = instance();
    await instance().store('db__a', bytesOf('x'));
    bucket.beforeList = () => instance().store('db__b', bytesOf('x'));
    expect(await namesOf(reader)).toEqual(['db__a']);
    expect(await namesOf(reader)).toEqual(['db__a', 'db__b']);
  });

  it('shows our own changes at once, also one made during a listing', async () => {
    const storage = instance();
    await storage.store('db__a', bytesOf('x'));
    bucket.beforeList = () => storage.store('db__b', bytesOf('x'));
    await namesOf(storage);
    expect(await namesOf(storage)).toEqual(['db__a', 'db__b']);
    await storage.delete('db__a');
    expect(await namesOf(storage)).toEqual(['db__b']);
  });

  it('that cannot be written fails the store, so that it is tried again', async () => {
    const storage = instance();
    bucket.failMarker = true;
    expect(await failureOf(storage.store('db__a', bytesOf('x')))).toMatchObject({ message: 'no marker today' });
    expect(await namesOf(storage)).toEqual(['db__a']);
  });

  it('of a senseless size is an error, not an excuse to fill the memory', async () => {
    const storage = instance();
    await bucket.objects.store('fleet-update-marker', Buffer.alloc(100_000));
    expect(await failureOf(namesOf(storage))).toMatchObject({ operation: 'list', objectName: 'update-marker' });
  });
});
