import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { type DbiSource, encodeSnapshot, toTimestampNano } from '../../../src/snapshot/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

const COUNT = 500;
const put = (dbi: string, key: string, value: string, flags = 0) => ({ op: 'put', dbi, key, value, flags }) as const;
const keyOf = (index: number): string => `k${String(index).padStart(3, '0')}`;

function filled(dbis: Record<string, number>, options: Parameters<typeof makePeer>[0] = {}): Peer {
  const peer = makePeer({ lockMaxMs: 1, ...options });
  for (const [dbi, flags] of Object.entries(dbis)) {
    peer.write(...Array.from({ length: COUNT }, (_, index) => put(dbi, keyOf(index), `value ${index}`, flags)));
  }
  return peer;
}

interface Captured {
  /** DBIs that came packed. */
  readonly packed: readonly string[];
}

/** Makes the snapshot of what is captured, and once more in the ordinary way: both must be the same bytes. */
async function capture(peer: Peer): Promise<Captured> {
  return peer.local.capture(async ({ sources, txnId, timestampNano }) => {
    const meta = {
      generationId: 'GX',
      instanceId: 'a',
      hostname: 'h',
      databaseName: 'main',
      lmdbTxnId: BigInt(txnId),
      timestampNano: toTimestampNano(timestampNano),
      fromLmdbTxnId: 0n,
    };
    const bytes = async (dbis: readonly DbiSource[]): Promise<Buffer> => {
      const parts: Buffer[] = [];
      for await (const part of encodeSnapshot(meta, dbis, { memberSizeBytes: 4096 })) parts.push(part);
      return gunzipSync(Buffer.concat(parts));
    };
    const ready = sources();
    const plain = ready.map(({ name, flags, transform, open }) => ({ name, flags, transform, open }));
    expect((await bytes(ready)).equals(await bytes(plain))).toBe(true);
    return { packed: ready.filter(({ packed }) => packed).map(({ name }) => name) };
  });
}

describe('what the first filling copies is packed for the snapshot that follows it', () => {
  it('every DBI in whose order its shadow is', async () => {
    const peer = filled({ a: 0, b: DbiFlag.reverseKey, c: 0, d: DbiFlag.dupSort, e: 0 });
    await peer.local.localRound();
    expect(peer.locks).toBeGreaterThan((5 * COUNT) / 64 - 1);
    expect((await capture(peer)).packed).toEqual(['a', 'c', 'e']);
    peer.assertMainIsShadow();
    peer.assertNothingMissed();
    peer.assertNoLeaks();
    // It is used once.
    expect((await capture(peer)).packed).toEqual([]);
  });

  it('not when somebody commits between two slices, or before the first', async () => {
    for (const slice of [0, 1, 4]) {
      const peer = filled({ a: 0 });
      peer.beforeLock.push(...Array.from({ length: slice }, () => () => {}), () => {
        peer.write(put('a', keyOf(3), 'other'), put('a', keyOf(490), 'other'));
      });
      await peer.local.localRound();
      expect((await capture(peer)).packed).toEqual([]);
      peer.assertInStep();
    }
  });

  it('not when somebody commits after the last slice: the view that is captured is another one', async () => {
    const peer = filled({ a: 0 });
    await peer.local.localRound();
    peer.write(put('a', keyOf(3), 'other'));
    expect((await capture(peer)).packed).toEqual([]);
    const next = filled({ a: 0 });
    await next.local.localRound();
    next.write(put('a', keyOf(3), 'other'));
    await next.local.localRound();
    expect((await capture(next)).packed).toEqual([]);
    next.assertInStep();
  });

  it('not when a slice was done again, in a map that was full', async () => {
    const peer = filled({ a: 0 });
    peer.beforeLock.push(
      () => {},
      () => {},
      () => {
        peer.failsNextLock = true;
      },
    );
    await peer.local.localRound().catch(() => peer.local.localRound());
    expect((await capture(peer)).packed).toEqual([]);
    peer.assertInStep();
  });

  it('not when it goes on after a kill: what was copied before is not at hand', async () => {
    const peer = filled({ a: 0 });
    peer.beforeLock.push(
      () => {},
      () => {},
      () => {
        throw new Error('killed by the test');
      },
    );
    await expect(peer.local.localRound()).rejects.toThrow('killed by the test');
    peer.restart();
    await peer.local.localRound();
    expect((await capture(peer)).packed).toEqual([]);
    peer.assertInStep();
  });

  it('not when a peer has brought a later time, or a mark, which changes nothing in main', async () => {
    for (const sidecar of [false, true]) {
      for (const brought of [
        { key: keyOf(3), value: 'value 3' },
        { key: 'gone', value: undefined },
      ]) {
        const peer = filled({ a: 0 }, { sidecar });
        await peer.local.localRound();
        const { txnId } = peer.local;
        const nano = peer.clock.nowNano() + 1n;
        const { written } = await peer.merge(objectOf([dbiOf('a', [{ ...brought, nano }])]));
        expect(written).toBe(1);
        if (sidecar) expect(peer.local.txnId).toBe(txnId);
        expect((await capture(peer)).packed).toEqual([]);
        peer.assertInStep();
        peer.assertNoLeaks();
      }
    }
  });

  it('not in one transaction, and not with cursors', async () => {
    for (const options of [{ lockMaxMs: 0 }, { pages: false }]) {
      const peer = filled({ a: 0 }, options);
      await peer.local.localRound();
      expect((await capture(peer)).packed).toEqual([]);
      peer.assertMainIsShadow();
    }
  });

  it('beside a sidecar, too, also when somebody commits meanwhile: what is published is one view', async () => {
    const peer = filled({ a: 0, d: DbiFlag.dupSort, e: 0 }, { sidecar: true });
    await peer.local.localRound();
    peer.write(put('a', keyOf(3), 'other'));
    expect((await capture(peer)).packed).toEqual(['a', 'e']);
    peer.assertInStep();
  });
});
