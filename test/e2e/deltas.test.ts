import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FaultProxy, useAzurite, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import {
  azurePlace,
  fsPlace,
  Machine,
  objectsIn,
  openPlace,
  type Place,
  placeWith,
  s3Place,
} from './buckets-machine.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

const PLACES: readonly [string, (folder: string) => Place][] = [
  ['a folder', (folder) => fsPlace(`${folder}/bucket`)],
  ['SeaweedFS', () => s3Place(seaweedfs)],
  ['SeaweedFS with update markers', () => s3Place(seaweedfs, { use_update_marker: true })],
  ['Azurite', () => azurePlace(azurite)],
  ['Azurite with update markers', () => azurePlace(azurite, { use_update_marker: true })],
];

describe.each(PLACES)('deltas of two processes over %s', (_, makePlace) => {
  it('each change is a delta, a start goes on with them, a joiner has all, and the logs are clean', async () => {
    const folder = temporaryFolder();
    const place = makePlace(folder);
    const [a, b, joiner] = await Promise.all(
      ['a', 'b', 'joiner'].map((name) => Machine.create(folder, name, { place })),
    );
    await a!.application.put('data', 'from-a', '0');
    await b!.application.put('data', 'from-b', '0');
    let aSyncer = a!.start();
    const bSyncer = b!.start();
    for (const machine of [a!, b!]) await machine.has({ 'from-a': '0', 'from-b': '0' });
    const storage = await openPlace(place);
    for (const name of ['a', 'b']) await eventually(async () => expect(await objectsIn(storage, name)).not.toEqual([]));
    const fullsOf = async (name: string): Promise<string[]> =>
      (await objectsIn(storage, name)).filter(({ kind }) => kind === 'snapshot').map(({ full }) => full);
    const fulls = [await fullsOf('a'), await fullsOf('b')];
    for (const n of ['1', '2']) {
      await a!.application.put('data', 'from-a', n);
      await b!.application.put('data', 'from-b', n);
      for (const machine of [a!, b!]) await machine.has({ 'from-a': n, 'from-b': n });
    }
    expect(await aSyncer.stop()).toBe(0);
    await a!.application.del('data', 'from-a');
    const first = aSyncer;
    aSyncer = a!.start();
    await b!.has({ 'from-b': '2' });
    expect([await fullsOf('a'), await fullsOf('b')]).toEqual(fulls);
    const deltas = (await objectsIn(storage, 'a')).filter(({ kind }) => kind === 'delta');
    expect(deltas.length).toBeGreaterThanOrEqual(3);
    const joinerSyncer = joiner!.start();
    await joiner!.has({ 'from-b': '2' });
    for (const syncer of [aSyncer, bSyncer, joinerSyncer]) expect(await syncer.stop()).toBe(0);
    for (const syncer of [first, aSyncer, bSyncer, joinerSyncer]) expect(syncer.complaints()).toEqual([]);
  });
});

describe('I9 over a bucket', () => {
  it('two keys of one transaction are the same in every read on the peer, restarts included', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    const write = (value: string): Promise<number> =>
      a.application.batch(
        { op: 'put', dbi: 'data', key: 'left', value },
        { op: 'put', dbi: 'data', key: 'right', value },
      );
    await write('0');
    const aSyncer = a.start();
    let bSyncer = b.start();
    await b.has({ left: '0', right: '0' });
    const seen = new Set<string>();
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        const { left, right } = await b.application.texts('data');
        seen.add(`${left} ${right}`);
      }
    })();
    try {
      for (let n = 1; n <= 60; n++) {
        await write(`${n}`);
        // Alone, so that the peer sees it, or close behind the one before.
        if (n % 3 === 0) await eventually(() => seen.has(`${n} ${n}`), { intervalMs: 5, what: `${n} is read` });
        if (n % 20 !== 0) continue;
        await bSyncer.kill();
        await write(`${n} again`);
        bSyncer = b.start();
      }
      await eventually(() => seen.has('60 again 60 again'), { what: 'the last is read' });
    } finally {
      isDone = true;
      await reading;
    }
    expect([...seen].filter((pair) => !isWhole(pair))).toEqual([]);
    expect(seen.size).toBeGreaterThan(15);
    expect(await aSyncer.stop()).toBe(0);
  }, 120_000);
});

const isWhole = (pair: string): boolean => /^(.*) \1$/.test(pair);

describe('kill -9 between the change and its store', () => {
  it.each([
    ['before anything of the store is out', 'cut-before'],
    ['while the store hangs', 'hang'],
    ['when the bucket has it, and its answer was lost', 'cut-after'],
  ] as const)('%s: nothing is lost, and it goes out as a delta', async (_, kind) => {
    const folder = temporaryFolder();
    const proxy = await FaultProxy.start(seaweedfs.endpointUrl);
    onTestFinished(() => proxy.stop());
    const place = s3Place(seaweedfs);
    const spoilt = placeWith(place, { endpoint_url: proxy.url });
    const a = await Machine.create(folder, 'a', { place: spoilt });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.put('data', 'first', '1');
    let aSyncer = a.start();
    const bSyncer = b.start();
    await b.has({ first: '1' });
    const { spoiled } = proxy;
    proxy.set({ kind, match: (method, path) => method === 'PUT' && path.includes('delta') });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'second', value: '2' },
      { op: 'del', dbi: 'data', key: 'first' },
    );
    await eventually(() => proxy.spoiled > spoiled, { what: 'the store is under way' });
    // This one may be recorded or not when the process dies.
    await a.application.put('data', 'third', '3');
    await aSyncer.kill();
    proxy.set();
    await a.application.put('data', 'fourth', '4');
    aSyncer = a.start();
    const expected = { fourth: '4', second: '2', third: '3' };
    for (const machine of [a, b]) await machine.has(expected);
    const objects = await objectsIn(await openPlace(place), 'a');
    expect(objects.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    for (const syncer of [aSyncer, bSyncer]) expect(await syncer.stop()).toBe(0);
    for (const syncer of [aSyncer, bSyncer]) expect(syncer.complaints()).toEqual([]);
  });
});
