import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectDownload } from '../../src/storage/index.ts';
import type { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { decodeObject } from '../support/objects/decode-object.ts';
import { storedEntry } from '../support/objects/shadow-entries.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { fsPlace, Machine, objectsIn, openPlace, s3Place } from './buckets-machine.ts';

const seaweedfs = await useSeaweedfs();

const SHADOW = '_sync_shadow_data';
/** A millisecond or so: whatever is deleted is old at once. */
const FORGETFUL = { enabled: true, retention_days: 1e-8 };

interface Entry {
  readonly isDeleted: boolean;
  readonly value: string;
}

/** Entries with the header of docs/format.md, by key, of a shadow or a native DBI; none where there is no such DBI. */
async function entriesOf(application: Application, dbi: string, read?: number): Promise<Map<string, Entry>> {
  const names = await application.dbis();
  const pairs = dbi in names ? await application.scan(dbi, read) : [];
  return new Map(
    pairs.map(([key, hex]) => {
      const bytes = Buffer.from(hex, 'hex');
      const start = 24 + bytes.readUInt16BE(22) * 8;
      const entry = { isDeleted: (bytes[17]! & 1) === 1, value: bytes.toString('hex', start) };
      return [textOf(key), entry] as const;
    }),
  );
}

const textOf = (hex: string): string => Buffer.from(hex, 'hex').toString();

/** The name with another year; a leap year, for there may be a 29 February in it. */
const inThePast = (name: string, year: number): string => name.replace(/__\d{4}(?=\d{4}-\d{6})/, `__${year}`);

/** Main and the live entries of its shadow, both as of one transaction (I4). */
async function mainAndShadow(application: Application): Promise<[main: object, live: object]> {
  const read = await application.holdRead();
  try {
    const shadow = await entriesOf(application, SHADOW, read);
    const live = [...shadow].flatMap(([key, { isDeleted, value }]) => (isDeleted ? [] : [[key, value]]));
    const main = (await application.scan('data', read)).map(([key, value]) => [textOf(key), value]);
    return [Object.fromEntries(main), Object.fromEntries(live)];
  } finally {
    await application.releaseRead(read);
  }
}

describe('the cleaner', () => {
  it('over SeaweedFS: superseded objects and stale instances go, the newest never, a late older one costs nothing (W1)', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs, { use_update_marker: true });
    const cleanup = {
      enabled: true,
      interval: '150ms',
      must_keep_interval: '1ms',
      remove_old_instances_interval: '1h',
    };
    const options = { place, more: { deltas: 'off' } };
    const [a, b, gone] = await Promise.all(['a', 'b', 'gone'].map((name) => Machine.create(folder, name, options)));
    const storage = await openPlace(place);
    const bytesOf = async (name: string): Promise<Buffer> => collectDownload(await storage.load(name));
    const namesOf = async (instance: string): Promise<string[]> =>
      (await objectsIn(storage, instance)).map(({ full }) => full);

    // An instance that was last heard of years ago.
    await gone!.application.put('data', 'of-gone', 'is kept');
    expect(await gone!.start({ args: ['--only-once'] }).ended()).toBe(0);
    const [last] = await namesOf('gone');
    await storage.store(inThePast(last!, 2012), await bytesOf(last!));
    await storage.delete(last!);

    const bSyncer = b!.start();
    for (const value of ['1', '2', '3']) {
      await b!.application.put('data', 'of-b', value);
      const { length } = await namesOf('b');
      await eventually(async () => (await namesOf('b')).length > length || length >= 3);
    }
    expect(await bSyncer.stop()).toBe(0);
    const newest = (await namesOf('b')).at(-1)!;

    const aSyncer = a!.start({ place: { ...place, cleanup } });
    await a!.has({ 'of-b': '3', 'of-gone': 'is kept' });
    for (const value of ['1', '2', '3']) await a!.application.put('data', 'of-a', value);
    await a!.has({ 'of-a': '3', 'of-b': '3', 'of-gone': 'is kept' });
    await eventually(async () => expect(await namesOf('gone')).toEqual([]));
    await eventually(async () => expect(await namesOf('b')).toEqual([newest]));
    await eventually(async () => expect(await namesOf('a')).toHaveLength(1));

    for (const year of [2016, 2020]) {
      const late = inThePast(newest, year);
      await storage.store(late, await bytesOf(newest));
      await eventually(async () => expect(await namesOf('b')).not.toContain(late));
      expect(await namesOf('b')).toEqual([newest]);
    }
    expect(await bytesOf(newest)).not.toHaveLength(0);

    // What was removed is in what is left.
    const newcomer = await Machine.create(folder, 'newcomer', { place });
    newcomer.start();
    await newcomer.has({ 'of-a': '3', 'of-b': '3', 'of-gone': 'is kept' });
    expect(aSyncer.complaints()).toEqual([]);
    expect(await aSyncer.stop()).toBe(0);
  });
});

describe('the sweeper', () => {
  const SWEEPER = {
    ...FORGETFUL,
    first_interval: '300ms',
    interval: '1h',
    lock_duration: '1ms',
    release_duration: '5ms',
  };

  it('shadow mode: old marks go in slices beside a writing application, I4 holds, and a peer’s snapshot brings none back', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const a = await Machine.create(folder, 'a', { place });
    const keeper = await Machine.create(folder, 'keeper', { place });
    const count = 3_000;
    await a.application.batch(
      { op: 'fill', dbi: 'data', prefix: 'k', from: 0, count, valueBytes: 20 },
      { op: 'put', dbi: 'data', key: 'live', value: '1' },
    );
    const first = a.start();
    const keeping = keeper.start();
    await eventually(async () => expect(await keeper.application.scan('data')).toHaveLength(count + 1));
    const keys = Array.from({ length: count }, (_, index) => `k${String(index).padStart(8, '0')}`);
    await a.application.batch(...keys.map((key) => ({ op: 'del', dbi: 'data', key }) as const));
    await keeper.has({ live: '1' });
    expect(await first.stop()).toBe(0);
    for (const { application } of [a, keeper]) expect(await entriesOf(application, SHADOW)).toHaveLength(count + 1);

    // The sweep comes once, soon after the start: marks that came back would stay.
    const sweeping = a.start({ more: { sweeper: SWEEPER, accept_stale: true } });
    const { pid } = sweeping;
    let ticks = 0;
    await eventually(
      async () => {
        await a.application.put('data', 'tick', String(++ticks));
        const [main, live] = await mainAndShadow(a.application);
        // The one commit that nobody may have noticed yet is that of the tick.
        expect({ ...live, tick: '' }).toEqual({ ...main, tick: '' });
        return (await entriesOf(a.application, SHADOW)).size <= 2;
      },
      { intervalMs: 10 },
    );
    await sweeping.says(/swept old deletions/);
    const told = /\{.*swept old deletions.*\}/.exec(sweeping.output)?.[0] ?? '{}';
    expect(JSON.parse(told)).toMatchObject({ cleaned_entries: count, deleted_entries: 0, bad_entries: 0 });
    expect((JSON.parse(told) as { transactions: number }).transactions).toBeGreaterThan(1);

    await keeper.application.put('data', 'from-keeper', 'with all its marks');
    const expected = { 'from-keeper': 'with all its marks', live: '1', tick: String(ticks) };
    await a.has(expected);
    expect([...(await entriesOf(a.application, SHADOW)).keys()]).toEqual(['from-keeper', 'live', 'tick']);
    await keeper.has(expected);
    expect(await entriesOf(keeper.application, SHADOW)).toHaveLength(count + 3);
    for (const { application } of [a, keeper]) {
      await eventually(async () => {
        const [main, live] = await mainAndShadow(application);
        expect(live).toEqual(main);
      });
    }
    expect([sweeping.isRunning, sweeping.pid]).toEqual([true, pid]);
    expect(keeping.complaints()).toEqual([]);
    expect(sweeping.complaints().filter((line) => !/stale/.test(line))).toEqual([]);
  });

  it('native mode: the application’s own old marks go, recent ones and live entries stay, none comes back from a peer', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const lmdb = { schema_tracks_changes: true };
    const a = await Machine.create(folder, 'a', { place, lmdb });
    const keeper = await Machine.create(folder, 'keeper', { place, lmdb });
    const yearsAgo = (years: number): bigint => (BigInt(Date.now()) - BigInt(years) * 31_557_600_000n) * 1_000_000n;
    await a.application.batch(
      { op: 'put', dbi: 'native', key: 'old-live', value: storedEntry(yearsAgo(3), 'x') },
      { op: 'put', dbi: 'native', key: 'old-mark', value: storedEntry(yearsAgo(3), undefined) },
      { op: 'put', dbi: 'native', key: 'recent-mark', value: storedEntry(yearsAgo(0), undefined) },
    );
    await keeper.application.put('native', 'mark-of-keeper', storedEntry(yearsAgo(3), undefined));
    const keeping = keeper.start();
    const sweeper = { enabled: true, retention_days: 370, first_interval: '1ms', interval: '100ms' };
    const sweeping = a.start({ more: { sweeper } });
    const keysOf = async ({ application }: Machine) => [...(await entriesOf(application, 'native')).keys()];
    await eventually(async () => expect(await keysOf(a)).toEqual(['old-live', 'recent-mark']));
    await keeper.application.put('native', 'from-keeper', storedEntry(yearsAgo(0), 'y'));
    await eventually(async () => expect(await keysOf(a)).toEqual(['from-keeper', 'old-live', 'recent-mark']));
    await a.application.put('native', 'from-a', storedEntry(yearsAgo(0), 'z'));
    await eventually(async () => expect(await keysOf(keeper)).toContain('from-a'));
    expect(await keysOf(keeper)).toContain('mark-of-keeper');
    expect(await keysOf(a)).toEqual(['from-a', 'from-keeper', 'old-live', 'recent-mark']);
    for (const syncer of [sweeping, keeping]) expect(syncer.complaints()).toEqual([]);
  });
});

describe('an instance that was away for longer than deletions are remembered', () => {
  it('is refused with the way out, and its old object brings nothing back; an empty LMDB joins, and so does --accept-stale', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    // The newest object of an instance has all of it.
    const more = { sweeper: { enabled: true, retention_days: 30 }, deltas: 'off' };
    const [a, away, empty] = (await Promise.all(
      ['a', 'away', 'empty'].map((name) => Machine.create(folder, name, { place, more })),
    )) as [Machine, Machine, Machine];
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'doomed', value: 'deleted meanwhile' },
      { op: 'put', dbi: 'data', key: 'k', value: '1' },
    );
    const forgetting = a.start({
      more: { ...more, sweeper: { ...FORGETFUL, first_interval: '1ms', interval: '100ms' } },
    });
    const before = away.start();
    await away.has({ doomed: 'deleted meanwhile', k: '1' });
    await away.application.put('data', 'own', 'of away');
    await a.has({ doomed: 'deleted meanwhile', k: '1', own: 'of away' });
    expect(await before.stop()).toBe(0);
    await a.application.del('data', 'doomed');
    await eventually(async () => expect([...(await entriesOf(a.application, SHADOW)).keys()]).toEqual(['k', 'own']));
    await a.application.put('data', 'k', '2');
    const storage = await openPlace(place);
    await eventually(async () => {
      // Nobody remembers the deletion any more.
      const { full } = (await objectsIn(storage, 'a')).at(-1)!;
      const [dbi] = (await decodeObject(join(folder, 'bucket', full))).dbis;
      expect(dbi?.entries.map(({ key, value }) => [textOf(key), textOf(value)])).toEqual([
        ['k', '2'],
        ['own', 'of away'],
      ]);
    });
    expect(await forgetting.stop()).toBe(0);
    for (const { full } of await objectsIn(storage, 'away')) {
      await storage.store(inThePast(full, 2012), await collectDownload(await storage.load(full)));
      await storage.delete(full);
    }
    const published = await objectsIn(storage, 'away');

    const remaining = { k: '2', own: 'of away' };
    const aSyncer = a.start();
    await aSyncer.complains(/main__away__2012.*Not loading an object that is older/);
    const refused = away.start();
    expect(await refused.ended()).toBe(1);
    expect(refused.output).toMatch(/instance away was last in step .* ago/);
    expect(refused.output).toMatch(/start from an empty LMDB: .*--accept-stale/);
    expect(refused.output).not.toMatch(/\n\s+at /);
    expect(await objectsIn(storage, 'away')).toEqual(published);
    expect(await away.application.texts('data')).toEqual({ doomed: 'deleted meanwhile', k: '1', own: 'of away' });
    empty.start();
    await empty.has(remaining);
    await empty.application.put('data', 'from-empty', '1');
    await a.has({ ...remaining, 'from-empty': '1' });
    await empty.has({ ...remaining, 'from-empty': '1' });

    const accepted = away.start({ args: ['--accept-stale'] });
    await accepted.complains(/as accepted/);
    // Its entries are wanted, the one that was deleted elsewhere among them.
    const everything = { ...remaining, doomed: 'deleted meanwhile', 'from-empty': '1' };
    for (const machine of [a, away, empty]) await machine.has(everything);
    expect(accepted.isRunning).toBe(true);
  });
});
