import { describe, expect, it } from 'vitest';
import { DbiFlag, LmdbError, MapFullError, ReadersFullError } from '../../../src/lmdb/index.ts';
import { HeaderError } from '../../../src/merge/index.ts';
import { UnsupportedDbiError } from '../../../src/shadow/index.ts';
import { shadowName } from '../../../src/shadow/store/names.ts';
import { CorruptSnapshotError } from '../../../src/snapshot/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { entryOf, shadowOf, storedEntry } from '../../support/objects/shadow-entries.ts';

describe('a round that fails', () => {
  const fail = (peer: Peer): void => {
    peer.failsNextLock = true;
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
  };

  it('keeps what it noticed, and gives up the old reader', () => {
    const peer = startedPeer();
    const held = peer.tracker.base.id;
    for (const key of ['b', 'c', 'd']) {
      put(peer, key, key);
      fail(peer);
    }
    peer.write({ op: 'del', dbi: 'd', key: 'a' });
    fail(peer);
    expect(peer.tracker.base.id).toBeGreaterThan(held);
    expect(peer.tracker.hasNews).toBe(true);
    expect(peer.tracker.localRound()).toBe(true);
    expect(peer.tracker.hasNews).toBe(false);
    peer.assertInStep();
  });

  it('with DUPSORT pairs that come and go, dropped and new DBIs', () => {
    const peer = startedPeer();
    const flags = DbiFlag.dupSort;
    peer.write({ op: 'put', dbi: 'dup', key: 'k', value: '1', flags }, { op: 'put', dbi: 'dup', key: 'k', value: '2' });
    peer.tracker.localRound();
    peer.write({ op: 'del', dbi: 'dup', key: 'k', value: '1' }, { op: 'put', dbi: 'dup', key: 'k', value: '3' });
    fail(peer);
    peer.tracker.localRound();
    peer.assertInStep();
    peer.write({ op: 'drop', dbi: 'd', remove: true }, { op: 'put', dbi: 'new', key: 'k', value: 'v' });
    fail(peer);
    put(peer, 'z', 'again');
    fail(peer);
    peer.tracker.localRound();
    peer.assertInStep();
  });

  it.each([
    ['so few that they are remembered', false],
    ['so many that everything must be compared', true],
  ])('does not let the application’s file grow: %s', (_, isOverflown) => {
    const peer = startedPeer();
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 500, valueBytes: 1000 });
    peer.tracker.localRound();
    // A DBI that is new in a failed round cannot be remembered key by key.
    if (isOverflown) peer.write({ op: 'create', dbi: 'new' });
    const rewrite = (): void => {
      peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 500, valueBytes: 1000 });
      put(peer, 'counter', String(peer.clock.seconds));
      fail(peer);
    };
    for (let i = 0; i < 5; i++) rewrite();
    const pages = peer.application.info().last_pgno;
    for (let i = 0; i < 30; i++) rewrite();
    expect(peer.application.info().last_pgno).toBe(pages);
    peer.tracker.localRound();
    peer.assertInStep();
  });

  /** The next round gets its reader under the lock; the one after the commit fails. */
  function failAfterCommit(peer: Peer, error: Error): () => void {
    const { views } = peer.tracker;
    const hold = views.hold;
    peer.beforeLock.push(() => {
      let left = 1;
      views.hold = () => {
        if (left-- > 0) return hold.call(views);
        throw error;
      };
    });
    return () => {
      views.hold = hold;
    };
  }

  it('after its commit: the change is still to be published', () => {
    const peer = startedPeer();
    put(peer, 'b', '2');
    const mend = failAfterCommit(peer, new LmdbError('NO_QUIET_MOMENT', 'begin', 0, 'planned'));
    expect(() => peer.tracker.localRound()).toThrow(/planned/);
    mend();
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: '2' });
    expect(peer.tracker.localRound()).toBe(true);
    expect(peer.tracker.localRound()).toBe(false);
    peer.assertInStep();
  });

  it('not for a reader table that is full after the commit: the reader from under the lock is the base', () => {
    const peer = startedPeer();
    put(peer, 'b', '2');
    const mend = failAfterCommit(peer, new ReadersFullError(4));
    expect(peer.tracker.localRound()).toBe(true);
    mend();
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: '2' });
    expect(peer.tracker.localRound()).toBe(false);
    put(peer, 'b', '3');
    expect(peer.tracker.localRound()).toBe(true);
    peer.assertInStep();
  });

  it('leaves no transaction behind, whatever it was', async () => {
    const peer = startedPeer();
    await expect(peer.merge(Buffer.from('no gzip'))).rejects.toThrow(CorruptSnapshotError);
    peer.assertNoLeaks();
    peer.failsNextLock = true;
    const nano = peer.clock.nowNano();
    await expect(peer.merge(objectOf([dbiOf('e', [{ key: 'k', value: 'v', nano }])]))).rejects.toThrow(MapFullError);
    peer.assertNoLeaks();
    peer.application.batch({ op: 'put', dbi: 'big', key: Buffer.alloc(256, 'k'), value: 'v', flags: DbiFlag.dupSort });
    expect(() => peer.tracker.localRound()).toThrow(UnsupportedDbiError);
    peer.assertNoLeaks();
    peer.application.batch(
      { op: 'drop', dbi: 'big', remove: true },
      { op: 'put', dbi: shadowName('d'), key: 'a', value: 'x' },
    );
    put(peer, 'a', 'changed');
    expect(() => peer.tracker.localRound()).toThrow(HeaderError);
    peer.assertNoLeaks();
  });

  it('a map_size above that of the file counts from the start', () => {
    const peer = startedPeer({ application: { mapSizeBytes: 2 ** 20 }, mapSizeBytes: 16 * 2 ** 20 });
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 500, valueBytes: 1000 });
    peer.tracker.localRound();
    expect(peer.environment.info().mapSizeBytes).toBe(16 * 2 ** 20);
    peer.assertInStep();
  });

  it.each([0, 1])(
    'a map that is full in the middle of a merge, lmdb_lock_max %s ms: the application has enlarged it, and nothing is lost',
    async (lockMaxMs) => {
      const peer = startedPeer({ application: { mapSizeBytes: 2 ** 20 }, lockMaxMs });
      // Told by the next commit; our own map stays as it is until it is full.
      peer.application.resize(64 * 2 ** 20);
      put(peer, 'b', '2');
      peer.tracker.localRound();
      expect(peer.environment.info().mapSizeBytes).toBe(2 ** 20);
      const nano = peer.clock.nowNano();
      const entries = Array.from({ length: 1000 }, (_, i) => ({
        key: `k${i}`,
        value: `${i}`.padStart(3000, '.'),
        nano,
      }));
      const { locks } = peer;
      expect((await peer.merge(objectOf([dbiOf('d', entries)]))).written).toBe(1000);
      expect(peer.mainDump().d).toHaveLength(1002);
      expect(peer.environment.info().mapSizeBytes).toBe(64 * 2 ** 20);
      expect(peer.locks - locks).toBeGreaterThan(lockMaxMs > 0 ? 10 : 1);
      peer.assertInStep();
    },
  );

  it('a merge that fails between two slices: what it wrote stands, and the object is merged whole the next time', async () => {
    const peer = startedPeer({ lockMaxMs: 1 });
    const nano = peer.clock.nowNano();
    const entries = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: 'v', nano }));
    const object = objectOf([dbiOf('d', entries)]);
    peer.beforeLock.push(
      () => {},
      () => {
        throw new MapFullError('MAP_FULL', 'mdb_put', -30792, 'planned by the test');
      },
    );
    await expect(peer.merge(object)).rejects.toThrow(MapFullError);
    peer.assertInStep();
    expect(peer.mainDump().d!.length).toBeLessThan(300);
    expect((await peer.merge(object)).written).toBeLessThan(300);
    expect(peer.mainDump().d).toHaveLength(301);
    peer.assertInStep();
  });

  it('a map that stays full: the change is kept, and recorded when the application has made it larger', () => {
    const peer = startedPeer({ application: { mapSizeBytes: 2 ** 20 } });
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 450, valueBytes: 1000 });
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
    peer.assertNoLeaks();
    peer.application.resize(16 * 2 ** 20);
    put(peer, 'one', 'more');
    expect(peer.tracker.localRound()).toBe(true);
    peer.assertInStep();
  });
});

describe('native mode', () => {
  it('the application’s change under our nose is compared with the remote entry, both ways', async () => {
    const peer = makePeer({ native: true });
    peer.tracker.localRound();
    peer.beforeLock.push(() =>
      peer.write(
        { op: 'put', dbi: 'd', key: 'older', value: storedEntry(5n, 'mine') },
        { op: 'put', dbi: 'd', key: 'newer', value: storedEntry(50n, 'mine') },
      ),
    );
    const entries = ['newer', 'older'].map((key) => ({ key, value: 'theirs', nano: 10n }));
    expect((await peer.merge(objectOf([dbiOf('d', entries)]))).hasLocalChanges).toBe(true);
    const values = Object.fromEntries(
      peer
        .dump()
        .get('d')!
        .map(([key, stored]) => [key, entryOf(stored).value]),
    );
    expect(values).toEqual({ newer: 'mine', older: 'theirs' });
    peer.assertNoLeaks();
  });

  it('a value without header stops the database, with its DBI and key', () => {
    const peer = makePeer({ native: true });
    peer.tracker.localRound();
    put(peer, 'k1', 'no header');
    expect(() => peer.tracker.localRound()).toThrow(/DBI d, key 6b31/);
    peer.assertNoLeaks();
  });
});
