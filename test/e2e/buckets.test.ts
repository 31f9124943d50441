import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useAzurite, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { azurePlace, Machine, objectsIn, openPlace, type Place, readOnly, s3Place } from './buckets-machine.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

const PLACES: readonly [string, () => Place][] = [
  ['SeaweedFS', () => s3Place(seaweedfs)],
  ['Azurite with update markers', () => azurePlace(azurite, { use_update_marker: true })],
];

describe.each(PLACES)('two applications over %s', (_, makePlace) => {
  it('changes travel both ways, a stopped machine catches up, and the logs are clean', async () => {
    const folder = temporaryFolder();
    const place = makePlace();
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'start', value: '1' },
      { op: 'put', dbi: 'data', key: 'doomed', value: 'x' },
    );
    const aSyncer = a.start();
    let bSyncer = b.start();
    await b.has({ doomed: 'x', start: '1' });
    await b.application.batch(
      { op: 'put', dbi: 'data', key: 'from-b', value: '1' },
      { op: 'put', dbi: 'data', key: 'empty', value: '' },
      { op: 'del', dbi: 'data', key: 'doomed' },
    );
    await a.has({ empty: '', 'from-b': '1', start: '1' });
    expect(await bSyncer.stop()).toBe(0);
    await b.application.put('data', 'offline', 'of b');
    await a.application.put('data', 'start', '2');
    bSyncer = b.start();
    for (const machine of [a, b]) await machine.has({ empty: '', 'from-b': '1', offline: 'of b', start: '2' });
    // Its last words are in the bucket when it ends.
    await a.application.put('data', 'last', 'of a');
    expect(await aSyncer.stop()).toBe(0);
    await b.has({ empty: '', 'from-b': '1', last: 'of a', offline: 'of b', start: '2' });
    for (const syncer of [aSyncer, bSyncer]) expect(syncer.complaints()).toEqual([]);
    const storage = await openPlace(place);
    for (const name of ['a', 'b']) expect(await objectsIn(storage, name)).not.toEqual([]);
  });
});

describe('rights', () => {
  it('receive needs to list and to read, nothing else, and never stores', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs, { use_update_marker: true });
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place: readOnly(place, seaweedfs) });
    await b.application.put('data', 'own', 'of b');
    const aSyncer = a.start();
    await a.application.put('data', 'k', '1');
    const storage = await openPlace(place);
    await eventually(async () => expect(await objectsIn(storage, 'a')).not.toEqual([]));
    const receiver = b.start({ command: 'receive', more: { storage: cleanedUp(readOnly(place, seaweedfs)) } });
    await b.has({ k: '1', own: 'of b' });
    await b.application.put('data', 'own', 'changed');
    await a.application.put('data', 'k', '2');
    await b.has({ k: '2', own: 'changed' });
    expect(await receiver.stop()).toBe(0);
    expect(receiver.complaints()).toEqual([]);
    expect(receiver.output).not.toMatch(/denied/i);
    expect(await objectsIn(storage, 'b')).toEqual([]);
    expect(await aSyncer.stop()).toBe(0);
  });

  it('sync without the right to store says which one is missing, merges on, and loses nothing', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.put('data', 'from-a', '1');
    await b.application.put('data', 'from-b', '1');
    a.start();
    const storage = await openPlace(place);
    await eventually(async () => expect(await objectsIn(storage, 'a')).not.toEqual([]));
    // Few attempts: one that gives up goes on later all the same.
    const keys = { storage_retry_forever: false, storage_retry_count: 2 };
    const denied = b.start({ place: readOnly(place, seaweedfs), more: keys });
    await denied.complains(/these credentials need s3:PutObject/);
    await denied.complains(/too many times/);
    await a.application.put('data', 'from-a', '2');
    await b.application.put('data', 'from-b', '2');
    await b.has({ 'from-a': '2', 'from-b': '2' });
    expect(await objectsIn(storage, 'b')).toEqual([]);
    expect(denied.isRunning).toBe(true);
    expect(await denied.stop()).toBe(0);
    expect(denied.complaints().at(-1)).toMatch(/s3:PutObject.*safe in the LMDB/);
    b.start();
    await a.has({ 'from-a': '2', 'from-b': '2' });
  });

  it('sync without the right to store: deletions and the times of changes survive until it is given', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'deleted-on-b', value: '1' },
      { op: 'put', dbi: 'data', key: 'both', value: '0' },
    );
    a.start();
    const denied = b.start({ place: readOnly(place, seaweedfs) });
    await b.has({ both: '0', 'deleted-on-b': '1' });
    await b.application.batch(
      { op: 'del', dbi: 'data', key: 'deleted-on-b' },
      { op: 'put', dbi: 'data', key: 'both', value: 'earlier, on b' },
    );
    await denied.complains(/s3:PutObject/);
    // Its time is that of the commit, however late it is published.
    await a.application.put('data', 'both', 'later, on a');
    await b.has({ both: 'later, on a' });
    await denied.kill();
    b.start();
    for (const machine of [a, b]) await machine.has({ both: 'later, on a' });
  });
});

/** With a cleaner that would delete at once, if it were allowed to run. */
const cleanedUp = (place: Place): Place => ({
  ...place,
  cleanup: { enabled: true, interval: '100ms', must_keep_interval: '1ms', remove_old_instances_interval: '1ms' },
});
