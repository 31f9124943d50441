import { describe, expect, it } from 'vitest';
import { CorruptPageError } from '../../../src/btree/index.ts';
import { shadowName } from '../../../src/shadow/store/names.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

function changesTold({ events }: Peer) {
  return events.filter(({ type }) => type === 'localChange');
}

describe('the application commits between our read view and our write lock (I3; W3)', () => {
  for (const pages of [true, false]) {
    const how = pages ? 'pages' : 'cursors';

    it(`the newer value of a key that is being recorded (${how})`, () => {
      const peer = startedPeer({ pages });
      put(peer, 'a', 'second');
      peer.beforeLock.push(() => put(peer, 'a', 'third'));
      peer.tracker.localRound();
      expect(peer.beforeLock).toEqual([]);
      expect(shadowOf(peer, 'd').a).toMatchObject({ value: 'third', nano: peer.clock.nowNano() });
      expect(peer.tracker.hasNews).toBe(false);
      peer.assertInStep();
    });

    it(`a change of another key is counted with what the round was for (${how})`, () => {
      const peer = startedPeer({ pages });
      put(peer, 'b', '1');
      peer.beforeLock.push(() => put(peer, 'c', '1'));
      peer.events.length = 0;
      peer.tracker.localRound();
      expect(changesTold(peer)).toMatchObject([{ entries: 2 }]);
    });

    it(`a key that changes once more is counted once (${how})`, () => {
      const peer = startedPeer({ pages });
      put(peer, 'a', 'second');
      peer.beforeLock.push(() => put(peer, 'a', 'third'));
      peer.events.length = 0;
      peer.tracker.localRound();
      expect(changesTold(peer)).toMatchObject([{ entries: 1 }]);
    });

    it(`a commit right behind the one that recorded a change is found by the next round (${how}; I4)`, () => {
      const peer = startedPeer({ pages });
      put(peer, 'b', '1');
      peer.afterLock.push(() => put(peer, 'c', '1'));
      peer.tracker.localRound();
      expect(peer.tracker.hasNews).toBe(true);
      peer.tracker.localRound();
      expect(shadowOf(peer, 'd').c).toMatchObject({ value: '1', deleted: false });
      expect(peer.tracker.hasNews).toBe(false);
      peer.assertInStep();
    });

    it(`a change is told where the round was only for a DBI that was dropped (${how})`, () => {
      const peer = startedPeer({ pages, droppedDbis: 'keep' });
      const change = (value: string): void => peer.write({ op: 'put', dbi: 'e', key: 'k', value });
      change('1');
      peer.tracker.localRound();
      peer.write({ op: 'drop', dbi: 'd', remove: true });
      peer.beforeLock.push(() => change('2'));
      peer.events.length = 0;
      peer.tracker.localRound();
      expect(changesTold(peer)).toMatchObject([{ entries: 1 }]);
    });

    it(`a deletion, and a change that is taken back (${how})`, () => {
      const peer = startedPeer({ pages });
      put(peer, 'b', '1');
      put(peer, 'c', '1');
      peer.tracker.localRound();
      put(peer, 'b', '2');
      put(peer, 'c', '2');
      peer.beforeLock.push(() => {
        peer.write({ op: 'del', dbi: 'd', key: 'b' }, { op: 'put', dbi: 'd', key: 'c', value: '1' });
      });
      peer.tracker.localRound();
      expect(shadowOf(peer, 'd').b).toMatchObject({ deleted: true });
      expect(shadowOf(peer, 'd').c).toMatchObject({ deleted: false, value: '1' });
      peer.assertInStep();
    });

    it(`a key for which a remote entry is about to be written: the local change is the later one (${how})`, async () => {
      const peer = startedPeer({ pages });
      const nano = peer.clock.nowNano() + 500_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      const result = await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: 'theirs', nano }])]));
      expect(result.hasLocalChanges).toBe(true);
      expect(peer.mainDump()).toEqual({ d: [['a', 'mine']] });
      peer.assertInStep();
    });

    it(`a later remote entry wins all the same, and the others of the object too (${how})`, async () => {
      const peer = startedPeer({ pages });
      const nano = peer.clock.nowNano() + 3_600_000_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      const entries = ['a', 'b'].map((key) => ({ key, value: 'theirs', nano }));
      expect((await peer.merge(objectOf([dbiOf('d', entries)]))).hasLocalChanges).toBe(true);
      expect(peer.mainDump().d).toEqual([
        ['a', 'theirs'],
        ['b', 'theirs'],
      ]);
      peer.assertInStep();
    });

    it(`a remote deletion of a key that the application changes again (${how})`, async () => {
      const peer = startedPeer({ pages });
      const nano = peer.clock.nowNano() + 500_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: undefined, nano }])]));
      expect(peer.mainDump().d).toEqual([['a', 'mine']]);
      peer.assertInStep();
    });

    it(`the application drops the DBI that a remote entry is about to go into (${how})`, async () => {
      const peer = startedPeer({ pages });
      const nano = peer.clock.nowNano() + 3_600_000_000_000n;
      peer.beforeLock.push(() => peer.write({ op: 'drop', dbi: 'd', remove: true }));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: 'theirs', nano }])]));
      expect(peer.mainDump().d).toEqual([['b', 'theirs']]);
      expect(shadowOf(peer, 'd').a).toMatchObject({ deleted: true });
      peer.assertInStep();
    });
  }

  it('with lmdb_lock_max, between two slices of one object', async () => {
    const peer = startedPeer({ lockMaxMs: 1 });
    const nano = peer.clock.nowNano() + 1n;
    const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`);
    peer.beforeLock.push(
      () => {},
      () =>
        peer.write(
          { op: 'put', dbi: 'd', key: 'k000', value: 'mine' },
          { op: 'put', dbi: 'd', key: 'k299', value: 'mine' },
        ),
      () => peer.write({ op: 'del', dbi: 'd', key: 'k001' }),
    );
    const object = objectOf([
      dbiOf(
        'd',
        keys.map((key) => ({ key, value: 'theirs', nano })),
      ),
    ]);
    const result = await peer.merge(object);
    expect([result.written, result.hasLocalChanges, peer.beforeLock.length]).toEqual([300, true, 0]);
    const main = Object.fromEntries(peer.mainDump().d!);
    expect([main.k000, main.k001, main.k002, main.k299]).toEqual(['mine', undefined, 'theirs', 'mine']);
    peer.assertInStep();
    expect((await peer.merge(object)).written).toBe(0);
  });
});

describe('a DBI that the application drops, with dropped_dbis: delete (decision 9)', () => {
  it('its entries are deleted, here and at the peer, where the DBI stays, empty', async () => {
    const [peer, other] = [startedPeer(), makePeer()];
    other.tracker.localRound();
    await other.merge(await peer.snapshot());
    expect(other.mainDump()).toEqual({ d: [['a', 'first']] });
    peer.write({ op: 'drop', dbi: 'd', remove: true });
    expect(peer.tracker.localRound()).toBe(true);
    await other.merge(await peer.snapshot());
    expect(other.dump().get('d')).toEqual([]);
    other.assertInStep();
  });

  it('also when it is dropped while we are stopped, once a peer tells its kind again', async () => {
    const [peer, other] = [startedPeer(), makePeer()];
    other.tracker.localRound();
    await other.merge(await peer.snapshot());
    peer.close();
    peer.write({ op: 'drop', dbi: 'd', remove: true });
    peer.open();
    peer.tracker.localRound();
    expect(shadowOf(peer, 'd').a).toMatchObject({ deleted: true, nano: peer.clock.nowNano() });
    await peer.merge(await other.snapshot());
    await other.merge(await peer.snapshot());
    expect([peer.mainDump(), other.mainDump()]).toEqual([{}, {}]);
  });

  it('and when we are stopped after it: its kind is remembered, and the peer still hears of it', async () => {
    const [peer, other] = [startedPeer(), makePeer()];
    other.tracker.localRound();
    await other.merge(await peer.snapshot());
    peer.write({ op: 'drop', dbi: 'd', remove: true });
    peer.tracker.localRound();
    peer.close();
    peer.open();
    peer.tracker.localRound();
    await other.merge(await peer.snapshot());
    expect(other.mainDump()).toEqual({});
    other.assertInStep();
  });

  it('and made again with other entries', () => {
    const peer = startedPeer();
    peer.write({ op: 'drop', dbi: 'd', remove: true }, { op: 'put', dbi: 'd', key: 'b', value: '2' });
    peer.tracker.localRound();
    expect(shadowOf(peer, 'd')).toMatchObject({ a: { deleted: true }, b: { deleted: false, value: '2' } });
    peer.assertInStep();
  });
});

describe('checks on ourselves', () => {
  const corruptShadow = (peer: Peer, change: 'value' | 'missing' | 'alive'): void => {
    const dbi = shadowName('d');
    const stored = peer
      .dump()
      .get(dbi)!
      .find(([key]) => key === 'a')![1];
    const bytes = Buffer.from(stored, 'latin1');
    if (change === 'missing') peer.application.del(dbi, 'a');
    else if (change === 'value') peer.application.put(dbi, 'a', Buffer.concat([bytes, Buffer.from('!')]));
    else peer.application.put(dbi, 'ghost', bytes);
  };

  it('a full scan finds nothing where nothing is wrong, and takes no lock', () => {
    const peer = startedPeer();
    const locks = peer.locks;
    expect(peer.tracker.fullScan()).toBe(false);
    expect(peer.locks).toBe(locks);
    expect(peer.status).toMatchObject({ fullScans: 1, fullScanDifferences: 0 });
  });

  it.each(['value', 'missing', 'alive'] as const)(
    'a full scan finds and repairs a planted difference: %s (I6)',
    (change) => {
      const peer = startedPeer();
      corruptShadow(peer, change);
      expect(peer.tracker.fullScan()).toBe(true);
      expect(peer.status.fullScanDifferences).toBe(1);
      expect(peer.mainDump()).toEqual({ d: [['a', 'first']] });
      peer.assertInStep();
      expect(peer.tracker.fullScan()).toBe(false);
    },
  );

  it('a full scan that comes upon a change of the application says that it is to be published', () => {
    const peer = startedPeer();
    put(peer, 'b', '2');
    expect(peer.tracker.fullScan()).toBe(true);
    expect(peer.status.fullScanDifferences).toBe(0);
    peer.assertInStep();
  });

  it.each([1, 5])(
    'a full scan takes nothing for missed that we wrote right before somebody’s commit: %i of them',
    (times) => {
      const peer = startedPeer();
      const { views } = peer.tracker;
      const { hold } = views;
      let left = times;
      const commitBehindUs = (): void => {
        if (left-- <= 0) return;
        let isUnderLock = true;
        views.hold = () => {
          // The first one is begun under the lock, the second one after our commit.
          if (isUnderLock) isUnderLock = false;
          else {
            views.hold = hold;
            put(peer, 'behind', `${left}`);
          }
          return hold.call(views);
        };
        peer.beforeLock.push(commitBehindUs);
      };
      peer.beforeLock.push(commitBehindUs);
      put(peer, 'b', '2');
      expect(peer.tracker.fullScan()).toBe(true);
      expect(left).toBeLessThanOrEqual(0);
      expect(peer.status).toMatchObject({ fullScans: 1, fullScanDifferences: 0 });
      peer.assertInStep();
    },
  );

  it('a reader that is no longer protected: everything is compared, told and counted', () => {
    const peer = startedPeer();
    put(peer, 'b', '2');
    const isTrusted = peer.tracker.views.isTrusted;
    peer.tracker.views.isTrusted = () => false;
    expect(peer.tracker.localRound()).toBe(true);
    peer.tracker.views.isTrusted = isTrusted;
    expect(peer.status.distrustedReaders).toBe(1);
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: '2' });
    put(peer, 'c', '3');
    peer.tracker.localRound();
    expect(peer.status.distrustedReaders).toBe(1);
    peer.assertInStep();
  });

  it('the base is really listed in the lock table', () => {
    const peer = startedPeer();
    expect(peer.tracker.views.isTrusted(peer.tracker.base)).toBe(true);
    expect(peer.environment.readers().filter(({ pid }) => pid === process.pid)).toHaveLength(1);
  });

  it('pages that cannot be read in the middle of the work: cursors from then on', () => {
    const peer = startedPeer();
    peer.tracker.fallBack(new CorruptPageError(2, 'planned by the test'));
    put(peer, 'b', '2');
    expect(peer.tracker.localRound()).toBe(true);
    put(peer, 'c', '3');
    peer.tracker.localRound();
    expect(peer.tracker.localRound()).toBe(false);
    peer.assertMainIsShadow();
    expect(Object.keys(shadowOf(peer, 'd'))).toEqual(['a', 'b', 'c']);
  });

  it('drop-shadow while we run: the shadow is made again, at the latest by the next full scan', () => {
    const peer = startedPeer();
    peer.application.batch({ op: 'drop', dbi: shadowName('d'), remove: true });
    put(peer, 'b', '2');
    peer.tracker.localRound();
    peer.tracker.fullScan();
    peer.assertInStep();
  });
});
