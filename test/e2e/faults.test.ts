import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStorage } from '../../src/storage/index.ts';
import { eventually } from '../support/eventually.ts';
import { type Fault, FaultProxy, useAzurite, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import {
  azurePlace,
  Machine,
  objectsIn,
  openPlace,
  type Place,
  placeWith,
  type SyncHere,
  s3Place,
  syncHere,
} from './buckets-machine.ts';
import { Damaging, Gated } from './faults-storage.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

/** As `storage_retry_interval` of `syncHere`, and the jitter of `RetryPolicy`. */
const LONGEST_RETRY_MS = 100 * 1.2;
/** For requests that nobody answers; long enough for those that a busy machine answers late. */
const CLIENT_TIMEOUT = '1500ms';

const isStoreOf = (instance: string) => (method: string, path: string) =>
  method === 'PUT' && path.includes(`main__${instance}__`);
const isLoadOf = (instance: string) => (method: string, path: string) =>
  method === 'GET' && path.includes(`main__${instance}__`);
const isListing = (method: string, path: string) => method === 'GET' && !/main__[ab]__/.test(path);

const ANY: readonly Fault[] = [
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'hang' },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
];
/** How often the network spoils a request in a row; less where each time costs the time-out. */
const timesOf = ({ kind }: Fault): number => (kind.startsWith('hang') ? 1 : 2);
const timesOfAll = (faults: readonly Fault[]): number => faults.reduce((sum, fault) => sum + timesOf(fault), 0);
/** A connection that is cut before any answer, on one that was used before, is tried once more before anybody is told. */
const hidesOne = ({ kind }: Fault): boolean => ['cut-before', 'cut-after', 'cut-upload'].includes(kind);
const failuresOf = (faults: readonly Fault[]): { readonly least: number; readonly most: number } => {
  const most = timesOfAll(faults);
  return { least: most - faults.filter(hidesOne).length, most };
};
const expectFailures = (failures: number, faults: readonly Fault[]): void => {
  const { least, most } = failuresOf(faults);
  expect(failures).toBeGreaterThanOrEqual(least);
  expect(failures).toBeLessThanOrEqual(most);
};
const OF_STORES: readonly Fault[] = [...ANY, { kind: 'cut-upload' }, { kind: 'corrupt-upload' }];
const OF_LOADS: readonly Fault[] = [
  ...ANY,
  { kind: 'cut-body' },
  { kind: 'truncate-unannounced' },
  { kind: 'hang-body' },
];

const PLACES: readonly [string, string, () => Place][] = [
  ['SeaweedFS', seaweedfs.endpointUrl, () => s3Place(seaweedfs, { client_timeout: CLIENT_TIMEOUT })],
  ['Azurite', azurite.endpointUrl, () => azurePlace(azurite, { client_timeout: CLIENT_TIMEOUT })],
];

describe.each(PLACES)('a bad network before %s', (_, endpointUrl, makePlace) => {
  let proxy: FaultProxy;
  let place: Place;
  let bad: Place;
  let a: Machine;
  let b: Machine;

  beforeEach(async () => {
    const folder = temporaryFolder();
    proxy = await FaultProxy.start(endpointUrl);
    place = makePlace();
    bad = placeWith(place, { endpoint_url: proxy.url });
    a = await Machine.create(folder, 'a', { place });
    b = await Machine.create(folder, 'b', { place });
  });
  afterEach(() => proxy.stop());

  /** Requests that met the rule, from `since` on. */
  const countOf = (rule: (method: string, path: string) => boolean, since: number): number =>
    proxy.requests.slice(since).filter((request) => {
      const [method, path] = request.split(' ') as [string, string];
      return rule(method, path);
    }).length;

  const expectRetriesInTime = ({ lines, sleepsMs, status }: SyncHere): void => {
    const delaysMs = lines.flatMap(({ message, fields }) => (message === 'Store failed' ? Number(fields.retryMs) : []));
    expect(delaysMs).toHaveLength(status.storeFailures);
    expect(sleepsMs).toEqual(expect.arrayContaining(delaysMs));
    expect(Math.max(...delaysMs)).toBeLessThanOrEqual(LONGEST_RETRY_MS);
  };

  const hasPublished = (sync: SyncHere, objects: number): Promise<unknown> =>
    eventually(() => expect(sync.status.publishedObjects).toBe(objects));

  it('while storing fails, others are merged, newer changes replace the waiting body, and nothing counts as published', async () => {
    await a.application.put('data', 'a', '0');
    const aSync = await syncHere(a, { place: bad });
    const bSync = await syncHere(b, { place });
    await b.has({ a: '0' });
    await hasPublished(aSync, 1);
    const storage = await openPlace(place);
    const before = await objectsIn(storage, 'a');
    proxy.set({ kind: 'status', status: 503, match: isStoreOf('a') });
    for (const value of ['1', '2', '3', '4', '5']) {
      await a.application.put('data', 'a', value);
      const { storeFailures } = aSync.status;
      await b.application.put('data', `b${value}`, 'merged');
      await eventually(async () =>
        expect(await a.application.texts('data')).toMatchObject({ [`b${value}`]: 'merged' }),
      );
      await eventually(() => aSync.status.storeFailures > storeFailures);
    }
    expect(aSync.status).toMatchObject({ publishedObjects: 1, storeGivenUp: 0, phase: 'running' });
    expect(await objectsIn(storage, 'a')).toEqual(before);
    expect(await b.application.texts('data')).toMatchObject({ a: '0' });
    const healedAt = proxy.requests.length;
    proxy.set();
    await hasPublished(aSync, 2);
    // The very next attempt is the one that succeeds, and it comes within the interval and its jitter.
    expect(countOf(isStoreOf('a'), healedAt)).toBe(1);
    expectRetriesInTime(aSync);
    const merged = Object.fromEntries(['1', '2', '3', '4', '5'].map((value) => [`b${value}`, 'merged']));
    await b.has({ a: '5', ...merged });
    expect((await objectsIn(storage, 'a')).length - before.length).toBe(1);
    expect([aSync, bSync].map(({ status }) => [status.refusedObjects, status.duplicateInstance])).toEqual([
      [0, undefined],
      [0, undefined],
    ]);
  });

  it('every way in which a store can fail: tried again, one object a change, nothing lost', async () => {
    await a.application.put('data', 'k', 'start');
    const aSync = await syncHere(a, { place: bad });
    await syncHere(b, { place });
    await b.has({ k: 'start' });
    await hasPublished(aSync, 1);
    const storage = await openPlace(place);
    for (const [index, fault] of OF_STORES.entries()) {
      const startedAt = proxy.requests.length;
      proxy.set({ ...fault, match: isStoreOf('a'), times: timesOf(fault) });
      const value = `${fault.kind} ${fault.status}`;
      await a.application.put('data', 'k', value);
      await b.has({ k: value });
      await hasPublished(aSync, index + 2);
      expect([value, countOf(isStoreOf('a'), startedAt)]).toEqual([value, timesOf(fault) + 1]);
      expect([value, (await objectsIn(storage, 'a')).length]).toEqual([value, index + 2]);
    }
    expectFailures(aSync.status.storeFailures, OF_STORES);
    expect(aSync.status.duplicateInstance).toBeUndefined();
    expectRetriesInTime(aSync);
  });

  it('every way in which a load or a listing can fail: tried again, nothing half-loaded, nothing refused', async () => {
    await a.application.put('data', 'k', 'start');
    await syncHere(a, { place });
    const bSync = await syncHere(b, { place: bad });
    await b.has({ k: 'start' });
    const { mergedObjects } = bSync.status;
    for (const [index, fault] of OF_LOADS.entries()) {
      const startedAt = proxy.requests.length;
      proxy.set({ ...fault, match: isLoadOf('a'), times: timesOf(fault) });
      const value = `${fault.kind} ${fault.status}`;
      await a.application.put('data', 'k', value);
      await b.has({ k: value });
      await eventually(() => expect(bSync.status.mergedObjects).toBe(mergedObjects + index + 1));
      expect([value, countOf(isLoadOf('a'), startedAt)]).toEqual([value, timesOf(fault) + 1]);
    }
    expectFailures(bSync.status.loadFailures, OF_LOADS);
    for (const fault of OF_LOADS) {
      const { listFailures } = bSync.status;
      proxy.set({ ...fault, match: isListing, times: timesOf(fault) });
      await eventually(() => expectFailures(bSync.status.listFailures - listFailures, [fault]));
      await eventually(() => expect(proxy.faultsLeft).toBe(0));
      const value = `list ${fault.kind} ${fault.status}`;
      await a.application.put('data', 'k', value);
      await b.has({ k: value });
    }
    expect(bSync.status).toMatchObject({ refusedObjects: 0, duplicateInstance: undefined, phase: 'running' });
    // Of a failure that repeats the 1st, 2nd, 4th, 8th … time: here each of them.
    const told = bSync.lines.filter(({ level, message }) => level === 'error' && message.startsWith('Listing'));
    expect(told).toHaveLength(bSync.status.listFailures);
  });
});

describe('what a proxy cannot do to a request', () => {
  it('a download damaged on the way is read again, not refused; an object damaged in the bucket is refused once', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.put('data', 'k', 'whole');
    const aSync = await syncHere(a, { place });
    await eventually(() => aSync.status.publishedObjects > 0);
    let damaging: Damaging | undefined;
    const wrap = (inner: ObjectStorage) => {
      damaging = new Damaging(inner, 'a', 1);
      return damaging;
    };
    // Nothing but the retry brings it back: the next listing is an hour away.
    const bSync = await syncHere(b, { place, wrap, more: { storage_poll_interval: '1h' } });
    await b.has({ k: 'whole' });
    expect(damaging!.timesLeft).toBeLessThanOrEqual(0);
    expect(bSync.status).toMatchObject({ refusedObjects: 0, loadFailures: 1 });
    expect(bSync.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields.error)).toEqual([
      expect.stringContaining('damaged on the way'),
    ]);
    await bSync.stop();

    await aSync.stop();
    const storage = await openPlace(place);
    const [whole] = await objectsIn(storage, 'a');
    const bytes = Buffer.concat(await chunksOf(storage, whole!.full));
    bytes[20]! ^= 1;
    await storage.store(whole!.full.replace(/__\d{8}-\d{6}-/, '__20990101-000000-'), bytes);
    const c = await Machine.create(folder, 'c', { place });
    const cSync = await syncHere(c, { place });
    await c.has({ k: 'whole' });
    await eventually(() => expect(cSync.status.refusedObjects).toBe(1));
    await c.application.put('data', 'own', 'goes on');
    await eventually(() => cSync.status.publishedObjects > 0);
    expect(cSync.status.refusedObjects).toBe(1);
    expect(cSync.lines.filter(({ message }) => message.startsWith('Refused'))).toHaveLength(1);
  });

  it('a store that takes for ever holds up no merging, and is not taken for a namesake’s when it appears', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.put('data', 'a', '0');
    let gate: Gated | undefined;
    const wrap = (inner: ObjectStorage) => {
      gate = new Gated(inner);
      return gate;
    };
    const aSync = await syncHere(a, { place, wrap });
    await syncHere(b, { place });
    await eventually(() => expect(gate!.waiting).toBe(1));
    for (const value of ['1', '2', '3']) {
      await a.application.put('data', 'a', value);
      await b.application.put('data', 'b', value);
      await a.has({ a: value, b: value });
    }
    expect([gate!.waiting, aSync.status.publishedObjects]).toEqual([1, 0]);
    gate!.open();
    await b.has({ a: '3', b: '3' });
    // The one that was under way, and one for everything that came after it began.
    await eventually(() => expect(aSync.status.publishedObjects).toBe(2));
    const { mergedObjects } = aSync.status;
    await b.application.put('data', 'b', 'last');
    await a.has({ a: '3', b: 'last' });
    // Listed by now, and none of it was loaded back.
    expect(aSync.status).toMatchObject({ mergedObjects: mergedObjects + 1, duplicateInstance: undefined });
    expect(await objectsIn(await openPlace(place), 'a')).toHaveLength(2);
  });

  it('a store that nobody answers keeps no process alive for ever; what it carried goes out at the next start', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    await a.application.put('data', 'k', 'v');
    let gate: Gated | undefined;
    const wrap = (inner: ObjectStorage) => {
      gate = new Gated(inner);
      return gate;
    };
    const stuck = await syncHere(a, { place, wrap, longestSleepMs: 200 });
    await eventually(() => expect(gate!.waiting).toBe(1));
    await stuck.stop();
    expect(stuck.status).toMatchObject({ phase: 'stopped', publishedObjects: 0 });
    // The time that it was given; here shorter.
    expect(stuck.sleepsMs).toEqual([30_000]);
    expect(stuck.lines.at(-1)).toMatchObject({ level: 'warn', message: expect.stringContaining('safe in the LMDB') });
    const storage = await openPlace(place);
    expect(await objectsIn(storage)).toEqual([]);
    const again = await syncHere(a, { place });
    await eventually(() => expect(again.status.publishedObjects).toBe(1));
    expect(await objectsIn(storage, 'a')).toHaveLength(1);
  });
});

async function chunksOf(storage: ObjectStorage, name: string): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await storage.load(name)).stream) chunks.push(Buffer.from(chunk));
  return chunks;
}
