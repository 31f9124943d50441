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
