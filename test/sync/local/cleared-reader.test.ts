import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ReadersFullError } from '../../../src/lmdb/index.ts';
import { clearReaders } from '../../simulation/member/clear-readers.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

/** A process of another PID namespace takes our readers for dead, and the application writes until pages come round. */
function clear(peer: Peer, writes: number): void {
  expect(clearReaders(join(peer.folder, 'lock.mdb'))).toBeGreaterThan(0);
  for (let count = 0; count < writes; count++) put(peer, 'local', `write ${count}`);
}

// Pages have the same numbers again after three commits, or six ...: each count must be found out.
const COUNTS = [1, 2, 3, 4, 5, 6, 9, 12, 30];

describe('a reader that another process has cleared from the lock table (decision 3)', () => {
  it.each(COUNTS)(
    'before a round, with %i commits after it: all is recorded, and the next reader is protected',
    (n) => {
      const peer = startedPeer();
      clear(peer, n);
      peer.tracker.localRound();
      expect(peer.status.distrustedReaders).toBe(1);
      expect(shadowOf(peer, 'd').local).toMatchObject({ value: `write ${n - 1}` });
      // It must not have got the slot that the cleared one gives back.
      for (let round = 0; round < 3; round++) {
        put(peer, 'later', String(round));
        peer.tracker.localRound();
      }
      expect(peer.tracker.views.isTrusted(peer.tracker.base)).toBe(true);
      expect(peer.status.distrustedReaders).toBe(1);
      peer.assertInStep();
    },
  );

  it.each(COUNTS)('right before the lock of a merge, with %i commits: none of them is taken back (I3)', async (n) => {
    const peer = startedPeer();
    peer.beforeLock.push(() => clear(peer, n));
    const nano = peer.clock.nowNano() - 3_600_000_000_000n;
    await peer.merge(
      objectOf([
        dbiOf('d', [
          { key: 'local', value: 'older', nano },
          { key: 'remote', value: 'new', nano },
        ]),
      ]),
    );
    expect(peer.status.distrustedReaders).toBeGreaterThan(0);
    expect(shadowOf(peer, 'd')).toMatchObject({ local: { value: `write ${n - 1}` }, remote: { value: 'new' } });
    peer.assertMainIsShadow();
  });

  it.each(COUNTS)(
    'while a capture is read, with %i commits: nothing of it is used, and its keys are given back',
    async (n) => {
      const peer = startedPeer();
      const capturing = peer.local.capture(async (capture) => {
        clear(peer, n);
        capture.assertProtected();
      });
      await expect(capturing).rejects.toMatchObject({ code: 'READER_CLEARED' });
      await peer.local.localRound();
      const keys = await peer.local.capture(async (capture) => capture.unpublished);
      expect(keys.isEmpty).toBe(false);
      peer.assertInStep();
    },
  );

  it.each([false, true])('whose slot a reader of the application has taken: it keeps it (sidecar: %s)', (sidecar) => {
    const peer = startedPeer({ sidecar });
    clear(peer, 1);
    const read = peer.application.holdRead();
    const theirs = () =>
      peer.environment.readers().filter(({ pid, txnId }) => pid !== process.pid && txnId !== undefined);
    const before = theirs();
    expect(before).toHaveLength(1);
    peer.tracker.localRound();
    expect(theirs()).toEqual(before);
    put(peer, 'later', 'v');
    peer.assertInStep();
    expect(theirs()).toEqual(before);
    peer.application.releaseRead(read);
  });

  it.each([false, true])(
    'and no other can be had: what asks for the base fails in passing, and the next round goes on (sidecar: %s)',
    async (sidecar) => {
      const peer = startedPeer({ sidecar });
      clear(peer, 1);
      const { views } = peer.tracker;
      views.hold = () => {
        throw new ReadersFullError(126);
      };
      await expect(peer.local.localRound()).rejects.toThrow(ReadersFullError);
      expect(peer.local.hasNews).toBe(true);
      expect(peer.local.txnId).toBe(0);
      await expect(peer.local.capture(async () => {})).rejects.toThrow(ReadersFullError);
      // The prototype's own again.
      Reflect.deleteProperty(views, 'hold');
      await peer.local.capture(async ({ unpublished }) => expect(unpublished.isEmpty).toBe(false));
      await peer.local.localRound();
      peer.assertInStep();
      peer.assertNoLeaks();
    },
  );
});
