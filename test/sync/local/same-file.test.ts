import { renameSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Environment } from '../../../src/lmdb/index.ts';
import { DataFileReplacedError } from '../../../src/sync/local/same-file.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

async function started(pages = true): Promise<Peer> {
  const peer = makePeer({ pages });
  await peer.local.localRound();
  peer.write({ op: 'put', dbi: 'd', key: 'recorded', value: '1' });
  await peer.local.localRound();
  return peer;
}

/** Another file takes the name of the one that is open; the lock file stays. */
function replace(peer: Peer): void {
  renameSync(peer.dataPath, `${peer.dataPath}.old`);
  Environment.open(peer.dataPath, { noSubdir: true, create: true, noSync: true }).close();
}

describe('the data file is another one now', () => {
  it('is told, whether there is one or none', async () => {
    const peer = await started();
    peer.local.assertSameFile();
    renameSync(peer.dataPath, `${peer.dataPath}.old`);
    expect(() => peer.local.assertSameFile()).toThrow(/data\.mdb is gone/);
    Environment.open(peer.dataPath, { noSubdir: true, create: true }).close();
    expect(() => peer.local.assertSameFile()).toThrow(DataFileReplacedError);
    expect(() => peer.local.assertSameFile()).toThrow(/is another file now/);
    renameSync(`${peer.dataPath}.old`, peer.dataPath);
    peer.local.assertSameFile();
  });

  it('nothing is written to the old one any more: neither a local change nor a remote object', async () => {
    const peer = await started();
    peer.write({ op: 'put', dbi: 'd', key: 'not recorded', value: '1' });
    const before = peer.environment.info().lastTxnId;
    replace(peer);
    await expect(peer.local.localRound()).rejects.toThrow(DataFileReplacedError);
    await expect(peer.merge(objectOf([dbiOf('d', [{ key: 'k', value: 'v', nano: 5n }])]))).rejects.toThrow(
      DataFileReplacedError,
    );
    expect(peer.environment.info().lastTxnId).toBe(before);
    peer.assertNoLeaks();
  });

  it('what was recorded before can still be taken from the old one and published', async () => {
    const peer = await started();
    replace(peer);
    const entries = await peer.local.capture(async (capture) => {
      const cursor = capture
        .sources()
        .find(({ name }) => name === 'd')!
        .open();
      const keys: string[] = [];
      while (cursor.next()) keys.push(cursor.keyBuffer.toString('utf8', cursor.keyStart, cursor.keyEnd));
      return keys;
    });
    expect(entries).toEqual(['recorded']);
    peer.assertNoLeaks();
  });

  it('with cursors nothing is held that could be published: the capture fails', async () => {
    const peer = await started(false);
    replace(peer);
    await expect(peer.local.capture(async () => undefined)).rejects.toThrow(DataFileReplacedError);
    peer.assertNoLeaks();
  });
});
