import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import type { ChangeEventBody } from '../../../src/sync/status/index.ts';
import type { Peer } from '../../support/fleet/peer.ts';
import { makePeer } from '../../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../../support/objects/objects.ts';

const LISTENING = { maxKeys: 100, namesZones: false };
/** Of such a value a sidecar keeps a digest. */
const LONG = 'x'.repeat(300);
const FROM_B = 'main__b__20220102-030405-012345678__GX.pb.gz';

const put = (peer: Peer, key: string, value: string): void => peer.write({ op: 'put', dbi: 'd', key, value });

async function started(options: Parameters<typeof makePeer>[0] = {}): Promise<Peer> {
  const peer = makePeer({ changes: LISTENING, ...options });
  put(peer, 'a', 'first');
  await peer.local.localRound();
  peer.changes.length = 0;
  return peer;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** `remote b: d +a -b` */
function shown({ origin, dbis }: ChangeEventBody): string {
  const who = origin.kind === 'remote' ? `remote ${origin.instanceId}` : origin.kind;
  const what = dbis.map(({ name, keys }) => {
    const texts = keys?.map(({ key, value, kind }) => {
      const sign = kind === 'put' ? '+' : '-';
      return `${sign}${text(key)}${value ? `=${text(value)}` : ''}`;
    });
    return [name, ...(texts ?? ['many'])].join(' ');
  });
  return `${who}: ${what.join(', ')}`;
}

const told = (peer: Peer): string[] => peer.changes.splice(0).map(shown);

/** Later than whatever the peer has stamped. */
const later = (peer: Peer): bigint => peer.clock.nowNano() + 500_000_000n;

describe.each([false, true])('changes are told (sidecar: %s)', (sidecar) => {
  it('of the application, with their kind', async () => {
    const peer = await started({ sidecar });
    peer.write({ op: 'put', dbi: 'd', key: 'b', value: '1' }, { op: 'put', dbi: 'e', key: 'x', value: '1' });
    await peer.local.localRound();
    expect(told(peer)).toEqual(['local: d +b, e +x']);
    peer.write({ op: 'del', dbi: 'd', key: 'a' }, { op: 'put', dbi: 'd', key: 'b', value: '2' });
    await peer.local.localRound();
    expect(told(peer)).toEqual(['local: d -a +b']);
    await peer.local.localRound();
    expect(told(peer), 'nothing has changed').toEqual([]);
    peer.assertNoLeaks();
  });

  it('of another instance: its winners only, after the commit', async () => {
    const peer = await started({ sidecar });
    put(peer, 'b', 'mine');
    await peer.local.localRound();
    peer.changes.length = 0;
    const entries = [
      { key: 'a', value: undefined, nano: later(peer) },
      { key: 'b', value: 'old', nano: 1n },
      { key: 'c', value: 'new', nano: later(peer) },
    ];
    await peer.merge(objectOf([dbiOf('d', entries)]), FROM_B);
    const [event] = peer.changes;
    expect(event!.txnId).toBe(peer.local.txnId);
    expect(told(peer)).toEqual(['remote b: d -a +c']);
    await peer.merge(objectOf([dbiOf('d', entries)]), FROM_B);
    expect(told(peer), 'it brings nothing new').toEqual([]);
  });

  it('never of what was rolled back', async () => {
    const peer = await started({ sidecar });
    peer.failsNextLock = true;
    const object = objectOf([dbiOf('d', [{ key: 'c', value: 'new', nano: later(peer) }])]);
    await expect(peer.merge(object, FROM_B)).rejects.toThrow();
    expect(told(peer)).toEqual([]);
    await peer.merge(object, FROM_B);
    expect(told(peer)).toEqual(['remote b: d +c']);
  });

  it('each of its own origin, when the application writes before the lock of a merge', async () => {
    const peer = await started({ sidecar });
    peer.beforeLock.push(() => put(peer, 'x', 'mine'));
    await peer.merge(objectOf([dbiOf('d', [{ key: 'c', value: 'new', nano: later(peer) }])]), FROM_B);
    const [first, second] = peer.changes;
    expect(second!.txnId, 'everything is told with the second one').toBe(peer.local.txnId);
    expect(first!.txnId, 'and not with the first: it may be the only one before a kill').toBeLessThan(second!.txnId);
    expect(told(peer)).toEqual(['local: d +x', 'remote b: d +c']);
  });

  it('of both, when the application writes right after the commit of a merge', async () => {
    const peer = await started({ sidecar });
    peer.afterLock.push(() => put(peer, 'x', 'mine'));
    await peer.merge(objectOf([dbiOf('d', [{ key: 'c', value: 'new', nano: later(peer) }])]), FROM_B);
    expect(told(peer), 'there is no view of it alone').toEqual([]);
    await peer.local.localRound();
    expect(told(peer)).toEqual(['remote b: d +c', 'local: d +x']);
  });

  it('of the application alone, when it overwrites or deletes right after the commit what a merge has brought', async () => {
    const peer = await started({ sidecar });
    const nano = later(peer);
    const entries = ['a', 'c', 'e'].map((key) => ({ key, value: `${LONG}new`, nano }));
    peer.afterLock.push(() =>
      peer.write({ op: 'put', dbi: 'd', key: 'c', value: `${LONG}mine` }, { op: 'del', dbi: 'd', key: 'a' }),
    );
    await peer.merge(objectOf([dbiOf('d', entries)]), FROM_B);
    await peer.local.localRound();
    expect(told(peer)).toEqual(['remote b: d +e', 'local: d -a +c']);
    peer.assertNoLeaks();
  });

  it('of both all of it, where nothing tells them apart: pairs of a DUPSORT DBI', async () => {
    const peer = await started({ sidecar });
    const flags = DbiFlag.dupSort;
    const pair = (value: string) => ({ op: 'put', dbi: 'p', key: 'k', value, flags }) as const;
    peer.write(pair('1'));
    await peer.local.localRound();
    peer.changes.length = 0;
    peer.afterLock.push(() => peer.write(pair('2')));
    await peer.merge(objectOf([dbiOf('d', [{ key: 'c', value: 'new', nano: later(peer) }])]), FROM_B);
    await peer.local.localRound();
    expect(told(peer)).toEqual(['remote b: d +c, p +k=2', 'local: p +k=2']);
  });

  it('of an empty instance that joins, and with too many keys by the names of DBIs', async () => {
    const peer = makePeer({ sidecar, changes: { ...LISTENING, maxKeys: 3 } });
    await peer.local.localRound();
    const nano = later(peer);
    const entries = ['a', 'b', 'c'].map((key) => ({ key, value: '1', nano }));
    await peer.merge(objectOf([dbiOf('d', entries)]), FROM_B);
    expect(told(peer)).toEqual(['remote b: d +a +b +c']);
    const more = ['p', 'q'].map((key) => ({ key, value: '1', nano }));
    await peer.merge(objectOf([dbiOf('d', more), dbiOf('e', more)]), FROM_B);
    expect(told(peer)).toEqual(['remote b: d many, e many']);
  });

  it('of pairs of a DUPSORT DBI, and of a DBI that is dropped and made again', async () => {
    const peer = await started({ sidecar });
    const flags = DbiFlag.dupSort;
    const pair = (value: string) => ({ op: 'put', dbi: 'p', key: 'k', value, flags }) as const;
    peer.write(pair('1'), pair('2'));
    await peer.local.localRound();
    expect(told(peer)).toEqual(['local: p +k=1 +k=2']);
    peer.write({ op: 'del', dbi: 'p', key: 'k', value: '1' });
    await peer.local.localRound();
    expect(told(peer)).toEqual(['local: p -k=1']);
    peer.write({ op: 'drop', dbi: 'd' });
    await peer.local.localRound();
    expect(told(peer)).toEqual(['local: d -a']);
  });
});

it('a merge whose intents cannot be removed after the commit is told as a merge, once', async () => {
  const peer = await started({ sidecar: true });
  const object = objectOf([dbiOf('d', [{ key: 'c', value: LONG, nano: later(peer) }])]);
  peer.atPoint = (point) => {
    if (point === 'main committed') throw new Error('planned by the test');
  };
  await expect(peer.merge(object, FROM_B)).rejects.toThrow('planned by the test');
  peer.atPoint = () => {};
  expect(told(peer)).toEqual(['remote b: d +c']);
  await peer.local.localRound();
  put(peer, 'x', 'mine');
  await peer.merge(object, FROM_B);
  expect(told(peer)).toEqual(['local: d +x']);
  peer.assertInStep();
});

describe('changes are told where there is no sidecar', () => {
  it('in native mode, where a deletion is a value with a mark', async () => {
    const peer = makePeer({ native: true, changes: LISTENING });
    await peer.local.localRound();
    const nano = later(peer);
    await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: '1', nano }])]), FROM_B);
    expect(told(peer)).toEqual(['remote b: d +a']);
    await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: undefined, nano: nano + 1n }])]), FROM_B);
    expect(told(peer)).toEqual(['remote b: d -a']);
  });

  it('by cursors without keys', async () => {
    const peer = await started({ pages: false });
    put(peer, 'b', '1');
    await peer.local.localRound();
    expect(told(peer).at(-1)).toEqual('local: d many');
    peer.assertNoLeaks();
  });

  it('without keys after the pages turned out to be unreadable', async () => {
    const peer = await started();
    const { CorruptPageError } = await import('../../../src/btree/index.ts');
    put(peer, 'b', '1');
    peer.tracker.fallBack(new CorruptPageError(1, 'planned by the test'));
    await peer.local.localRound();
    expect(told(peer)[0]).toEqual('local: d many');
  });

  it('what the application writes between two slices of the first look is told with what was missed, not before it', async () => {
    const peer = makePeer({ changes: { ...LISTENING, maxKeys: 1000 }, lockMaxMs: 1 });
    const keys = Array.from({ length: 500 }, (_, at) => `k${at}`);
    peer.write(...keys.map((key) => ({ op: 'put', dbi: 'd', key, value: '1' }) as const));
    peer.beforeLock.push(
      () => {},
      () => put(peer, 'x', '1'),
    );
    await peer.local.localRound();
    expect(peer.beforeLock).toEqual([]);
    const [event, ...others] = told(peer);
    expect(others).toEqual([]);
    expect(event!.split(' ').slice(2).sort()).toEqual([...keys, 'x'].map((key) => `+${key}`).sort());
  });
});

describe.each([false, true])('at a start (sidecar: %s)', (sidecar) => {
  async function restarted(peer: Peer, toldTxnId: number | undefined): Promise<string[]> {
    peer.toldTxnId = toldTxnId;
    peer.restart();
    peer.changes.length = 0;
    await peer.local.localRound();
    return told(peer);
  }

  it('what came after the last transaction told is told again, deletions and offline changes too', async () => {
    const peer = await started({ sidecar });
    put(peer, 'b', '1');
    await peer.local.localRound();
    const { txnId } = peer.changes.at(-1)!;
    expect(await restarted(peer, txnId), 'nothing is told twice').toEqual([]);
    await peer.merge(objectOf([dbiOf('d', [{ key: 'a', value: undefined, nano: later(peer) }])]), FROM_B);
    put(peer, 'c', '1');
    expect(await restarted(peer, txnId)).toEqual(['missed: d -a +c']);
  });

  it('pairs of a DUPSORT DBI get their keys back', async () => {
    const peer = await started({ sidecar });
    const told = peer.local.txnId;
    const pair = (value: string) => ({ op: 'put', dbi: 'p', key: 'k', value, flags: DbiFlag.dupSort }) as const;
    peer.write(pair('1'), pair('2'));
    await peer.local.localRound();
    peer.write({ op: 'del', dbi: 'p', key: 'k', value: '1' });
    expect(await restarted(peer, told)).toEqual(['missed: p -k=1 +k=2']);
  });

  it('everything may have changed where nobody knows what was told, or for another file', async () => {
    const peer = await started({ sidecar });
    expect(await restarted(peer, undefined)).toEqual(['missed: d many']);
    expect(await restarted(peer, 1_000_000)).toEqual(['missed: d many']);
  });

  it('a DBI that may have been emptied is told, too', async () => {
    const peer = await started({ sidecar });
    peer.write({ op: 'del', dbi: 'd', key: 'a' });
    await peer.local.localRound();
    expect(await restarted(peer, undefined)).toEqual(['missed: d many']);
  });

  it('an empty database has nothing to tell', async () => {
    const peer = makePeer({ sidecar, changes: LISTENING });
    peer.toldTxnId = undefined;
    peer.restart();
    await peer.local.localRound();
    expect(told(peer)).toEqual([]);
  });

  it('zones of PowerDNS are told in parts, whatever the limit of keys', async () => {
    const peer = await started({ sidecar, changes: { maxKeys: 0, namesZones: true } });
    const flags = DbiFlag.dupSort;
    const names = Array.from({ length: 10_001 }, (_, at) => `z${String(at).padStart(5, '0')}`);
    peer.write(...names.map((key) => ({ op: 'put', dbi: 'domains_0', key, value: '1', flags }) as const));
    await peer.local.localRound();
    const parts = await restarted(peer, peer.local.txnId);
    expect(parts).toHaveLength(2);
    expect(parts[0]!.split(' ')).toHaveLength(2 + 10_000);
    expect(parts[1]).toBe('start: domains_0 +z10000=1');
  });
});
