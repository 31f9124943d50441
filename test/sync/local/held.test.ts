import { describe, expect, it } from 'vitest';
import { CorruptPageError } from '../../../src/btree/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { put, startedPeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';
import { shadowOf } from '../../support/objects/shadow-entries.ts';

/** From now on a view's pages are damaged, as a custom comparator or a broken disk would make them look. */
function spoilPages(peer: Peer): void {
  const { views } = peer.tracker;
  const hold = views.hold.bind(views);
  const damaged = new Proxy(
    {},
    {
      get: (_, property) => {
        if (property === 'isIntact') return () => true;
        throw new CorruptPageError(7, 'planted');
      },
    },
  );
  views.hold = () => {
    const held = hold();
    Object.defineProperty(held, 'pages', { value: damaged });
    return held;
  };
}

describe('a page that cannot be read (decision 3): cursors read on', () => {
  const changesOf = (peer: Peer): number => peer.events.filter(({ type }) => type === 'localChange').length;

  it('a local change is recorded all the same, and later ones', async () => {
    const peer = startedPeer();
    spoilPages(peer);
    put(peer, 'a', 'second');
    const before = changesOf(peer);
    await peer.local.localRound();
    expect(changesOf(peer)).toBe(before + 1);
    expect(peer.tracker.views.isPaged).toBe(false);
    put(peer, 'b', 'third');
    await peer.local.localRound();
    expect(changesOf(peer)).toBe(before + 2);
    expect(shadowOf(peer, 'd').a).toMatchObject({ value: 'second' });
    expect(shadowOf(peer, 'd').b).toMatchObject({ value: 'third' });
    peer.assertMainIsShadow();
  });

  it('a remote object is merged all the same', async () => {
    const peer = startedPeer();
    spoilPages(peer);
    put(peer, 'a', 'second');
    const nano = peer.clock.nowNano() + 3_600_000_000_000n;
    const result = await peer.merge(objectOf([dbiOf('d', [{ key: 'r', value: 'theirs', nano }])]));
    expect(result.written).toBe(1);
    expect(peer.tracker.views.isPaged).toBe(false);
    expect(peer.mainDump()).toEqual({
      d: [
        ['a', 'second'],
        ['r', 'theirs'],
      ],
    });
    peer.assertMainIsShadow();
  });

  it('any other error is passed on, and pages stay in use', () => {
    const peer = startedPeer();
    expect(peer.tracker.fallBack(new Error('another'))).toBe(false);
    expect(peer.tracker.views.isPaged).toBe(true);
  });
});
