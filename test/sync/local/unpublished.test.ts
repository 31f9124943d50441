import { describe, expect, it } from 'vitest';
import type { ShownState } from '../../../src/sync/local/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';

const put = (peer: Peer, key: string, value = 'v'): void => peer.write({ op: 'put', dbi: 'd', key, value });

/** The state that an object made now would show. */
function shownNow(peer: Peer): ShownState {
  const { id, takenNano } = peer.tracker.base;
  return { txnId: id, timestampNano: takenNano };
}

/** Keys that count as unpublished after a kill; `many`: they cannot be named. */
async function afterKill(peer: Peer, shown: ShownState | undefined): Promise<string[] | 'many'> {
  peer.restart();
  await peer.local.localRound();
  await peer.local.collectUnpublished(shown);
  const keys = peer.tracker.takeUnpublished();
  if (keys.hasOverflowed) return 'many';
  return ['a', 'b', 'c', 'd'].filter((key) => keys.has('d', Buffer.from(key), 0, key.length));
}

async function started(options: { readonly pages: boolean; readonly sidecar: boolean }): Promise<Peer> {
  const peer = makePeer(options);
  await peer.local.localRound();
  for (const key of ['a', 'b']) put(peer, key);
  await peer.local.localRound();
  return peer;
}

const KINDS = [
  { pages: true, sidecar: false },
  { pages: false, sidecar: false },
  { pages: true, sidecar: true },
];

describe.each(KINDS)('what is unpublished after a kill (pages: $pages, sidecar: $sidecar)', (options) => {
  it('is nothing when our newest object shows all that is here', async () => {
    const peer = await started(options);
    expect(await afterKill(peer, shownNow(peer))).toEqual([]);
  });

  it('is what was recorded after it, and what was changed while nobody looked; deletions too', async () => {
    const peer = await started(options);
    const shown = shownNow(peer);
    put(peer, 'c');
    peer.write({ op: 'del', dbi: 'd', key: 'a' });
    await peer.local.localRound();
    put(peer, 'd');
    expect(await afterKill(peer, shown)).toEqual(['a', 'c', 'd']);
  });

  it('is also what was deleted last, when nothing else is left', async () => {
    const peer = await started(options);
    const shown = shownNow(peer);
    peer.write({ op: 'del', dbi: 'd', key: 'a' }, { op: 'del', dbi: 'd', key: 'b' });
    await peer.local.localRound();
    expect(await afterKill(peer, shown)).toEqual(['a', 'b']);
  });

  it('is everything when no object of ours is there, or one of another LMDB (a restored backup)', async () => {
    const peer = await started(options);
    const { txnId, timestampNano } = shownNow(peer);
    expect(await afterKill(peer, undefined)).toBe('many');
    expect(await afterKill(peer, { txnId: txnId + 1000, timestampNano })).toBe('many');
  });

  it('is also what has a later time, although its transaction seems to be an older one', async () => {
    const peer = await started(options);
    const { txnId } = shownNow(peer);
    expect(await afterKill(peer, { txnId, timestampNano: 1n })).toEqual(['a', 'b']);
  });

  it('is nothing in an LMDB that was empty at the start: what is merged then is of others', async () => {
    const full = await started(options);
    const object = await full.snapshot();
    const peer = makePeer(options);
    await peer.local.localRound();
    await peer.merge(object);
    await peer.local.collectUnpublished(undefined);
    expect(peer.tracker.takeUnpublished().isEmpty).toBe(true);
  });
});
