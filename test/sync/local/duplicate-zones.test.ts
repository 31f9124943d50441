import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { zone, zoneV5 } from '../../events/support.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

const FROM_B = 'main__b__20220102-030405-012345678__GX.pb.gz';
const flags = DbiFlag.dupSort;

function bytesOf(bytes: Uint8Array | undefined): Buffer {
  return Buffer.from(bytes ?? []);
}

/** The application makes a zone of schema 4. */
function make(peer: Peer, name: string, id: number): void {
  const { key, value } = zone(name, id);
  const [latin1Key, latin1Value] = [bytesOf(key).toString('latin1'), bytesOf(value).toString('latin1')];
  peer.write({ op: 'put', dbi: 'domains_0', key: latin1Key, value: latin1Value, flags });
}

/** What was told of zones that exist twice, oldest first. */
function told(peer: Peer): (readonly string[])[] {
  return peer.events.splice(0).flatMap((event) => (event.type === 'duplicateZones' ? [event.zones] : []));
}

describe('two zones of one name', () => {
  it.each([true, false])(
    'schema 4: told as soon as both are there, and when one is gone (pages: %s)',
    async (pages) => {
      const peer = makePeer({ pages });
      make(peer, 'one.example', 1);
      make(peer, 'two.example', 2);
      await peer.local.localRound();
      expect(told(peer)).toEqual([]);
      const { key, value } = zone('one.example', 77);
      const shadowKey = Buffer.concat([bytesOf(key), Buffer.alloc(4), bytesOf(value), Buffer.from([key.length])]);
      const entry = { key: shadowKey, value: bytesOf(value), nano: peer.clock.nowNano() };
      const theirs = objectOf([dbiOf('domains_0', [entry], flags, 'dupsort_hack_v1')]);
      await peer.merge(theirs, FROM_B);
      expect(told(peer)).toEqual([['one.example']]);
      expect(peer.status.duplicateZones).toEqual(['one.example']);
      make(peer, 'other.example', 3);
      await peer.local.localRound();
      expect(told(peer), 'the same is told once').toEqual([]);
      peer.restart();
      await peer.local.localRound();
      expect(told(peer), 'at a start').toEqual([['one.example']]);
      peer.write({
        op: 'del',
        dbi: 'domains_0',
        key: bytesOf(key).toString('latin1'),
        value: bytesOf(value).toString('latin1'),
      });
      await peer.local.localRound();
      expect(told(peer)).toEqual([[]]);
    },
  );

  it('schema 5 and later: a zone that is marked deleted does not count', async () => {
    const peer = makePeer({ native: true });
    await peer.local.localRound();
    const nano = peer.clock.nowNano();
    const entry = (id: number, value: string | undefined, at: bigint) => ({
      key: bytesOf(zoneV5('one.example', id).key),
      value,
      nano: at,
    });
    await peer.merge(objectOf([dbiOf('domains_v5_0', [entry(1, 'x', nano)])]), FROM_B);
    expect(told(peer)).toEqual([]);
    await peer.merge(objectOf([dbiOf('domains_v5_0', [entry(2, 'x', nano)])]), FROM_B);
    expect(told(peer)).toEqual([['one.example']]);
    await peer.merge(objectOf([dbiOf('domains_v5_0', [entry(1, undefined, nano + 1n)])]), FROM_B);
    expect(told(peer)).toEqual([[]]);
  });
});
