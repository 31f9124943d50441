import { describe, expect, it } from 'vitest';
import { CorruptPageError } from '../../src/btree/index.ts';
import { DbiFlag, MapFullError, ReadersFullError } from '../../src/lmdb/index.ts';
import { HeaderError } from '../../src/merge/index.ts';
import { shadowName, UnsupportedDbiError } from '../../src/shadow/index.ts';
import { CorruptSnapshotError } from '../../src/snapshot/index.ts';
import { dbiOf, objectOf } from '../support/objects.ts';
import type { Peer } from '../support/peer.ts';
import { makePeer } from '../support/peers.ts';
import { entryOf, shadowOf } from '../support/shadow-entries.ts';

const put = (peer: Peer, key: string, value: string): void => peer.write({ op: 'put', dbi: 'd', key, value });

function started(options: Parameters<typeof makePeer>[0] = {}): Peer {
  const peer = makePeer(options);
  peer.tracker.localRound();
  put(peer, 'a', 'first');
  peer.tracker.localRound();
  return peer;
}

function assertInStep(peer: Peer): void {
  peer.tracker.localRound();
  peer.assertMainIsShadow();
  peer.assertNothingMissed();
  peer.assertNoLeaks();
}

describe('the application commits between our read view and our write lock (I3; W3)', () => {
  for (const pages of [true, false]) {
    const how = pages ? 'pages' : 'cursors';

    it(`the newer value of a key that is being recorded (${how})`, () => {
      const peer = started({ pages });
      put(peer, 'a', 'second');
      peer.beforeLock.push(() => put(peer, 'a', 'third'));
      peer.tracker.localRound();
      expect(peer.beforeLock).toEqual([]);
      expect(shadowOf(peer, 'd').a).toMatchObject({ value: 'third', nano: peer.clock.nowNano() });
      expect(peer.tracker.hasNews).toBe(false);
      assertInStep(peer);
    });

    it(`a deletion, and a change that is taken back (${how})`, () => {
      const peer = started({ pages });
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
      assertInStep(peer);
    });

    it(`a key for which a remote entry is about to be written: the local change is the later one (${how})`, async () => {
      const peer = started({ pages });
      const nano = peer.clock.nowNano() + 500_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      const result = await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: 'theirs', nano }])]));
      expect(result.hasLocalChanges).toBe(true);
      expect(peer.mainDump()).toEqual({ d: [['a', 'mine']] });
      assertInStep(peer);
    });

    it(`a later remote entry wins all the same, and the others of the object too (${how})`, async () => {
      const peer = started({ pages });
      const nano = peer.clock.nowNano() + 3_600_000_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      const entries = ['a', 'b'].map((key) => ({ key, value: 'theirs', nano }));
      expect((await peer.merge(objectOf([dbiOf('d', entries)]))).hasLocalChanges).toBe(true);
      expect(peer.mainDump().d).toEqual([['a', 'theirs'], ['b', 'theirs']]);
      assertInStep(peer);
    });

    it(`a remote deletion of a key that the application changes again (${how})`, async () => {
      const peer = started({ pages });
      const nano = peer.clock.nowNano() + 500_000_000n;
      peer.beforeLock.push(() => put(peer, 'a', 'mine'));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: undefined, nano }])]));
      expect(peer.mainDump().d).toEqual([['a', 'mine']]);
      assertInStep(peer);
    });

    it(`the application drops the DBI that a remote entry is about to go into (${how})`, async () => {
      const peer = started({ pages });
      const nano = peer.clock.nowNano() + 3_600_000_000_000n;
      peer.beforeLock.push(() => peer.write({ op: 'drop', dbi: 'd', remove: true }));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: 'theirs', nano }])]));
      expect(peer.mainDump().d).toEqual([['b', 'theirs']]);
      expect(shadowOf(peer, 'd').a).toMatchObject({ deleted: true });
      assertInStep(peer);
    });
  }

  it('with lmdb_lock_max, between two slices of one object', async () => {
    const peer = started({ lockMaxMs: 1 });
    const nano = peer.clock.nowNano() + 1n;
    const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`);
    peer.beforeLock.push(
      () => {},
      () => peer.write({ op: 'put', dbi: 'd', key: 'k000', value: 'mine' }, { op: 'put', dbi: 'd', key: 'k299', value: 'mine' }),
      () => peer.write({ op: 'del', dbi: 'd', key: 'k001' }),
    );
    const object = objectOf([dbiOf('d', keys.map((key) => ({ key, value: 'theirs', nano })))]);
    const result = await peer.merge(object);
    expect([result.written, result.hasLocalChanges, peer.beforeLock.length]).toEqual([300, true, 0]);
    const main = Object.fromEntries(peer.mainDump().d!);
    expect([main.k000, main.k001, main.k002, main.k299]).toEqual(['mine', undefined, 'theirs', 'mine']);
    assertInStep(peer);
    expect((await peer.merge(object)).written).toBe(0);
  });
});

describe('a DBI that the application drops (decision 9)', () => {
  it('its entries are deleted, here and at the peer, where the DBI stays, empty', async () => {
    const [peer, other] = [started(), makePeer()];
    other.tracker.localRound();
    await other.merge(await peer.snapshot());
    expect(other.mainDump()).toEqual({ d: [['a', 'first']] });
    peer.write({ op: 'drop', dbi: 'd', remove: true });
    expect(peer.tracker.localRound()).toBe(true);
    await other.merge(await peer.snapshot());
    expect(other.dump().get('d')).toEqual([]);
    assertInStep(other);
  });

  it('also when it is dropped while we are stopped, once a peer tells its kind again', async () => {
    const [peer, other] = [started(), makePeer()];
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

  it('and made again with other entries', () => {
    const peer = started();
    peer.write({ op: 'drop', dbi: 'd', remove: true }, { op: 'put', dbi: 'd', key: 'b', value: '2' });
    peer.tracker.localRound();
    expect(shadowOf(peer, 'd')).toMatchObject({ a: { deleted: true }, b: { deleted: false, value: '2' } });
    assertInStep(peer);
  });
});

describe('checks on ourselves', () => {
  const corruptShadow = (peer: Peer, change: 'value' | 'missing' | 'alive'): void => {
    const dbi = shadowName('d');
    const stored = peer.dump().get(dbi)!.find(([key]) => key === 'a')![1];
    const bytes = Buffer.from(stored, 'latin1');
    if (change === 'missing') peer.application.del(dbi, 'a');
    else if (change === 'value') peer.application.put(dbi, 'a', Buffer.concat([bytes, Buffer.from('!')]));
    else peer.application.put(dbi, 'ghost', bytes);
  };

  it('a full scan finds nothing where nothing is wrong, and takes no lock', () => {
    const peer = started();
    const locks = peer.locks;
    expect(peer.tracker.fullScan()).toBe(false);
    expect(peer.locks).toBe(locks);
    expect(peer.status).toMatchObject({ fullScans: 1, fullScanDifferences: 0 });
  });

  it.each(['value', 'missing', 'alive'] as const)('a full scan finds and repairs a planted difference: %s (I6)', (change) => {
    const peer = started();
    corruptShadow(peer, change);
    expect(peer.tracker.fullScan()).toBe(true);
    expect(peer.status.fullScanDifferences).toBe(1);
    expect(peer.mainDump()).toEqual({ d: [['a', 'first']] });
    assertInStep(peer);
    expect(peer.tracker.fullScan()).toBe(false);
  });

  it('a full scan that comes upon a change of the application says that it is to be published', () => {
    const peer = started();
    put(peer, 'b', '2');
    expect(peer.tracker.fullScan()).toBe(true);
    expect(peer.status.fullScanDifferences).toBe(0);
    assertInStep(peer);
  });

  it('a reader that is no longer protected: everything is compared, told and counted', () => {
    const peer = started();
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
    assertInStep(peer);
  });

  it('the base is really listed in the lock table', () => {
    const peer = started();
    expect(peer.tracker.views.isTrusted(peer.tracker.base)).toBe(true);
    expect(peer.environment.readers().filter(({ pid }) => pid === process.pid)).toHaveLength(1);
  });

  it('pages that cannot be read in the middle of the work: cursors from then on', () => {
    const peer = started();
    peer.tracker.views.distrustPages(new CorruptPageError(2, 'planned by the test'));
    put(peer, 'b', '2');
    expect(peer.tracker.localRound()).toBe(true);
    put(peer, 'c', '3');
    peer.tracker.localRound();
    expect(peer.tracker.localRound()).toBe(false);
    peer.assertMainIsShadow();
    expect(Object.keys(shadowOf(peer, 'd'))).toEqual(['a', 'b', 'c']);
  });

  it('drop-shadow while we run: the shadow is made again, at the latest by the next full scan', () => {
    const peer = started();
    peer.application.batch({ op: 'drop', dbi: shadowName('d'), remove: true });
    put(peer, 'b', '2');
    peer.tracker.localRound();
    peer.tracker.fullScan();
    assertInStep(peer);
  });
});

describe('a round that fails', () => {
  const fail = (peer: Peer): void => {
    peer.failsNextLock = true;
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
  };

  it('keeps what it noticed, and gives up the old reader', () => {
    const peer = started();
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
    assertInStep(peer);
  });

  it('with DUPSORT pairs that come and go, dropped and new DBIs', () => {
    const peer = started();
    const flags = DbiFlag.dupSort;
    peer.write({ op: 'put', dbi: 'dup', key: 'k', value: '1', flags }, { op: 'put', dbi: 'dup', key: 'k', value: '2' });
    peer.tracker.localRound();
    peer.write({ op: 'del', dbi: 'dup', key: 'k', value: '1' }, { op: 'put', dbi: 'dup', key: 'k', value: '3' });
    fail(peer);
    peer.tracker.localRound();
    assertInStep(peer);
    peer.write({ op: 'drop', dbi: 'd', remove: true }, { op: 'put', dbi: 'new', key: 'k', value: 'v' });
    fail(peer);
    put(peer, 'z', 'again');
    fail(peer);
    peer.tracker.localRound();
    assertInStep(peer);
  });

  it.each([
    ['so few that they are remembered', false],
    ['so many that everything must be compared', true],
  ])('does not let the application’s file grow: %s', (_, isOverflown) => {
    const peer = started();
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
    assertInStep(peer);
  });

  it('after its commit: the change is still to be published', () => {
    const peer = started();
    put(peer, 'b', '2');
    const { views } = peer.tracker;
    const hold = views.hold;
    peer.beforeLock.push(() => {
      let left = 1;
      // The reader under the lock is had; the one after the commit is not.
      views.hold = () => {
        if (left-- > 0) return hold.call(views);
        throw new ReadersFullError('READERS_FULL', 'mdb_txn_begin', -30790, 'planned by the test');
      };
    });
    expect(() => peer.tracker.localRound()).toThrow(ReadersFullError);
    views.hold = hold;
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: '2' });
    expect(peer.tracker.localRound()).toBe(true);
    expect(peer.tracker.localRound()).toBe(false);
    assertInStep(peer);
  });

  it('leaves no transaction behind, whatever it was', async () => {
    const peer = started();
    await expect(peer.merge(Buffer.from('no gzip'))).rejects.toThrow(CorruptSnapshotError);
    peer.assertNoLeaks();
    peer.failsNextLock = true;
    const nano = peer.clock.nowNano();
    await expect(peer.merge(objectOf([dbiOf('e', [{ key: 'k', value: 'v', nano }])]))).rejects.toThrow(MapFullError);
    peer.assertNoLeaks();
    peer.application.batch({ op: 'put', dbi: 'big', key: Buffer.alloc(256, 'k'), value: 'v', flags: DbiFlag.dupSort });
    expect(() => peer.tracker.localRound()).toThrow(UnsupportedDbiError);
    peer.assertNoLeaks();
    peer.application.batch({ op: 'drop', dbi: 'big', remove: true }, { op: 'put', dbi: shadowName('d'), key: 'a', value: 'x' });
    put(peer, 'a', 'changed');
    expect(() => peer.tracker.localRound()).toThrow(HeaderError);
    peer.assertNoLeaks();
  });

  it('a map that is full is enlarged as far as map_size allows', () => {
    const peer = started({ application: { mapSizeBytes: 2 ** 20 }, mapSizeBytes: 16 * 2 ** 20 });
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 500, valueBytes: 1000 });
    peer.tracker.localRound();
    expect(peer.environment.info().mapSizeBytes).toBe(16 * 2 ** 20);
    assertInStep(peer);
  });

  it('a map that stays full: the change is kept, and recorded when the application has made it larger', () => {
    const peer = started({ application: { mapSizeBytes: 2 ** 20 } });
    peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 450, valueBytes: 1000 });
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
    expect(() => peer.tracker.localRound()).toThrow(MapFullError);
    peer.assertNoLeaks();
    peer.application.resize(16 * 2 ** 20);
    put(peer, 'one', 'more');
    expect(peer.tracker.localRound()).toBe(true);
    assertInStep(peer);
  });
});

describe('native mode', () => {
  const headed = (nano: bigint, value: string): Buffer => {
    const header = Buffer.alloc(24);
    header.writeBigUInt64BE(nano);
    return Buffer.concat([header, Buffer.from(value)]);
  };

  it('the application’s change under our nose is compared with the remote entry, both ways', async () => {
    const peer = makePeer({ native: true });
    peer.tracker.localRound();
    peer.beforeLock.push(() =>
      peer.write(
        { op: 'put', dbi: 'd', key: 'older', value: headed(5n, 'mine') },
        { op: 'put', dbi: 'd', key: 'newer', value: headed(50n, 'mine') },
      ),
    );
    const entries = ['newer', 'older'].map((key) => ({ key, value: 'theirs', nano: 10n }));
    expect((await peer.merge(objectOf([dbiOf('d', entries)]))).hasLocalChanges).toBe(true);
    const values = Object.fromEntries(peer.dump().get('d')!.map(([key, stored]) => [key, entryOf(stored).value]));
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
