import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import type { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { storedEntry } from '../support/objects/shadow-entries.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';

describe('two applications in shadow mode', () => {
  it('additions, changes, deletions and empty values travel both ways; the application’s LMDB may be empty at first', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'before', 'the start');
    a.start();
    b.start();
    await texts(b.application, 'data', { before: 'the start' });
    await b.application.batch(
      { op: 'put', dbi: 'data', key: 'from-b', value: '1' },
      { op: 'put', dbi: 'data', key: 'empty', value: '' },
      { op: 'put', dbi: 'other', key: 'k', value: 'v' },
    );
    await texts(a.application, 'data', { before: 'the start', empty: '', 'from-b': '1' });
    await texts(a.application, 'other', { k: 'v' });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'from-b', value: '2' },
      { op: 'del', dbi: 'data', key: 'before' },
    );
    await texts(b.application, 'data', { empty: '', 'from-b': '2' });
    await b.application.batch({ op: 'drop', dbi: 'data' });
    await texts(a.application, 'data', {});
  });

  it('DBIs of every kind arrive with their flags and pairs, and change pair by pair', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: { dupsort_hack: true } });
    const b = await machine(folder, 'b', { lmdb: { dupsort_hack: true } });
    const { dupSort, dupFixed, integerKey, integerDup, reverseKey } = DbiFlag;
    const kinds: Record<string, number> = {
      dup: dupSort,
      dupfixed: dupSort | dupFixed,
      intdup: dupSort | dupFixed | integerDup,
      int: integerKey,
      intkeydup: dupSort | integerKey,
      plain: 0,
      reverse: reverseKey,
    };
    const number = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
    await a.application.batch(
      ...Object.entries(kinds).flatMap(([dbi, flags]) =>
        [1, 256, 65_536, 3].map((value) => {
          const key = flags & integerKey || !(flags & dupSort) ? number(value) : 'one key';
          return { op: 'put', dbi, flags, key, value: number(value) } as const;
        }),
      ),
    );
    a.start();
    b.start();
    const same = () =>
      eventually(async () => {
        for (const dbi of Object.keys(kinds)) {
          expect([dbi, await b.application.scan(dbi)]).toEqual([dbi, await a.application.scan(dbi)]);
        }
      });
    await same();
    const flags = await b.application.dbis();
    expect(Object.fromEntries(Object.keys(kinds).map((dbi) => [dbi, flags[dbi]]))).toEqual(kinds);
    await b.application.batch(
      { op: 'del', dbi: 'dup', key: 'one key', value: number(256) },
      { op: 'put', dbi: 'intdup', key: 'one key', value: number(7) },
      { op: 'del', dbi: 'int', key: number(3) },
    );
    await eventually(async () => expect(await a.application.scan('dup')).toHaveLength(3));
    await same();
    expect(await a.application.scan('intdup')).toHaveLength(5);
  });

  it('a transaction of the application arrives whole (I9), a large one too', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    a.start();
    b.start();
    const counts = new Set<number>();
    const fill = { op: 'fill', dbi: 'big', prefix: 'k', from: 0, count: 5_000, valueBytes: 100 } as const;
    await a.application.batch(fill, { op: 'put', dbi: 'marker', key: 'k', value: 'v' });
    await eventually(
      async () => {
        const { big } = await b.application.dbis();
        if (big !== undefined) counts.add((await b.application.scan('big')).length);
        return counts.has(5_000);
      },
      { intervalMs: 5 },
    );
    counts.delete(0);
    expect([...counts]).toEqual([5_000]);
    await texts(b.application, 'marker', { k: 'v' });
  });
});

describe('two applications in native mode', () => {
  /** Time of change, deleted flag and bytes of every entry. */
  const entriesOf = async (application: Application): Promise<Record<string, [number, boolean, string]>> => {
    const pairs = await application.scan('native').catch(() => []);
    return Object.fromEntries(
      pairs.map(([key, value]) => {
        const bytes = Buffer.from(value, 'hex');
        const [time, isDeleted] = [Number(bytes.readBigUInt64BE(0)), (bytes[17]! & 1) === 1];
        return [Buffer.from(key, 'hex').toString(), [time, isDeleted, bytes.subarray(24).toString()]];
      }),
    );
  };

  it('the later time wins on both, deletions are entries, and no shadow is made', async () => {
    const folder = temporaryFolder();
    const lmdb = { schema_tracks_changes: true };
    const a = await machine(folder, 'a', { lmdb });
    const b = await machine(folder, 'b', { lmdb });
    const [early, late] = [1_000n, 2_000n];
    await a.application.batch(
      { op: 'put', dbi: 'native', key: 'a-wins', value: storedEntry(late, 'of a') },
      { op: 'put', dbi: 'native', key: 'b-wins', value: storedEntry(early, 'of a') },
      { op: 'put', dbi: 'native', key: 'only-a', value: storedEntry(early, '') },
    );
    await b.application.batch(
      { op: 'put', dbi: 'native', key: 'a-wins', value: storedEntry(early, 'of b') },
      { op: 'put', dbi: 'native', key: 'b-wins', value: storedEntry(late, 'of b') },
      { op: 'put', dbi: 'native', key: 'only-b', value: storedEntry(early, 'x') },
    );
    a.start();
    b.start();
    const expected: Record<string, [number, boolean, string]> = {
      'a-wins': [2000, false, 'of a'],
      'b-wins': [2000, false, 'of b'],
      'only-a': [1000, false, ''],
      'only-b': [1000, false, 'x'],
    };
    for (const { application } of [a, b]) {
      await eventually(async () => expect(await entriesOf(application)).toEqual(expected));
    }
    await b.application.put('native', 'only-a', storedEntry(3_000n, undefined));
    await eventually(async () => expect((await entriesOf(a.application))['only-a']).toEqual([3000, true, '']));
    const names = Object.keys(await a.application.dbis());
    expect(names.filter((name) => name.startsWith('_sync_shadow_'))).toEqual([]);
  });
});
