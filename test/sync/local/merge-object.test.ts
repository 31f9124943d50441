import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

const COUNT = 500;
const NANO = 5_000_000_000n;
const keyOf = (index: number): string => `k${String(index).padStart(3, '0')}`;
const entriesOf = (count: number, value = 'theirs') =>
  Array.from({ length: count }, (_, index) => ({ key: keyOf(index), value, nano: NANO }));
const object = objectOf([dbiOf('d', entriesOf(COUNT)), dbiOf('e', entriesOf(COUNT))]);
const DELTA = 'main__b__20261125-100000-000000001__GX__F20261125-100000-000000000.delta.pb.gz';

function empty(lockMaxMs = 1): Peer {
  const peer = makePeer({ lockMaxMs });
  peer.tracker.localRound();
  return peer;
}

describe('the first object of an empty instance', () => {
  it('is written in slices of lmdb_lock_max, and main is what the shadow says after each (I4)', async () => {
    const peer = empty();
    const seen: number[] = [];
    for (let slice = 0; slice < 10; slice++) {
      peer.beforeLock.push(() => {
        peer.assertMainIsShadow();
        seen.push(peer.mainDump().d?.length ?? 0);
      });
    }
    expect((await peer.merge(object)).written).toBe(2 * COUNT);
    expect(seen.slice(0, 4)).toEqual([0, 64, 128, 192]);
    expect(peer.locks).toBeGreaterThan((2 * COUNT) / 64);
    expect(Object.keys(peer.mainDump())).toEqual(['d', 'e']);
    expect(peer.tracker.hasNews).toBe(false);
    peer.assertInStep();
  });

  it('is one transaction with lmdb_lock_max: 0s, and when it is a delta (I9)', async () => {
    for (const [lockMaxMs, name] of [
      [0, 'object'],
      [1, DELTA],
    ] as const) {
      const peer = empty(lockMaxMs);
      expect((await peer.merge(object, name)).written).toBe(2 * COUNT);
      expect(peer.locks).toBe(1);
      peer.assertInStep();
    }
  });

  it('tells between two slices how far it is', async () => {
    const peer = empty();
    const pass = (ms: number): void => {
      // Every look at this clock takes a millisecond.
      for (let look = 0; look < ms; look++) peer.clock.monotonicMs();
    };
    peer.beforeLock.push(
      () => pass(600),
      () => pass(600),
      () => pass(5000),
    );
    await peer.merge(object);
    const told = peer.events.flatMap((event) => (event.type === 'merging' ? [event] : []));
    expect(told.slice(0, 3)).toMatchObject([
      { name: 'object', done: 64, total: 2 * COUNT, tell: false },
      { done: 128, total: 2 * COUNT, tell: false },
      { done: 192, total: 2 * COUNT, tell: true },
    ]);
  });

  it('what the application writes between two slices is decided by its time (I3)', async () => {
    const peer = empty();
    const put = (key: string) => ({ op: 'put', dbi: 'd', key, value: 'mine' }) as const;
    peer.beforeLock.push(
      () => {},
      () => {},
      () => peer.write(put('k000'), put('k499'), put('z'), { op: 'del', dbi: 'd', key: 'k001' }),
    );
    const { written, hasLocalChanges } = await peer.merge(object);
    expect([written, hasLocalChanges]).toEqual([2 * COUNT, true]);
    const main = Object.fromEntries(peer.mainDump().d!);
    expect([main.k000, main.k001, main.k002, main.k499, main.z]).toEqual(['mine', undefined, 'theirs', 'mine', 'mine']);
    peer.assertInStep();
    expect((await peer.merge(object)).written).toBe(0);
  });

  it('and so is what it commits right after a slice, before we could look', async () => {
    const peer = empty();
    const write = (key: string) => () => peer.write({ op: 'put', dbi: 'd', key, value: 'mine' });
    peer.afterLock.push(write('k000'), write('k499'), () => {}, write('k001'));
    const { written, hasLocalChanges } = await peer.merge(object);
    expect([written, hasLocalChanges, peer.afterLock.length]).toEqual([2 * COUNT, true, 0]);
    const main = Object.fromEntries(peer.mainDump().d!);
    expect([main.k000, main.k001, main.k002, main.k499]).toEqual(['mine', 'mine', 'theirs', 'mine']);
    peer.assertInStep();
  });

  it('killed in the middle: what is written agrees, is nothing of ours (I12), and the rest comes with the next merge', async () => {
    const peer = empty();
    const killed = new Error('killed by the test');
    peer.beforeLock.push(
      () => {},
      () => {},
      () => {
        throw killed;
      },
    );
    await expect(peer.merge(object)).rejects.toBe(killed);
    peer.restart();
    expect(peer.tracker.localRound()).toBe(false);
    expect(peer.mainDump().d).toHaveLength(128);
    peer.assertInStep();
    expect((await peer.merge(object)).written).toBe(2 * COUNT - 128);
    expect(new Set(Object.values(shadowOf(peer, 'd')).map(({ nano }) => nano))).toEqual(new Set([NANO]));
    peer.assertInStep();
  });

  it.each([
    ['cut short', gzipSync(gunzipSync(object).subarray(0, -3))],
    ['with a bad checksum', Buffer.concat([object.subarray(0, -8), Buffer.alloc(8)])],
    ['of which the last DBI is refused', objectOf([dbiOf('d', entriesOf(COUNT)), dbiOf('e', [], 0, 'unknown')])],
  ])('%s: nothing of it is written, also in slices (I7)', async (_, bad) => {
    const peer = empty();
    await expect(peer.merge(bad)).rejects.toThrow();
    expect([peer.locks, peer.dump().size]).toEqual([0, 0]);
    peer.assertInStep();
  });

  it.each([0, 1])('keys that come twice are compared with each other, lmdb_lock_max: %s ms (I1)', async (lockMaxMs) => {
    const twice = [...entriesOf(COUNT, 'b'), ...entriesOf(COUNT, 'a')];
    const peer = empty(lockMaxMs);
    await peer.merge(objectOf([dbiOf('d', twice)]));
    expect(new Set(peer.mainDump().d!.map(([, value]) => value))).toEqual(new Set(['a']));
    peer.assertInStep();
  });

  it.each([0, 1])('a map that is full in the middle, lmdb_lock_max %s ms: the rest is written', async (lockMaxMs) => {
    const peer = makePeer({ lockMaxMs, application: { mapSizeBytes: 2 ** 20 } });
    peer.tracker.localRound();
    // Told by the next commit; our own map stays as it is until it is full.
    peer.application.resize(64 * 2 ** 20);
    peer.write({ op: 'create', dbi: 'd' });
    await peer.merge(objectOf([dbiOf('d', entriesOf(1000, 'theirs'.padEnd(3000, '.')))]));
    expect(peer.mainDump().d).toHaveLength(1000);
    expect(peer.environment.info().mapSizeBytes).toBe(64 * 2 ** 20);
    peer.assertInStep();
  });
});

describe('a large object that meets what is here', () => {
  it('is one transaction when it is a delta (I9)', async () => {
    const peer = empty();
    await peer.merge(object);
    const newer = objectOf([
      dbiOf(
        'd',
        entriesOf(COUNT, 'newer').map((entry) => ({ ...entry, nano: NANO + 1n })),
      ),
    ]);
    const { locks } = peer;
    expect((await peer.merge(newer, DELTA)).written).toBe(COUNT);
    expect(peer.locks - locks).toBe(1);
    peer.assertInStep();
  });
});
