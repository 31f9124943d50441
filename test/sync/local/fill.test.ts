import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { shadowName } from '../../../src/shadow/store/names.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { type ShadowEntry, shadowOf } from '../../support/objects/shadow-entries.ts';

const MARKER = '_sync_lmdbstream_fill';
const COUNT = 500;
const keyOf = (index: number): string => `k${String(index).padStart(3, '0')}`;
const put = (dbi: string, key: string, value: string, flags = 0) => ({ op: 'put', dbi, key, value, flags }) as const;

/** An application's database that nobody has looked at yet, and slices of 64 records. */
function filled(dbis: Record<string, number> = { d: 0 }, options: Parameters<typeof makePeer>[0] = {}): Peer {
  const peer = makePeer({ lockMaxMs: 1, ...options });
  for (const [dbi, flags] of Object.entries(dbis)) {
    peer.write(...Array.from({ length: COUNT }, (_, index) => put(dbi, keyOf(index), `value ${index}`, flags)));
  }
  return peer;
}

const times = (entries: Record<string, ShadowEntry>): bigint[] => [
  ...new Set(Object.values(entries).map((e) => e.nano)),
];

function assertFilled(peer: Peer): void {
  peer.assertMainIsShadow();
  peer.assertNothingMissed();
  peer.assertNoLeaks();
  expect(peer.dump().has(MARKER)).toBe(false);
  expect(peer.tracker.hasNews).toBe(false);
}

/** Slices so far, and then the process is gone. */
function killAfter(peer: Peer, slices: number, ...between: (() => void)[]): void {
  const killed = new Error('killed by the test');
  const hooks = Array.from({ length: slices }, (_, index) => between[index] ?? (() => {}));
  peer.beforeLock.push(...hooks, () => {
    throw killed;
  });
  expect(() => peer.tracker.localRound()).toThrow(killed);
  expect(peer.dump().has(MARKER)).toBe(true);
}

describe('the first filling, in slices of lmdb_lock_max (decision 4)', () => {
  it('takes the lock again and again, and everything starts at 1 ns', () => {
    const peer = filled({ a: 0, b: DbiFlag.reverseKey });
    expect(peer.tracker.localRound()).toBe(true);
    expect(peer.locks).toBeGreaterThan((2 * COUNT) / 64 - 1);
    expect([times(shadowOf(peer, 'a')), times(shadowOf(peer, 'b'))]).toEqual([[1n], [1n]]);
    assertFilled(peer);
  });

  it('tells between two slices how far it is', () => {
    const peer = filled();
    peer.beforeLock.push(
      () => {},
      // Every look at this clock takes a millisecond.
      () => {
        for (let look = 0; look < 5000; look++) peer.clock.monotonicMs();
      },
    );
    peer.tracker.localRound();
    const told = peer.events.filter(({ type }) => type === 'filling');
    expect(told[0]).toMatchObject({ dbi: 'd', filled: 128, entries: COUNT, tell: true });
  });

  it('in one transaction with lmdb_lock_max: 0s, and where only cursors can be used', () => {
    for (const options of [{ lockMaxMs: 0 }, { pages: false }]) {
      const peer = filled({ d: 0 }, options);
      peer.tracker.localRound();
      expect(peer.locks).toBe(1);
      expect(times(shadowOf(peer, 'd'))).toEqual([1n]);
      peer.assertMainIsShadow();
    }
  });

  it('what the application changes between two slices is noticed, with the time of the change (I3)', () => {
    const peer = filled({ d: 0, e: 0 });
    const behind = [put('d', 'k000', 'mine'), put('d', 'k0000', 'new'), { op: 'del', dbi: 'd', key: 'k001' } as const];
    const ahead = [put('d', 'k499', 'mine'), put('d', 'z', 'new'), { op: 'del', dbi: 'd', key: 'k498' } as const];
    const later = [put('e', 'k000', 'mine'), { op: 'del', dbi: 'e', key: 'k001' } as const];
    peer.beforeLock.push(
      () => {},
      () => {},
      () => peer.write(...behind, ...ahead, ...later),
    );
    peer.tracker.localRound();
    assertFilled(peer);
    const nano = peer.clock.nowNano();
    const d = shadowOf(peer, 'd');
    expect([d.k000, d.k0000, d.k499, d.z]).toEqual(
      ['mine', 'new', 'mine', 'new'].map((value) => ({ value, deleted: false, nano })),
    );
    expect([d.k001, d.k498, d.k002?.nano]).toEqual([{ value: '', deleted: true, nano }, undefined, 1n]);
    expect(shadowOf(peer, 'e').k000).toEqual({ value: 'mine', deleted: false, nano });
    expect(times(shadowOf(peer, 'e'))).toEqual([nano, 1n]);
    // Older than the change, and later than what was there at the start.
    const entries = ['k000', 'k499', 'k002'].map((key) => ({ key, value: 'theirs', nano: nano - 1n }));
    return peer.merge(objectOf([dbiOf('d', entries)])).then(() => {
      const { k000, k499, k002 } = Object.fromEntries(peer.mainDump().d!);
      expect([k000, k499, k002]).toEqual(['mine', 'mine', 'theirs']);
    });
  });

  it('a commit right after ours, before we could look, is noticed as well', () => {
    const peer = filled();
    const write = (key: string) => () => peer.write(put('d', key, 'mine'));
    peer.afterLock.push(write('k000'), write('k499'), write('k001'));
    peer.tracker.localRound();
    expect(peer.afterLock).toEqual([]);
    expect(peer.locks).toBeGreaterThan(COUNT / 64);
    const d = shadowOf(peer, 'd');
    const [early, late] = [1_000_000_000_000_000_000n, peer.clock.nowNano()];
    for (const key of ['k000', 'k001', 'k499']) expect(d[key]?.nano).toBeGreaterThan(early);
    expect([d.k001, d.k498?.nano]).toEqual([{ value: 'mine', deleted: false, nano: late }, 1n]);
    assertFilled(peer);
  });

  it('a DBI that the application drops, empties, or makes in the middle', () => {
    const peer = filled({ a: 0, b: 0, c: 0 });
    peer.beforeLock.push(
      () => {},
      () => peer.write({ op: 'drop', dbi: 'a', remove: true }, put('new', 'k', 'v')),
      () => peer.write({ op: 'drop', dbi: 'b', remove: false }),
      () => peer.write({ op: 'drop', dbi: 'c', remove: true }, put('c', 'k', 'v', DbiFlag.reverseKey)),
    );
    peer.tracker.localRound();
    assertFilled(peer);
    expect(peer.beforeLock).toEqual([]);
    expect(peer.mainDump()).toEqual({ c: [['k', 'v']], new: [['k', 'v']] });
  });

  it('a key with many duplicates is never split', () => {
    const peer = makePeer({ lockMaxMs: 1 });
    const pairs = ['a', 'b', 'c'].flatMap((key) =>
      Array.from({ length: 200 }, (_, index) => put('d', key, keyOf(index), DbiFlag.dupSort)),
    );
    peer.write(...pairs);
    peer.beforeLock.push(
      () => {},
      () => peer.write(put('d', 'a', 'more'), put('d', 'c', 'more')),
    );
    peer.tracker.localRound();
    expect(peer.beforeLock).toEqual([]);
    expect(peer.locks).toBe(3);
    assertFilled(peer);
  });

  it('another program that writes to the shadow in between: all of it is compared', () => {
    const peer = filled();
    peer.beforeLock.push(
      () => {},
      () => peer.environment.write((txn) => txn.drop(txn.openDbi(shadowName('d'))!, true)),
    );
    peer.tracker.localRound();
    assertFilled(peer);
    expect(times(shadowOf(peer, 'd'))).toEqual([1n]);
  });
});

describe('killed in the middle of the first filling', () => {
  it('the next start goes on where it was: no entry has a time other than 1 ns', () => {
    const peer = filled({ a: 0, b: DbiFlag.dupSort, c: 0 });
    killAfter(peer, 2);
    peer.restart();
    killAfter(peer, 9);
    peer.restart();
    expect(peer.tracker.localRound()).toBe(true);
    for (const dbi of ['a', 'b', 'c']) expect(times(shadowOf(peer, dbi))).toEqual([1n]);
    assertFilled(peer);
  });

  it('what was changed before the next start has the time of that change where it was recorded before', () => {
    const peer = filled();
    killAfter(peer, 2);
    peer.close();
    peer.write(put('d', 'k000', 'mine'), put('d', 'k0000', 'new'), { op: 'del', dbi: 'd', key: 'k001' });
    peer.open();
    peer.tracker.localRound();
    assertFilled(peer);
    const nano = peer.clock.nowNano();
    const d = shadowOf(peer, 'd');
    expect([d.k000?.nano, d.k0000?.nano, d.k001, d.k002?.nano, d.k499?.nano]).toEqual([
      nano,
      nano,
      { value: '', deleted: true, nano },
      1n,
      1n,
    ]);
  });

  it('a failure is no kill: the same process goes on, and what it has noticed keeps its time', () => {
    const peer = filled();
    killAfter(
      peer,
      3,
      () => {},
      () => {},
      () => peer.write(put('d', 'k499', 'mine')),
    );
    const nano = peer.clock.nowNano();
    peer.tracker.localRound();
    assertFilled(peer);
    expect(shadowOf(peer, 'd').k499).toEqual({ value: 'mine', deleted: false, nano });
    expect(times(shadowOf(peer, 'd'))).toEqual([1n, nano]);
  });

  it('another program has gone on in the meantime: the marker no longer counts, and what is missing is a change', () => {
    const peer = filled();
    killAfter(peer, 2);
    peer.close();
    peer.open();
    const last = Buffer.concat([Buffer.alloc(24), Buffer.from('value 499')]);
    last.writeBigUInt64BE(77n, 0);
    peer.environment.write((txn) => {
      last.writeBigUInt64BE(BigInt(txn.id), 8);
      txn.put(txn.openDbi(shadowName('d'))!, Buffer.from(keyOf(499)), last);
    });
    peer.restart();
    peer.clock.touch(peer.dataPath);
    peer.tracker.localRound();
    assertFilled(peer);
    const d = shadowOf(peer, 'd');
    expect([d.k000?.nano, d.k499?.nano, d.k498?.nano]).toEqual([1n, 77n, peer.clock.nowNano()]);
  });

  it('after drop-shadow everything is new', () => {
    const peer = filled();
    killAfter(peer, 2);
    peer.environment.write((txn) => txn.drop(txn.openDbi(shadowName('d'))!, true));
    peer.restart();
    peer.tracker.localRound();
    expect(times(shadowOf(peer, 'd'))).toEqual([1n]);
    assertFilled(peer);
  });
});

describe('a DBI that is made later', () => {
  it('is filled in slices, too, and every entry has the time of the change', () => {
    const peer = makePeer({ lockMaxMs: 1 });
    peer.tracker.localRound();
    peer.write(put('first', 'k', 'v'));
    peer.tracker.localRound();
    peer.write(...Array.from({ length: COUNT }, (_, index) => put('d', keyOf(index), 'v')));
    const nano = peer.clock.nowNano();
    const before = peer.locks;
    peer.tracker.localRound();
    expect(peer.locks - before).toBeGreaterThan(COUNT / 64);
    expect(times(shadowOf(peer, 'd'))).toEqual([nano]);
    assertFilled(peer);
  });
});
