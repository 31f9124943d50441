import { describe, expect, it } from 'vitest';
import { makePeer, put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

const HOUR_NANO = 3_600_000_000_000n;

describe.each([false, true])(
  'the application commits right after us, before we have a reader (sidecar: %s)',
  (sidecar) => {
    it('and undoes what we merged: the deletion is recorded (I6)', async () => {
      const peer = startedPeer({ sidecar });
      const nano = peer.clock.nowNano() + HOUR_NANO;
      peer.afterLock.push(() => peer.write({ op: 'del', dbi: 'd', key: 'r' }));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'r', value: 'theirs', nano }])]));
      peer.tracker.localRound();
      expect(shadowOf(peer, 'd').r).toMatchObject({ deleted: true, nano: nano + 1n });
      peer.assertInStep();
    });

    it('and puts back what a merge replaced: it is a change as any other (I6)', async () => {
      const peer = startedPeer({ sidecar });
      const nano = peer.clock.nowNano() + HOUR_NANO;
      peer.afterLock.push(() => put(peer, 'a', 'first'));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: 'theirs', nano }])]));
      peer.tracker.localRound();
      expect(shadowOf(peer, 'd').a).toMatchObject({ value: 'first', nano: nano + 1n });
      peer.assertInStep();
    });

    it('a merge does not put an older entry in the place of the change that we have just recorded (I3)', async () => {
      const peer = startedPeer({ sidecar });
      const { nano: firstNano } = shadowOf(peer, 'd').a!;
      put(peer, 'b', 'elsewhere');
      peer.tracker.localRound();
      put(peer, 'a', 'second');
      // The round at the head of the merge records it; what is merged is older, and newer than the entry before it.
      peer.afterLock.push(() => put(peer, 'c', 'meanwhile'));
      await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: 'theirs', nano: firstNano + 1n }])]));
      expect(shadowOf(peer, 'd').a).toMatchObject({ value: 'second' });
      peer.assertInStep();
    });
  },
);

it('the application gets the id of a commit of ours that had nothing to write: its change is recorded (I6)', () => {
  const peer = startedPeer();
  put(peer, 'a', 'second');
  // Under the lock there is nothing left to record.
  peer.beforeLock.push(() => put(peer, 'a', 'first'));
  peer.afterLock.push(() => put(peer, 'b', 'right after'));
  peer.tracker.localRound();
  expect(peer.tracker.hasNews).toBe(true);
  peer.tracker.localRound();
  expect(shadowOf(peer, 'd').b).toMatchObject({ value: 'right after' });
  peer.assertInStep();
});

describe('a full scan', () => {
  it('takes for no miss of ours what the commit has recorded that the base is behind (I6)', () => {
    const peer = startedPeer();
    put(peer, 'a', 'second');
    peer.afterLock.push(() => put(peer, 'b', 'right after'));
    peer.tracker.fullScan();
    expect(peer.status.fullScanDifferences).toBe(0);
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: 'right after' });
    peer.assertInStep();
  });
});

describe('a capture while the application commits', () => {
  it('claims no transaction whose keys are not known yet (I3)', async () => {
    const peer = makePeer({ native: true });
    await peer.local.localRound();
    const baseId = peer.tracker.base.id;
    peer.write({ op: 'put', dbi: 'd', key: 'a', value: Buffer.alloc(24) });
    const txnId = await peer.local.capture(async (capture) => capture.txnId);
    expect(txnId).toBe(baseId);
  });
});
