import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { u32, u64 } from '../btree/fixture.ts';
import type { ApplicationWrite } from '../support/application/application.ts';
import type { Peer } from '../support/fleet/peer.ts';
import { makePeer } from '../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { shadowOf } from '../support/objects/shadow-entries.ts';

const { integerKey, dupSort, reverseKey } = DbiFlag;

function fill(keyOf: (id: number) => Buffer, flags: number): ApplicationWrite[] {
  return Array.from({ length: 50 }, (_, id) => ({ op: 'put', dbi: 'd', key: keyOf(id), value: 'v', flags }));
}

const text = (id: number): Buffer => Buffer.from(`key ${id * 7919}`);
const drop: ApplicationWrite = { op: 'drop', dbi: 'd', remove: true };

function withDbi(writes: ApplicationWrite[]): Peer {
  const peer = makePeer();
  peer.tracker.localRound();
  peer.write(...writes);
  peer.tracker.localRound();
  return peer;
}

describe('a DBI that is dropped and made again as another kind', () => {
  it.each([
    ['byte strings to integers', fill(text, 0), fill(u32, integerKey)],
    ['integers of another size, where byte strings came first', fill(u64, 0), fill(u32, integerKey)],
    ['byte strings to reversed ones', fill(text, 0), fill(text, reverseKey)],
    ['pairs to plain keys', fill(text, dupSort), fill(text, 0)],
  ])('%s: its shadow holds both', (_, before, after) => {
    const peer = withDbi(before);
    peer.write(drop, ...after);
    peer.tracker.localRound();
    peer.assertNothingMissed();
    peer.assertMainIsShadow();
    const alive = Object.values(shadowOf(peer, 'd')).filter(({ deleted }) => !deleted);
    expect(alive).toHaveLength(50);
  });

  it.each([
    ['integers to byte strings', fill(u64, integerKey), fill(text, 0)],
    ['integers to integers of another size', fill(u64, integerKey), fill(u32, integerKey)],
    ['plain keys to pairs', fill(u64, 0), fill(text, dupSort)],
  ])('%s: told, and nothing is written', (_, before, after) => {
    const peer = withDbi(before);
    const shadow = shadowOf(peer, 'd');
    peer.write(drop, ...after);
    expect(() => peer.tracker.localRound()).toThrow(/DBI d was made again as another kind/);
    expect(shadowOf(peer, 'd')).toEqual(shadow);
    peer.assertNoLeaks();
  });
});

describe('a DBI of pairs that is dropped, kept by the configuration, and made again', () => {
  it('gets all of them back, those with an empty key or duplicate too', () => {
    const peer = makePeer({ droppedDbis: 'keep' });
    const put = (key: string, value: string): ApplicationWrite => ({ op: 'put', dbi: 'd', key, value, flags: dupSort });
    peer.tracker.localRound();
    peer.write(put('k', ''), put('m', 'x'));
    peer.tracker.localRound();
    peer.write(drop);
    peer.tracker.localRound();
    peer.write(put('z', 'new'));
    peer.tracker.localRound();
    const keys = (): string[] => peer.mainDump().d!.map(([key]) => String(key));
    expect(keys()).toEqual(['k', 'm', 'z']);
    peer.tracker.fullScan();
    expect(keys()).toEqual(['k', 'm', 'z']);
    peer.assertMainIsShadow();
  });
});

describe('integer keys of a remote object', () => {
  it('of another size than those here, of which only deletion marks are left', async () => {
    const peer = withDbi([{ op: 'put', dbi: 'd', key: u64(1), value: 'v', flags: integerKey }]);
    peer.write({ op: 'del', dbi: 'd', key: u64(1) });
    peer.tracker.localRound();
    const object = objectOf([dbiOf('d', [{ key: u32(7), value: 'v', nano: peer.clock.nowNano() }], integerKey)]);
    await expect(peer.merge(object)).rejects.toThrow(/integer keys/);
    expect(Object.keys(shadowOf(peer, 'd'))).toHaveLength(1);
  });
});
