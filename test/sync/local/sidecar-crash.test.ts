import { describe, expect, it } from 'vitest';
import { DbiFlag, MapFullError } from '../../../src/lmdb/index.ts';
import type { SidecarPoint } from '../../../src/sync/local/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

/**
 * I12, decision 16: a kill at every point of a write to a sidecar. The process ends there (its transactions are rolled back by LMDB), and
 * another one opens what is left.
 */
const POINTS = ['intents written', 'intents committed', 'main committed', 'settled'] as const;
/** Later than whatever the application writes. */
const NANO = 2_000_000_000_000_000_000n;
const LONG = 'x'.repeat(300);
const DUP = DbiFlag.dupSort;
const dupKey = (key: string, value: string): string =>
  `${key}\0\0\0\0${value.slice(0, 506 - key.length)}${String.fromCharCode(key.length)}`;

const theirs = objectOf([
  dbiOf('d', [
    { key: 'changed', value: 'theirs', nano: NANO },
    { key: 'deleted', value: undefined, nano: NANO },
    { key: 'long', value: `${LONG}theirs`, nano: NANO },
    { key: 'new', value: 'theirs', nano: NANO },
    { key: 'same', value: 'ours', nano: NANO },
  ]),
  dbiOf(
    'dup',
    [
      { key: dupKey('k', 'gone'), value: undefined, nano: NANO },
      { key: dupKey('k', LONG), value: undefined, nano: NANO },
      { key: dupKey('k', 'new'), value: 'new', nano: NANO },
      { key: dupKey('k', `${LONG}${LONG}`.slice(0, 508)), value: `${LONG}${LONG}`.slice(0, 508), nano: NANO },
    ],
    DUP,
    'dupsort_hack_v1',
  ),
  dbiOf('made', [{ key: 'k', value: 'theirs', nano: NANO }]),
]);

function killAt(peer: Peer, point: SidecarPoint): void {
  peer.atPoint = (reached) => {
    if (reached !== point) return;
    throw new Error(`killed by the test: ${point}`);
  };
}

function started(lockMaxMs = 0): Peer {
  const peer = makePeer({ sidecar: true, lockMaxMs });
  const put = (key: string, value: string) => ({ op: 'put', dbi: 'd', key, value }) as const;
  const pair = (value: string) => ({ op: 'put', dbi: 'dup', key: 'k', value, flags: DUP }) as const;
  peer.write(put('changed', 'ours'), put('deleted', 'ours'), put('long', `${LONG}ours`), put('same', 'ours'));
  peer.write(put('other', 'ours'), pair('gone'), pair('kept'), pair(LONG));
  peer.tracker.localRound();
  peer.write(put('same', 'ours'));
  return peer;
}

async function killedAt(point: SidecarPoint, peer = started()): Promise<Peer> {
  killAt(peer, point);
  await expect(peer.merge(theirs)).rejects.toThrow(`killed by the test: ${point}`);
  peer.close();
  peer.atPoint = () => {};
  peer.events.length = 0;
  return peer;
}

const changes = (peer: Peer): string[] => peer.events.map(({ type }) => type).filter((type) => type === 'localChange');

describe('killed while what a peer wrote is merged', () => {
  it.each(POINTS)(
    '%s: nothing of it is taken for a change of ours, and all of it is there after the next merge',
    async (point) => {
      const peer = await killedAt(point);
      peer.open();
      expect(peer.tracker.localRound()).toBe(false);
      expect(changes(peer)).toEqual([]);
      expect(peer.tracker.unpublished.isEmpty).toBe(true);
      peer.assertInStep();
      const isThere = point === 'main committed' || point === 'settled';
      expect(peer.mainDump().made !== undefined).toBe(isThere);
      // Where main already has the value, the later time needs no write to main.
      const left = { 'intents written': 10, 'intents committed': 9, 'main committed': 0, settled: 0, recorded: 0 };
      expect((await peer.merge(theirs)).written).toBe(left[point]);
      expect(changes(peer)).toEqual([]);
      peer.assertInStep();
      const shadow = shadowOf(peer, 'd');
      expect(['changed', 'deleted', 'long', 'new', 'same'].map((key) => shadow[key]?.nano)).toEqual(
        Array(5).fill(NANO),
      );
      expect([shadow.deleted?.deleted, shadow.other!.nano < NANO]).toEqual([true, true]);
      expect(peer.mainDump().d!.map(([key, value]) => `${key}=${value.slice(-6)}`)).toEqual([
        'changed=theirs',
        'long=theirs',
        'new=theirs',
        'other=ours',
        'same=ours',
      ]);
      expect(peer.mainDump().dup!.map(([, value]) => value.length)).toEqual([4, 3, 508]);
      expect(peer.sidecar!.state.pendingTxnId).toBe(0);
    },
  );

  it.each(POINTS)(
    '%s: what the application writes before we start again is a change of ours, and nothing else is',
    async (point) => {
      const peer = await killedAt(point);
      peer.write(
        { op: 'put', dbi: 'd', key: 'changed', value: 'mine' },
        { op: 'put', dbi: 'd', key: 'mine', value: 'mine' },
      );
      peer.write({ op: 'del', dbi: 'd', key: 'other' });
      peer.open();
      expect(peer.tracker.localRound()).toBe(true);
      const isThere = point === 'main committed' || point === 'settled';
      expect(peer.tracker.unpublished.count).toBe(3);
      for (const key of ['changed', 'mine', 'other']) {
        const bytes = Buffer.from(key);
        expect(peer.tracker.unpublished.has('d', bytes, 0, bytes.length)).toBe(true);
      }
      peer.assertInStep();
      // Who saw the entry that it replaced is later than that.
      expect(shadowOf(peer, 'd').changed!.nano > NANO).toBe(isThere);
      await peer.merge(theirs);
      peer.assertInStep();
      const main = Object.fromEntries(peer.mainDump().d!);
      expect(main.changed).toBe(isThere ? 'mine' : 'theirs');
      expect([main.new, main.mine, main.deleted, main.other]).toEqual(['theirs', 'mine', undefined, undefined]);
    },
  );

  it('before main was committed, and the application then writes what a peer wrote: nothing of the rest is undone', async () => {
    const peer = await killedAt('intents committed');
    peer.write({ op: 'put', dbi: 'd', key: 'changed', value: 'theirs' });
    peer.open();
    // The peer's entry says it already.
    expect([peer.tracker.localRound(), peer.tracker.unpublished.isEmpty]).toEqual([false, true]);
    peer.assertInStep();
    expect(shadowOf(peer, 'd').changed!.nano).toBe(NANO);
    expect(Object.fromEntries(peer.mainDump().d!).deleted).toBe('ours');
    await peer.merge(theirs);
    peer.assertInStep();
    expect(Object.fromEntries(peer.mainDump().d!)).toMatchObject({ changed: 'theirs', new: 'theirs', other: 'ours' });
    expect(shadowOf(peer, 'd').deleted).toMatchObject({ deleted: true, nano: NANO });
  });

  it('after main was committed, and the application then puts something back: that is a change of ours, and nothing else', async () => {
    const peer = await killedAt('main committed');
    peer.write({ op: 'put', dbi: 'd', key: 'changed', value: 'ours' });
    peer.open();
    expect([peer.tracker.localRound(), peer.tracker.unpublished.count]).toEqual([true, 1]);
    peer.assertInStep();
    expect([shadowOf(peer, 'd').changed!.nano > NANO, shadowOf(peer, 'd').new!.nano]).toEqual([true, NANO]);
    await peer.merge(theirs);
    peer.assertInStep();
    expect(Object.fromEntries(peer.mainDump().d!)).toMatchObject({ changed: 'ours', new: 'theirs' });
  });

  it.each(POINTS)('%s in the second of many slices', async (point) => {
    const peer = makePeer({ sidecar: true, lockMaxMs: 1 });
    peer.tracker.localRound();
    let passed = 0;
    peer.atPoint = (reached) => {
      if (reached !== point) return;
      passed++;
      if (passed === 2) throw new Error('killed by the test');
    };
    const entries = Array.from({ length: 300 }, (_, index) => ({
      key: `k${String(index).padStart(3, '0')}`,
      value: `${LONG}${index}`,
      nano: NANO,
    }));
    const object = objectOf([dbiOf('d', entries)]);
    await expect(peer.merge(object)).rejects.toThrow('killed by the test');
    peer.close();
    peer.atPoint = () => {};
    peer.events.length = 0;
    peer.open();
    expect(peer.tracker.localRound()).toBe(false);
    peer.assertInStep();
    await peer.merge(object);
    peer.assertInStep();
    expect([changes(peer), peer.mainDump().d!.length]).toEqual([[], 300]);
    expect(new Set(Object.values(shadowOf(peer, 'd')).map(({ nano }) => nano))).toEqual(new Set([NANO]));
  });

  it('a commit of main that fails while we go on: the same, without a restart', async () => {
    for (const point of POINTS) {
      const peer = started();
      peer.tracker.takeUnpublished();
      killAt(peer, point);
      await expect(peer.merge(theirs)).rejects.toThrow('killed by the test');
      peer.atPoint = () => {};
      peer.events.length = 0;
      await peer.merge(theirs);
      peer.assertInStep();
      // What was noticed under the lock that failed may be looked at once more, and is nothing new.
      expect(peer.tracker.unpublished.isEmpty).toBe(true);
      expect(shadowOf(peer, 'd').changed!.nano).toBe(NANO);
      expect(Object.fromEntries(peer.mainDump().d!).changed).toBe('theirs');
    }
  });
});

it('killed after local changes were recorded: they are not recorded twice', () => {
  const peer = started();
  peer.tracker.localRound();
  peer.write({ op: 'put', dbi: 'd', key: 'changed', value: 'mine' });
  killAt(peer, 'recorded');
  expect(() => peer.tracker.localRound()).toThrow('killed by the test');
  const { nano } = shadowOf(peer, 'd').changed!;
  peer.close();
  peer.atPoint = () => {};
  peer.open();
  peer.tracker.localRound();
  peer.assertInStep();
  expect(shadowOf(peer, 'd').changed!.nano).toBe(nano);
});

it('the map is full at the commit of main: what was recorded beside the first attempt is told after the second', async () => {
  const peer = startedPeer({ sidecar: true });
  peer.tracker.takeUnpublished();
  // The application's map is larger.
  peer.environment.setMapSize(8 * 2 ** 20);
  peer.beforeLock.push(() => put(peer, 'mine', 'v'));
  peer.atPoint = (reached) => {
    if (reached !== 'intents committed') return;
    peer.atPoint = () => {};
    throw new MapFullError('MAP_FULL', 'mdb_txn_commit', -30792, 'planned by the test');
  };
  const { written, hasLocalChanges } = await peer.merge(theirs);
  expect([written > 0, hasLocalChanges, peer.locks]).toEqual([true, true, 2]);
  expect(peer.tracker.unpublished.count).toBe(1);
  peer.assertInStep();
});
