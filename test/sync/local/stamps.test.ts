import { utimesSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LogicalClock } from '../../support/fleet/logical-clock.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { type ShadowEntry, shadowOf } from '../../support/objects/shadow-entries.ts';

/** Decision 5: what time a local change gets. The clock counts seconds, and moves when the application commits. */
const SECOND = 1_000_000_000n;

function put(peer: Peer, key: string, value: string): void {
  peer.write({ op: 'put', dbi: 'd', key, value });
}

function entry(peer: Peer, key: string): ShadowEntry | undefined {
  return shadowOf(peer, 'd')[key];
}

/** A peer that has a shadow already, and one entry. */
function started(clock?: LogicalClock): Peer {
  const peer = makePeer({}, clock);
  peer.tracker.localRound();
  put(peer, 'first', '1');
  peer.tracker.localRound();
  return peer;
}

describe('the time of a local change (decision 5)', () => {
  it('everything starts at 1 ns in a database that has no shadow yet', () => {
    const peer = makePeer();
    put(peer, 'a', '1');
    put(peer, 'b', '2');
    expect(peer.tracker.localRound()).toBe(true);
    expect(entry(peer, 'a')).toEqual({ nano: 1n, deleted: false, value: '1' });
    expect(entry(peer, 'b')?.nano).toBe(1n);
    put(peer, 'c', '3');
    peer.tracker.localRound();
    expect(entry(peer, 'c')?.nano).toBe(peer.clock.nowNano());
    expect(entry(peer, 'a')?.nano).toBe(1n);
  });

  it('a database that was empty at start has no first migration: its first entries have the time of their commit', () => {
    const peer = makePeer();
    peer.tracker.localRound();
    put(peer, 'a', '1');
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(peer.clock.nowNano());
  });

  it('is the commit, not the moment of noticing', () => {
    const peer = started();
    put(peer, 'a', '1');
    const commit = peer.clock.nowNano();
    peer.clock.seconds += 500;
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(commit);
  });

  it('is never above now, when the file system’s clock is ahead', () => {
    const peer = started();
    put(peer, 'a', '1');
    utimesSync(peer.dataPath, peer.clock.nowSeconds + 900, peer.clock.nowSeconds + 900);
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(peer.clock.nowNano());
  });

  it('is not before the last look that saw nothing new, when the file’s mtime stands still (MDB_WRITEMAP on tmpfs)', () => {
    const peer = started();
    const frozen = peer.clock.nowSeconds;
    peer.clock.seconds += 500;
    expect(peer.tracker.localRound()).toBe(false);
    const quiet = peer.clock.nowNano();
    peer.clock.seconds += 10;
    put(peer, 'a', '1');
    utimesSync(peer.dataPath, frozen, frozen);
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(quiet);
    // Nor before the round that recorded the one before.
    put(peer, 'b', '2');
    const recorded = peer.clock.nowNano() - SECOND;
    utimesSync(peer.dataPath, frozen, frozen);
    peer.clock.seconds += 100;
    peer.tracker.localRound();
    expect(entry(peer, 'b')?.nano).toBe(recorded);
  });

  it('what could not be recorded at once keeps the time at which it was noticed', () => {
    const peer = started();
    put(peer, 'a', '1');
    const commit = peer.clock.nowNano();
    peer.failsNextLock = true;
    expect(() => peer.tracker.localRound()).toThrow(/planned/);
    peer.clock.seconds += 3600;
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(commit);
  });

  it('offline changes: not before the newest entry of the shadow, when the file’s mtime was set back (cp -p, touch)', () => {
    const peer = started();
    put(peer, 'last', '1');
    peer.tracker.localRound();
    const newest = entry(peer, 'last')!.nano;
    peer.close();
    put(peer, 'a', 'offline');
    utimesSync(peer.dataPath, 1000, 1000);
    peer.clock.seconds += 86_400;
    peer.open();
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(newest);
  });

  it('offline changes: an entry from the future says nothing of them', async () => {
    const peer = started();
    const ahead = peer.clock.nowNano() + 3600n * SECOND;
    await peer.merge(objectOf([dbiOf('d', [{ key: 'x', value: 'ahead', nano: ahead }])]));
    peer.close();
    put(peer, 'a', 'offline');
    const commit = peer.clock.nowNano();
    peer.clock.seconds += 60;
    peer.open();
    peer.tracker.localRound();
    expect(entry(peer, 'a')?.nano).toBe(commit);
  });

  it('a shadow that somebody else has dropped is made again at the next look', () => {
    const peer = started();
    put(peer, 'a', '1');
    peer.tracker.localRound();
    peer.write({ op: 'drop', dbi: '_sync_shadow_d', remove: true });
    expect(peer.tracker.localRound()).toBe(true);
    expect(entry(peer, 'first')).toMatchObject({ deleted: false, value: '1' });
    peer.assertMainIsShadow();
  });

  it('an unchanged entry keeps its time when others change, and when it is written again', () => {
    const peer = started();
    const before = entry(peer, 'first');
    put(peer, 'second', '2');
    put(peer, 'first', '1');
    peer.tracker.localRound();
    expect(entry(peer, 'first')).toEqual(before);
  });

  it('SHD-02, SHD-03: added, changed and removed keys get the time; a third look changes nothing', () => {
    const peer = started();
    for (const [key, value] of [
      ['a', 'abc'],
      ['b', 'xyz'],
      ['c', 'cccccc'],
    ] as const)
      put(peer, key, value);
    peer.tracker.localRound();
    const first = peer.clock.nowNano();
    peer.write(
      { op: 'put', dbi: 'd', key: 'd', value: 'ddd' },
      { op: 'del', dbi: 'd', key: 'b' },
      { op: 'put', dbi: 'd', key: 'c', value: 'CCC' },
    );
    expect(peer.tracker.localRound()).toBe(true);
    const second = peer.clock.nowNano();
    const wanted = {
      a: { nano: first, deleted: false, value: 'abc' },
      b: { nano: second, deleted: true, value: '' },
      c: { nano: second, deleted: false, value: 'CCC' },
      d: { nano: second, deleted: false, value: 'ddd' },
    };
    expect(shadowOf(peer, 'd')).toMatchObject(wanted);
    peer.clock.seconds += 100;
    expect(peer.tracker.localRound()).toBe(false);
    expect(shadowOf(peer, 'd')).toMatchObject(wanted);
  });

  it('added, changed and deleted while the syncer was stopped: the time of the file, for all three', () => {
    const peer = started();
    for (const key of ['changed', 'deleted', 'kept']) put(peer, key, 'old');
    peer.tracker.localRound();
    const kept = entry(peer, 'kept')?.nano;
    peer.close();
    peer.write(
      { op: 'put', dbi: 'd', key: 'added', value: 'new' },
      { op: 'put', dbi: 'd', key: 'changed', value: 'new' },
      { op: 'del', dbi: 'd', key: 'deleted' },
    );
    const commit = peer.clock.nowNano();
    peer.clock.seconds += 86_400;
    peer.open();
    peer.tracker.localRound();
    expect(shadowOf(peer, 'd')).toMatchObject({
      added: { nano: commit, deleted: false },
      changed: { nano: commit, deleted: false, value: 'new' },
      deleted: { nano: commit, deleted: true },
      kept: { nano: kept },
    });
  });

  it('an offline change is not undone by an older remote entry, and gives way to a newer one', async () => {
    const peer = started();
    for (const key of ['x', 'y']) put(peer, key, 'old');
    peer.tracker.localRound();
    peer.close();
    peer.write({ op: 'put', dbi: 'd', key: 'x', value: 'mine' }, { op: 'del', dbi: 'd', key: 'y' });
    const commit = peer.clock.nowNano();
    peer.open();
    peer.tracker.localRound();
    const theirs = (nano: bigint) =>
      objectOf([
        dbiOf(
          'd',
          ['x', 'y'].map((key) => ({ key, value: 'theirs', nano })),
        ),
      ]);
    await peer.merge(theirs(commit - SECOND));
    expect(peer.mainDump()).toEqual({
      d: [
        ['first', '1'],
        ['x', 'mine'],
      ],
    });
    await peer.merge(theirs(commit + SECOND));
    expect(peer.mainDump().d).toEqual([
      ['first', '1'],
      ['x', 'theirs'],
      ['y', 'theirs'],
    ]);
  });

  it('a peer’s clock is an hour ahead: its entry can still be changed and deleted here', async () => {
    const peer = started();
    const ahead = peer.clock.nowNano() + 3600n * SECOND;
    await peer.merge(
      objectOf([
        dbiOf(
          'd',
          ['x', 'y'].map((key) => ({ key, value: 'ahead', nano: ahead })),
        ),
      ]),
    );
    peer.write({ op: 'put', dbi: 'd', key: 'x', value: 'changed here' }, { op: 'del', dbi: 'd', key: 'y' });
    peer.tracker.localRound();
    expect(entry(peer, 'x')).toEqual({ nano: ahead + 1n, deleted: false, value: 'changed here' });
    expect(entry(peer, 'y')).toEqual({ nano: ahead + 1n, deleted: true, value: '' });
    await peer.merge(
      objectOf([
        dbiOf(
          'd',
          ['x', 'y'].map((key) => ({ key, value: 'ahead', nano: ahead })),
        ),
      ]),
    );
    expect(peer.mainDump().d).toEqual([
      ['first', '1'],
      ['x', 'changed here'],
    ]);
    expect(peer.status.futureTimestamps).toBeGreaterThan(0);
  });

  it('our clock jumps back: every change is still later than what it replaces', () => {
    const peer = started();
    put(peer, 'a', '1');
    peer.tracker.localRound();
    const before = entry(peer, 'a')!.nano;
    peer.clock.seconds -= 86_400;
    put(peer, 'a', '2');
    peer.tracker.localRound();
    expect(entry(peer, 'a')).toEqual({ nano: before + 1n, deleted: false, value: '2' });
    peer.write({ op: 'del', dbi: 'd', key: 'a' });
    peer.tracker.localRound();
    expect(entry(peer, 'a')).toEqual({ nano: before + 2n, deleted: true, value: '' });
    put(peer, 'a', '3');
    peer.tracker.localRound();
    expect(entry(peer, 'a')).toEqual({ nano: before + 3n, deleted: false, value: '3' });
  });

  it('our clock jumps ahead and back: the change made meanwhile can be changed again', () => {
    const peer = started();
    peer.clock.seconds += 365 * 86_400;
    put(peer, 'a', 'in the future');
    peer.tracker.localRound();
    peer.clock.seconds -= 365 * 86_400;
    put(peer, 'a', 'today');
    peer.tracker.localRound();
    expect(peer.mainDump().d).toContainEqual(['a', 'today']);
    expect(entry(peer, 'a')?.value).toBe('today');
  });

  it('an empty value is a value, also where a deletion mark stands (I8; SHD-04)', () => {
    const peer = started();
    put(peer, 'a', '');
    peer.tracker.localRound();
    expect(entry(peer, 'a')).toMatchObject({ deleted: false, value: '' });
    peer.write({ op: 'del', dbi: 'd', key: 'a' });
    peer.tracker.localRound();
    put(peer, 'a', '');
    peer.tracker.localRound();
    expect(entry(peer, 'a')).toMatchObject({ deleted: false, value: '' });
    peer.assertMainIsShadow();
  });
});
