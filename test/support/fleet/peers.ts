import { onTestFinished } from 'vitest';
import { LockstepApplication } from '../application/lockstep-application.ts';
import { LogicalClock } from './logical-clock.ts';
import { Peer, type PeerOptions } from './peer.ts';

/** A peer of the running test's own, gone when the test has finished. */
export function makePeer(options: Partial<PeerOptions> = {}, clock: LogicalClock = new LogicalClock()): Peer {
  const application = LockstepApplication.start();
  const peer = new Peer(application, clock, { native: false, lockMaxMs: 0, pages: true, ...options });
  onTestFinished(async () => {
    peer.dispose();
    await application.stop();
  });
  return peer;
}

/** The application commits one entry of the DBI `d`. */
export function put(peer: Peer, key: string, value: string): void {
  peer.write({ op: 'put', dbi: 'd', key, value });
}

/** With a shadow already, and one recorded entry: `a` is `first`. */
export function startedPeer(options: Partial<PeerOptions> = {}): Peer {
  const peer = makePeer(options);
  peer.tracker.localRound();
  put(peer, 'a', 'first');
  peer.tracker.localRound();
  return peer;
}
