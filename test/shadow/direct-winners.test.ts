import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { DirectWinners } from '../../src/shadow/index.ts';
import { PlannedWrite } from '../../src/shadow/planned.ts';
import { toTimestampNano } from '../../src/snapshot/index.ts';
import { writeWithLibrary } from '../snapshot/second-codec.ts';
import { META } from '../snapshot/support.ts';
import { makePeer } from '../support/fleet/peers.ts';
import { dbiOf } from '../support/objects/objects.ts';

const DBI = { name: 'd', flags: 0, createsMain: true, fillsEmpty: true };

function write(): PlannedWrite {
  const one = new PlannedWrite();
  one.setKey(Buffer.from('k'), 0, 1);
  one.setTime(1, 1);
  one.setValue(Buffer.from('v'), 0, 1);
  one.writesMain = true;
  return one;
}

it('says why it gave up, and writes nothing after that', () => {
  const peer = makePeer();
  for (const [giveUp, outcome] of [
    [(winners: DirectWinners) => winners.noteDisorder(), 'disordered'],
    [(winners: DirectWinners) => winners.restart(), 'restarted'],
  ] as const) {
    peer.environment.write((transaction) => {
      const winners = new DirectWinners(transaction, { native: false, extraBlocks: 0 }, () => {});
      winners.addDbi(DBI);
      giveUp(winners);
      winners.add(write());
      expect([winners.outcome, winners.count]).toEqual([outcome, 0]);
      expect(() => winners.finish()).toThrow(TypeError);
      winners.restart();
      winners.noteDisorder();
      expect(winners.outcome).toBe('restarted');
    });
  }
  expect(peer.mainDump()).toEqual({});
});

it('an object whose header fields stand behind its entries is merged the usual way', async () => {
  const peer = makePeer();
  peer.tracker.localRound();
  const nano = 1_700_000_000_000_000_000n;
  const dbis = [dbiOf('d', [{ key: 'k', value: 'v', nano }])];
  const meta = { ...META, timestampNano: toTimestampNano(nano) };
  const bytes = writeWithLibrary({ formatVersion: 3, compatVersion: 1, meta, dbis }, (fields) => [...fields].reverse());
  expect((await peer.merge(gzipSync(bytes))).written).toBe(1);
  expect(peer.mainDump()).toEqual({ d: [['k', 'v']] });
  peer.assertMainIsShadow();
});
