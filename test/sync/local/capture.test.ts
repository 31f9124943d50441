import { describe, expect, it } from 'vitest';
import type { KeySet } from '../../../src/shadow/index.ts';
import type { Capture } from '../../../src/sync/local/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer, put } from '../../support/fleet/peers.ts';

async function started(options: Parameters<typeof makePeer>[0] = {}): Promise<Peer> {
  const peer = makePeer(options);
  await peer.local.localRound();
  put(peer, 'a', 'first');
  await peer.local.localRound();
  return peer;
}

/** Keys of the entries that a capture holds, with their values. */
function entriesOf(capture: Capture, sources = capture.sources()): string[] {
  const entries: string[] = [];
  for (const source of sources) {
    const cursor = source.open();
    while (cursor.next()) {
      const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = cursor;
      entries.push(
        `${keyBuffer.toString('utf8', keyStart, keyEnd)}=${valueBuffer.toString('utf8', valueStart, valueEnd)}`,
      );
    }
    cursor.close?.();
  }
  return entries;
}

describe.each([true, false])('a capture (pages: %s)', (pages) => {
  it('never claims a time at which something was committed that it does not hold (I3)', async () => {
    const peer = await started({ pages });
    const { views } = peer.tracker;
    const hold = views.hold.bind(views);
    let committedNano = 0n;
    // The application commits as soon as the view is taken, and its change is recorded as soon as others may take a turn.
    views.hold = () => {
      views.hold = hold;
      const held = hold();
      put(peer, 'b', 'too late');
      committedNano = peer.clock.nowNano();
      return held;
    };
    const capturing = peer.local.capture(async (capture) => {
      if (pages) await peer.local.localRound();
      return { timestampNano: capture.timestampNano, entries: entriesOf(capture) };
    });
    const recording = peer.local.localRound();
    const { timestampNano, entries } = await capturing;
    await recording;
    expect(entries).toEqual(['a=first']);
    expect(timestampNano).toBeLessThan(committedNano);
    peer.assertNoLeaks();
  });

  it('tells what the view includes, although more is merged while it is read', async () => {
    const peer = await started({ pages });
    const included = new Map([['other', 5n]]);
    peer.included = included;
    const told = await peer.local.capture(async (capture) => {
      included.set('other', 9n);
      return capture.included;
    });
    expect([...told]).toEqual([['other', 5n]]);
  });

  it('hands over the keys that changed here, and what is given back comes with the next one', async () => {
    const peer = await started({ pages });
    const take = (): Promise<KeySet> => peer.local.capture(async (capture) => capture.unpublished);
    await take();
    put(peer, 'b', '2');
    await peer.local.localRound();
    const taken = await take();
    expect([taken.dbiNames, taken.count]).toEqual([['d'], 1]);
    put(peer, 'c', '3');
    await peer.local.localRound();
    peer.local.giveBack(taken);
    const entries = await peer.local.capture(async (capture) =>
      entriesOf(capture, capture.deltaSources(capture.unpublished)),
    );
    expect(entries).toEqual(['b=2', 'c=3']);
    expect((await take()).isEmpty).toBe(true);
  });

  it('that fails gives its keys back', async () => {
    const peer = await started({ pages });
    await expect(
      peer.local.capture(async () => {
        throw new Error('planned by the test');
      }),
    ).rejects.toThrow('planned by the test');
    expect((await peer.local.capture(async (capture) => capture.unpublished)).isEmpty).toBe(false);
    peer.assertNoLeaks();
  });
});

describe('the base', () => {
  it('never moves past a commit that was made between our commit and the next reader', () => {
    const peer = makePeer({ pages: true });
    peer.tracker.localRound();
    put(peer, 'a', '1');
    const { views } = peer.tracker;
    const hold = views.hold.bind(views);
    let left = 0;
    peer.beforeLock.push(() => {
      left = 2;
    });
    views.hold = () => {
      // The reader under the lock, then the one after the commit: just before that the application commits.
      if (left > 0 && --left === 0) put(peer, 'b', 'between');
      return hold();
    };
    peer.tracker.localRound();
    views.hold = hold;
    expect(peer.tracker.hasNews).toBe(true);
    expect(peer.tracker.localRound()).toBe(true);
    peer.assertMainIsShadow();
    peer.assertNothingMissed();
  });

  it('is never compared with when it is no longer in the lock table, although its pages look the same', () => {
    const peer = makePeer({ pages: true });
    peer.tracker.localRound();
    put(peer, 'a', '1');
    peer.tracker.localRound();
    const readers = peer.environment.readers.bind(peer.environment);
    peer.environment.readers = () => [];
    put(peer, 'b', '2');
    peer.tracker.localRound();
    peer.environment.readers = readers;
    expect(peer.status.distrustedReaders).toBe(1);
    peer.assertMainIsShadow();
  });
});
