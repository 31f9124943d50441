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
