import { expect, it } from 'vitest';
import { collectPending, KeySet } from '../../src/shadow/index.ts';
import { makePeer } from '../support/fleet/peers.ts';

it('pending keys are bounded, and a new DBI has none: everything is compared instead', () => {
  const peer = makePeer();
  peer.tracker.localRound();
  const before = peer.tracker.views.hold();
  peer.write({ op: 'fill', dbi: 'd', prefix: 'k', from: 0, count: 100, valueBytes: 10 });
  const created = peer.tracker.views.hold();
  peer.write({ op: 'fill', dbi: 'd', prefix: 'l', from: 0, count: 100, valueBytes: 10 });
  const grown = peer.tracker.views.hold();
  try {
    const small = new KeySet(1000);
    collectPending(created, grown, small);
    expect([small.hasOverflowed, small.isEmpty, small.count]).toEqual([true, false, 0]);
    const large = new KeySet();
    collectPending(created, grown, large);
    expect([large.hasOverflowed, large.isEmpty, large.count]).toEqual([false, false, 100]);
    collectPending(before, created, large);
    expect(large.hasOverflowed).toBe(true);
    large.clear();
    expect(large.isEmpty).toBe(true);
  } finally {
    for (const held of [before, created, grown]) held.release();
  }
});
