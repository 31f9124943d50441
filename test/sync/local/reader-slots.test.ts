import { describe, expect, it } from 'vitest';
import { ReadersFullError } from '../../../src/lmdb/index.ts';
import { isPassing } from '../../../src/sync/local/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

/** The application opens first, and so decides how many slots there are. */
const withSlots = (maxReaders: number): Peer => makePeer({ pages: maxReaders >= 4, application: { maxReaders } });

describe('few slots in the reader table', () => {
  it.each([1, 2, 3, 4])('%i: changes are recorded, merged and published', async (slots) => {
    const peer = withSlots(slots);
    await peer.local.localRound();
    put(peer, 'a', 'mine');
    await peer.local.localRound();
    await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: 'theirs', nano: peer.clock.nowNano() }])]));
    // The application commits between our look and our lock.
    peer.beforeLock.push(() => put(peer, 'c', 'meanwhile'));
    put(peer, 'a', 'mine again');
    await peer.local.localRound();
    await peer.local.localRound();
    const counts = await peer.local.capture(async (capture) => {
      const recording = slots < 4 ? undefined : peer.local.localRound();
      const keys: string[] = [];
      for (const source of capture.sources()) {
        const cursor = source.open();
        while (cursor.next()) keys.push(cursor.keyBuffer.toString('utf8', cursor.keyStart, cursor.keyEnd));
        cursor.close?.();
      }
      await recording;
      return keys;
    });
    expect(counts).toEqual(['a', 'b', 'c']);
    await peer.local.fullScan();
    await peer.local.sweep(new AbortController().signal);
    expect(peer.status.fullScanDifferences).toBe(0);
    expect(peer.mainDump().d).toEqual([
      ['a', 'mine again'],
      ['b', 'theirs'],
      ['c', 'meanwhile'],
    ]);
    expect(peer.events.filter(({ type }) => type === 'fewReaderSlots')).toHaveLength(slots < 4 ? 1 : 0);
    peer.assertMainIsShadow();
    peer.assertNoLeaks();
  });

  it.each([1, 2])('the application keeps all %i for good: everything is read under the write lock', async (slots) => {
    const peer = withSlots(slots);
    put(peer, 'a', '1');
    const read = peer.application.holdRead(slots);
    await peer.local.localRound();
    put(peer, 'a', '2');
    await peer.local.localRound();
    await peer.merge(objectOf([dbiOf('d', [{ key: 'b', value: 'theirs', nano: peer.clock.nowNano() }])]));
    await peer.local.capture(async (capture) => {
      expect(capture.sources().map(({ name }) => name)).toEqual(['d']);
    });
    await peer.local.fullScan();
    expect(peer.status.fullScanDifferences).toBe(0);
    expect(peer.environment.openTransactions).toBe(0);
    const writable = peer.application.put('d', 'c', 'the lock is free');
    expect(writable).toBe(peer.environment.info().lastTxnId);
    expect(peer.local.hasNews).toBe(true);
    peer.application.releaseRead(read);
    expect(peer.application.texts('d')).toEqual({ a: '2', b: 'theirs', c: 'the lock is free' });
  });

  it('the application takes all of many: the same', async () => {
    const peer = withSlots(8);
    await peer.local.localRound();
    put(peer, 'a', '1');
    const reads = peer.application.holdRead(7);
    const failed = await peer.local.localRound().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ReadersFullError);
    expect(isPassing(failed)).toBe(true);
    for (let read = reads; read < reads + 7; read++) peer.application.releaseRead(read);
    await peer.local.localRound();
    peer.assertMainIsShadow();
    peer.assertNoLeaks();
  });
});
