import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { TIME_ZERO } from '../../src/merge/index.ts';
import {
  compareChanged,
  compareEverything,
  deltaSources,
  KeySet,
  nativeChanges,
  type Snapshotted,
  snapshotSources,
} from '../../src/shadow/index.ts';
import { type DbiSource, encodeSnapshot, toTimestampNano } from '../../src/snapshot/index.ts';
import type { Held } from '../../src/sync/local/held.ts';
import type { Peer } from '../support/fleet/peer.ts';
import { makePeer } from '../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { storedEntry } from '../support/objects/shadow-entries.ts';

const dupSort = DbiFlag.dupSort;

interface Rows {
  readonly name: string;
  readonly transform: string;
  readonly rows: readonly string[];
}

/** `key=value`, or `key deleted`; every source opened twice, as the encoder does. */
function rowsOf(sources: readonly DbiSource[]): Rows[] {
  return sources.map((source) => {
    const [rows, again] = [read(source), read(source)];
    expect(again).toEqual(rows);
    return { name: source.name, transform: source.transform, rows };
  });
}

function read(source: DbiSource): string[] {
  const cursor = source.open();
  const rows: string[] = [];
  while (cursor.next()) {
    const key = cursor.keyBuffer.toString('latin1', cursor.keyStart, cursor.keyEnd);
    const value = cursor.valueBuffer.toString('latin1', cursor.valueStart, cursor.valueEnd);
    rows.push(cursor.flags === 0 ? `${key}=${value}` : `${key} deleted`);
  }
  return rows;
}

function started(options: Parameters<typeof makePeer>[0] = {}): Peer {
  const peer = makePeer(options);
  peer.tracker.localRound();
  return peer;
}

const scopeOf = (peer: Peer) => ({
  schema: peer.schema,
  times: { commit: TIME_ZERO, isFirstMigration: false },
  knownFlags: peer.tracker.knownFlags,
});

/** What the application has just written: the keys that a round collects, and the delta after it. */
function deltaOf(peer: Peer, native = false): { keys: KeySet; delta: Rows[] } {
  const keys = collected(peer, native);
  peer.tracker.localRound();
  return { keys, delta: withView(peer, (held) => rowsOf(sourcesOf(peer, held, keys, native))) };
}

function sourcesOf(peer: Peer, held: Held, keys: KeySet, native: boolean): DbiSource[] {
  return deltaSources(held.view, native, peer.tracker.knownFlags, keys);
}

function withView<T>(peer: Peer, body: (held: Held) => T): T {
  const held = peer.tracker.views.hold();
  try {
    return body(held);
  } finally {
    held.release();
  }
}

function collected(peer: Peer, native: boolean): KeySet {
  const keys = new KeySet();
  withView(peer, (now) => {
    if (native) nativeChanges(peer.tracker.base, now, { unpublished: keys });
    else {
      const scope = { ...scopeOf(peer), unpublished: keys };
      const base: Snapshotted = peer.tracker.base;
      (base.pages ? compareChanged(base, now, scope) : compareEverything(now, scope)).dispose();
    }
  });
  return keys;
}

describe.each([
  ['by pages', true],
  ['by cursors', false],
])('a delta in shadow mode, %s', (_, pages) => {
  it('has the keys that changed, as they are now, and nothing else', () => {
    const peer = started({ pages });
    const put = (key: string, value: string) => ({ op: 'put', dbi: 'd', key, value }) as const;
    peer.write(put('a', '1'), put('b', '1'), put('c', '1'), { op: 'put', dbi: 'other', key: 'k', value: 'v' });
    peer.tracker.localRound();
    peer.write(put('z', ''), { op: 'del', dbi: 'd', key: 'b' }, put('c', '2'), put('a', '1'));
    const { keys, delta } = deltaOf(peer);
    expect(delta).toEqual([{ name: 'd', transform: '', rows: ['b deleted', 'c=2', 'z='] }]);
    expect([keys.count, keys.dbiNames]).toEqual([3, ['d']]);
  });

  it('has all of a DBI that was filled, and a new DBI although it is empty', () => {
    const peer = started({ pages });
    peer.write({ op: 'put', dbi: 'new', key: 'k', value: 'v' }, { op: 'create', dbi: 'empty' });
    const { keys, delta } = deltaOf(peer);
    expect([keys.isWhole('new'), keys.count]).toEqual([true, 0]);
    expect(delta).toEqual([
      { name: 'empty', transform: '', rows: [] },
      { name: 'new', transform: '', rows: ['k=v'] },
    ]);
  });

  it('has the pairs of a DUPSORT DBI under the keys of the shadow', () => {
    const peer = started({ pages });
    const pair = (value: string) => ({ op: 'put', dbi: 'd', key: 'k', value, flags: dupSort }) as const;
    peer.write(pair('1'), pair('2'));
    peer.tracker.localRound();
    peer.write({ op: 'del', dbi: 'd', key: 'k', value: '1' }, pair('3'));
    const rows = ['k\0\0\0\x001\x01 deleted', 'k\0\0\0\x003\x01=3'];
    expect(deltaOf(peer).delta).toEqual([{ name: 'd', transform: 'dupsort_hack_v1', rows }]);
  });
});

describe('a delta', () => {
  it('leaves out keys that the view does not have, private DBIs, and DBIs of which nothing remains', () => {
    const peer = started();
    peer.write({ op: 'put', dbi: 'd', key: 'k', value: 'v' }, { op: 'put', dbi: 'e', key: 'k', value: 'v' });
    peer.tracker.localRound();
    const keys = new KeySet();
    for (const [dbi, key] of [
      ['d', 'k'],
      ['d', 'missing'],
      ['e', 'missing'],
      ['gone', 'k'],
      ['_sync_shadow_d', 'k'],
    ] as const) {
      keys.add(dbi, Buffer.from(key), 0, key.length);
    }
    keys.addWhole('gone as a whole');
    const delta = withView(peer, (held) => rowsOf(sourcesOf(peer, held, keys, false)));
    expect(delta).toEqual([{ name: 'd', transform: '', rows: ['k=v'] }]);
  });

  it('is refused when the set does not know its keys', () => {
    const peer = started();
    const keys = new KeySet();
    keys.overflow();
    withView(peer, (held) => expect(() => sourcesOf(peer, held, keys, false)).toThrow(TypeError));
  });

  it('of all keys is the snapshot, but for empty DBIs', () => {
    const peer = started();
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 500, valueBytes: 40 });
    peer.tracker.localRound();
    withView(peer, (held) => {
      const keys = new KeySet();
      const [all] = rowsOf(snapshotSources(held.view, false, peer.tracker.knownFlags));
      // In no order, as changes come over time.
      for (const row of [...all!.rows].reverse()) keys.add('d', Buffer.from(row), 0, row.indexOf('='));
      expect(keys.count).toBe(500);
      expect(rowsOf(sourcesOf(peer, held, keys, false))).toEqual([all]);
    });
  });

  it('merged by a peer brings what the application wrote', async () => {
    const [a, b] = [started(), started()];
    a.write({ op: 'put', dbi: 'd', key: 'a', value: '1' }, { op: 'put', dbi: 'd', key: 'b', value: '1' });
    a.tracker.localRound();
    await b.merge(await a.snapshot());
    a.write({ op: 'del', dbi: 'd', key: 'a' }, { op: 'put', dbi: 'd', key: 'c', value: '2' });
    const keys = collected(a, false);
    a.tracker.localRound();
    const held = a.tracker.views.hold();
    const meta = {
      generationId: 'GX',
      instanceId: 'a',
      hostname: 'a',
      databaseName: 'main',
      lmdbTxnId: BigInt(held.id),
      timestampNano: toTimestampNano(a.clock.nowNano()),
      fromLmdbTxnId: 1n,
    };
    const members: Buffer[] = [];
    for await (const member of encodeSnapshot(meta, sourcesOf(a, held, keys, false))) members.push(member);
    held.release();
    expect((await b.merge(Buffer.concat(members))).written).toBe(2);
    expect(b.mainDump()).toEqual(a.mainDump());
  });
});

describe('a delta in native mode', () => {
  const NANO = 1_700_000_000_000_000_000n;

  it('has the keys that the application wrote, but not those that it removed', async () => {
    const peer = started({ native: true });
    await peer.merge(
      objectOf([
        dbiOf('d', [
          { key: 'a', value: '1', nano: NANO },
          { key: 'b', value: '1', nano: NANO },
        ]),
      ]),
    );
    peer.tracker.localRound();
    peer.write(
      { op: 'put', dbi: 'd', key: 'c', value: storedEntry(NANO + 1n, '2') },
      { op: 'put', dbi: 'd', key: 'a', value: storedEntry(NANO + 1n, undefined) },
      { op: 'del', dbi: 'd', key: 'b' },
    );
    const { keys, delta } = deltaOf(peer, true);
    expect(keys.count).toBe(3);
    expect(delta).toEqual([{ name: 'd', transform: '', rows: ['a deleted', 'c=2'] }]);
  });

  it('cannot be told without a base, or by cursors', () => {
    const peer = started({ native: true });
    const keys = new KeySet();
    withView(peer, (now) => expect(nativeChanges(undefined, now, { unpublished: keys })).toBeUndefined());
    expect(keys.hasOverflowed).toBe(true);
    expect(collected(started({ native: true, pages: false }), true).hasOverflowed).toBe(true);
  });
});
