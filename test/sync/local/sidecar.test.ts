import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

const LONG = 'x'.repeat(300);

/** Whoever asks for the write lock now would wait for ever. */
function forbidLocks(peer: Peer): void {
  for (let index = 0; index < 100; index++) {
    peer.beforeLock.push(() => {
      throw new Error('the write lock of the application was asked for');
    });
  }
}

describe('local changes beside a sidecar', () => {
  it('are recorded and published while the application holds its write lock all the while', async () => {
    const peer = makePeer({ sidecar: true });
    put(peer, 'long', `${LONG}1`);
    put(peer, 'short', 'v');
    forbidLocks(peer);
    // Held until the end of the test, with a change that nobody may see.
    peer.application.begin();
    peer.application.put('d', 'unseen', 'v');
    expect(peer.tracker.localRound()).toBe(true);
    const first = await peer.snapshot();
    peer.application.commit();
    put(peer, 'long', `${LONG}2`);
    peer.application.begin();
    expect(peer.tracker.localRound()).toBe(true);
    expect(peer.tracker.localRound()).toBe(false);
    const second = await peer.snapshot();
    peer.tracker.fullScan();
    peer.application.commit();
    expect(peer.locks).toBe(0);
    peer.beforeLock.length = 0;
    const other = makePeer();
    other.tracker.localRound();
    await other.merge(first);
    expect(Object.fromEntries(other.mainDump().d!)).toEqual({ long: `${LONG}1`, short: 'v' });
    await other.merge(second);
    expect(Object.fromEntries(other.mainDump().d!)).toEqual({ long: `${LONG}2`, short: 'v', unseen: 'v' });
    peer.assertInStep();
  });

  it('leave nothing of ours in the LMDB, nor do merges', async () => {
    const peer = startedPeer({ sidecar: true });
    await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: LONG, nano: 5n }]), dbiOf('e', [])]));
    expect([...peer.dump().keys()]).toEqual(['d', 'e']);
    peer.assertInStep();
  });

  it('are found in slices of a first filling that is killed, and everything starts at 1 ns all the same', () => {
    const peer = makePeer({ sidecar: true, lockMaxMs: 1 });
    const writes = Array.from({ length: 300 }, (_, index) => {
      return { op: 'put', dbi: 'd', key: `k${String(index).padStart(3, '0')}`, value: `${LONG}${index}` } as const;
    });
    peer.write(...writes);
    const { clock } = peer;
    const { monotonicMs } = clock;
    let looks = 0;
    clock.monotonicMs = () => {
      looks++;
      if (looks === 8) throw new Error('killed by the test');
      return monotonicMs.call(clock);
    };
    expect(() => peer.tracker.localRound()).toThrow('killed by the test');
    clock.monotonicMs = monotonicMs;
    const filled = Object.keys(shadowOf(peer, 'd')).length;
    expect([filled > 0, filled < 300]).toEqual([true, true]);
    peer.restart();
    peer.tracker.localRound();
    peer.assertInStep();
    expect(new Set(Object.values(shadowOf(peer, 'd')).map(({ nano }) => nano))).toEqual(new Set([1n]));
  });

  it('wait for their meta page but for the slices of a filling that others follow, also after one that failed', () => {
    const peer = makePeer({ sidecar: true, lockMaxMs: 1 });
    const { environment } = peer.sidecar!;
    let isOn = true;
    const commits: boolean[] = [];
    const { syncMeta, write } = environment;
    environment.syncMeta = (isWanted) => {
      isOn = isWanted;
      syncMeta.call(environment, isWanted);
    };
    environment.write = (body) => {
      const result = write.call(environment, (transaction) => {
        const result = body(transaction);
        commits.push(isOn);
        return result;
      });
      return result as never;
    };
    peer.write(
      ...Array.from({ length: 300 }, (_, index) => {
        return { op: 'put', dbi: 'd', key: `k${String(index).padStart(3, '0')}`, value: LONG } as const;
      }),
    );
    peer.tracker.localRound();
    expect(commits.length).toBeGreaterThan(3);
    expect(commits.indexOf(true)).toBe(commits.length - 1);
    commits.length = 0;
    put(peer, 'k001', 'another');
    peer.tracker.localRound();
    expect(commits).toEqual([true]);
    put(peer, 'k002', 'another');
    environment.write = () => {
      environment.syncMeta(false);
      throw new Error('no space left');
    };
    expect(() => peer.tracker.localRound()).toThrow('no space left');
    expect(isOn).toBe(true);
  });

  it('a change that another one follows within our look is recorded by the next look', async () => {
    const peer = startedPeer({ sidecar: true });
    peer.afterLock.push(() => put(peer, 'a', 'mine'));
    await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: LONG, nano: 5n }])]));
    expect([peer.tracker.hasNews, peer.tracker.localRound()]).toEqual([true, true]);
    const bytes = Buffer.from('a');
    expect(peer.tracker.unpublished.has('d', bytes, 0, bytes.length)).toBe(true);
    peer.assertInStep();
  });
});

it('what the application commits right after a slice, before we could look, is not overwritten by the next ones (I3)', async () => {
  const peer = makePeer({ sidecar: true, lockMaxMs: 1 });
  peer.tracker.localRound();
  const keyOf = (index: number): string => `k${String(index).padStart(3, '0')}`;
  const entries = Array.from({ length: 300 }, (_, index) => ({ key: keyOf(index), value: 'theirs', nano: 5n }));
  peer.afterLock.push(
    () => put(peer, 'k000', 'mine'),
    () => put(peer, 'k299', 'mine'),
  );
  await peer.merge(objectOf([dbiOf('d', entries)]));
  expect(peer.afterLock).toEqual([]);
  const main = Object.fromEntries(peer.mainDump().d!);
  expect([main.k000, main.k001, main.k299]).toEqual(['mine', 'theirs', 'mine']);
  peer.assertInStep();
});

describe('a sidecar that does not belong to the LMDB', () => {
  it('is refused when an older copy of the LMDB was put back', () => {
    const peer = startedPeer({ sidecar: true });
    peer.close();
    const kept = peer.copyData();
    peer.open();
    put(peer, 'a', 'second');
    peer.tracker.localRound();
    peer.close();
    peer.putBack(kept);
    peer.open();
    expect(() => peer.tracker.localRound()).toThrow(expect.objectContaining({ code: 'SIDECAR_NOT_WHOLE' }));
    expect(peer.locks).toBe(0);
  });

  it('is taken when both were copied, and refused when the copy was written to before', () => {
    const peer = startedPeer({ sidecar: true });
    peer.close();
    peer.putBack(peer.copyData());
    peer.open();
    peer.assertInStep();
    put(peer, 'a', 'second');
    peer.tracker.localRound();
    peer.close();
    const kept = peer.copyData();
    peer.putBack(kept);
    put(peer, 'a', 'third');
    peer.open();
    expect(() => peer.tracker.localRound()).toThrow(expect.objectContaining({ code: 'SIDECAR_MISMATCH' }));
  });

  it('knows the time of an object that had to be named later than any look, as after a clock was put back (decision 10)', async () => {
    const peer = startedPeer({ sidecar: true });
    const named = BigInt(peer.sidecar!.state.lookedNano) + 3_600_000_000_000n;
    await peer.local.capture(async (capture) => capture.named(named));
    peer.restart();
    peer.tracker.localRound();
    expect(BigInt(peer.sidecar!.state.lookedNano)).toBe(named);
  });

  it('is not begun beside shadows that lie inside', () => {
    const peer = makePeer({ sidecar: true });
    peer.write({ op: 'put', dbi: '_sync_shadow_d', key: 'k', value: 'v', flags: 0 });
    expect(() => peer.tracker.localRound()).toThrow(expect.objectContaining({ code: 'SHADOW_INSIDE' }));
  });

  it('cannot be where pages cannot be read', () => {
    const peer = makePeer({ sidecar: true });
    expect(peer.tracker.fallBack(new Error('anything'))).toBe(false);
  });
});

describe('a DBI that the application drops while its values are only in main', () => {
  const keep = () => {
    const peer = makePeer({ sidecar: true, droppedDbis: 'keep' });
    put(peer, 'long', `${LONG}1`);
    put(peer, 'short', 'v');
    peer.tracker.localRound();
    return peer;
  };
  const drop = (peer: Peer): void => peer.write({ op: 'drop', dbi: 'd', remove: true });
  const valuesOf = (peer: Peer) => Object.values(shadowOf(peer, 'd')).map(({ value }) => value);

  it('keeps them in the sidecar, also when it goes just before our lock', async () => {
    for (const isUnderLock of [false, true]) {
      const peer = keep();
      if (isUnderLock) peer.beforeLock.push(() => drop(peer));
      else drop(peer);
      await peer.merge(
        objectOf([
          dbiOf('d', [{ key: 'theirs', value: `${LONG}2`, nano: 5n }]),
          dbiOf('e', [{ key: 'k', value: 'v', nano: 5n }]),
        ]),
      );
      expect(valuesOf(peer)).toEqual([`${LONG}1`, 'v', `${LONG}2`]);
      expect([...peer.dump().keys()]).toEqual(['e']);
      put(peer, 'new', 'mine');
      peer.tracker.localRound();
      const main = { long: `${LONG}1`, new: 'mine', short: 'v', theirs: `${LONG}2` };
      expect(Object.fromEntries(peer.mainDump().d!)).toEqual(main);
      expect(peer.tracker.localRound()).toBe(false);
      // A deletion is one again.
      peer.write({ op: 'del', dbi: 'd', key: 'long' });
      peer.tracker.localRound();
      expect(shadowOf(peer, 'd').long!.deleted).toBe(true);
    }
  });

  it('what the application takes out again right behind the commit that gave it back is noticed (I4)', () => {
    const peer = keep();
    drop(peer);
    peer.tracker.localRound();
    put(peer, 'new', 'mine');
    peer.afterLock.push(() => peer.write({ op: 'del', dbi: 'd', key: 'long' }));
    peer.tracker.localRound();
    expect([peer.afterLock.length, Object.fromEntries(peer.mainDump().d!)]).toEqual([0, { new: 'mine', short: 'v' }]);
    expect(peer.tracker.localRound()).toBe(true);
    expect(shadowOf(peer, 'd').long!.deleted).toBe(true);
    peer.assertNothingMissed();
    peer.assertNoLeaks();
  });

  it.each(['intents written', 'intents committed', 'main committed', 'settled'])(
    'gets all of it back when we are killed while it comes back: %s',
    (point) => {
      const peer = keep();
      drop(peer);
      peer.tracker.localRound();
      put(peer, 'new', 'mine');
      peer.atPoint = (reached) => {
        if (reached === point) throw new Error('killed by the test');
      };
      expect(() => peer.tracker.localRound()).toThrow('killed by the test');
      peer.close();
      peer.atPoint = () => {};
      peer.open();
      peer.tracker.localRound();
      expect(Object.fromEntries(peer.mainDump().d!)).toEqual({ long: `${LONG}1`, new: 'mine', short: 'v' });
      peer.tracker.localRound();
      expect(Object.values(shadowOf(peer, 'd')).every(({ deleted }) => !deleted)).toBe(true);
    },
  );
});

it('pairs of all sizes, whole and cut, live and deleted', async () => {
  const peer = makePeer({ sidecar: true });
  const value = (size: number): string => 'v'.repeat(size);
  const sizes = [0, 1, 16, 17, 200, 505, 506, 507, 511];
  const writes = sizes.map((size) => {
    return { op: 'put', dbi: 'dup', key: `k${size}`, value: value(size), flags: DbiFlag.dupSort } as const;
  });
  peer.write(...writes);
  peer.assertInStep();
  const other = makePeer();
  other.tracker.localRound();
  await other.merge(await peer.snapshot());
  expect(other.mainDump()).toEqual(peer.mainDump());
  peer.write({ op: 'del', dbi: 'dup', key: 'k511' }, { op: 'del', dbi: 'dup', key: 'k16' });
  peer.assertInStep();
  await other.merge(await peer.snapshot());
  expect(other.mainDump()).toEqual(peer.mainDump());
});
