import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { makePeer } from '../../support/fleet/peers.ts';

describe.each([true, false])('counts of LMDB (pages: %s)', (pages) => {
  it('have no DBIs before the first look, and all of them after it', async () => {
    const peer = makePeer({ pages });
    peer.write({ op: 'put', dbi: 'plain', key: 'a', value: '1' });
    peer.write({ op: 'put', dbi: 'many', key: Buffer.of(1, 0, 0, 0), value: '1', flags: DbiFlag.integerKey });
    const before = await peer.local.lmdbStats();
    expect(before.dbis).toEqual([]);
    expect(before.maxReaders).toBeGreaterThan(0);
    await peer.local.localRound();
    const { dbis, path, fileSizeBytes, pageSizeBytes, lastTxnId } = await peer.local.lmdbStats();
    const counts = { entries: 1, depth: 1, branchPages: 0, leafPages: 1, overflowPages: 0 };
    expect(dbis.filter(({ name }) => !name.startsWith('_sync_'))).toEqual([
      { name: 'many', flags: ['MDB_INTEGERKEY'], ...counts },
      { name: 'plain', flags: [], ...counts },
    ]);
    expect(path).toMatch(/data\.mdb$|\.lmdb$/);
    expect(fileSizeBytes).toBeGreaterThanOrEqual(2 * pageSizeBytes);
    expect(lastTxnId).toBe(peer.local.stats().lastTxnId);
  });
});

it('counts of a sidecar are there beside those of LMDB, which holds nothing of ours', async () => {
  const peer = makePeer({ sidecar: true });
  peer.write({ op: 'put', dbi: 'plain', key: 'a', value: '1' });
  peer.write({ op: 'put', dbi: 'other', key: 'b', value: '1' });
  expect((await peer.local.lmdbStats()).sidecar).toMatchObject({ entries: 0 });
  await peer.local.localRound();
  peer.write({ op: 'del', dbi: 'plain', key: 'a' });
  await peer.local.localRound();
  const { dbis, sidecar, path, fileSizeBytes } = await peer.local.lmdbStats();
  expect(dbis.map(({ name, entries }) => [name, entries])).toEqual([
    ['other', 1],
    ['plain', 0],
  ]);
  // A deletion mark is an entry.
  expect(sidecar).toMatchObject({ entries: 2 });
  expect(sidecar!.path).not.toBe(path);
  expect(sidecar!.fileSizeBytes).toBeGreaterThan(0);
  expect(fileSizeBytes).toBeGreaterThan(0);
});
