import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { timeOf } from '../../src/merge/index.ts';
import { RefusedSnapshotError } from '../../src/snapshot/index.ts';
import type { PlainDbi } from '../snapshot/support.ts';
import type { Peer } from '../support/fleet/peer.ts';
import { makePeer } from '../support/fleet/peers.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { entryOf, shadowOf } from '../support/objects/shadow-entries.ts';

const NANO = 900_000_000_000_000_000n;

function started(options: Parameters<typeof makePeer>[0] = {}): Peer {
  const peer = makePeer(options);
  peer.tracker.localRound();
  return peer;
}

const d = (...entries: Parameters<typeof dbiOf>[1]): PlainDbi => dbiOf('d', entries);

describe('a remote object', () => {
  it('that comes again, or after a newer one, changes nothing and takes no lock (I1)', async () => {
    const peer = started();
    const older = objectOf([d({ key: 'a', value: 'old', nano: NANO })]);
    const newer = objectOf([d({ key: 'a', value: 'new', nano: NANO + 1n })]);
    await peer.merge(newer);
    const { locks } = peer;
    for (const object of [older, newer, older]) expect((await peer.merge(object)).written).toBe(0);
    expect(peer.locks).toBe(locks);
    expect(peer.mainDump()).toEqual({ d: [['a', 'new']] });
  });

  it('with one key twice, and one DBI twice: the winner is the same in any order', async () => {
    const [a, b] = [started(), started()];
    const first = { key: 'k', value: 'b', nano: NANO };
    const second = { key: 'k', value: 'a', nano: NANO };
    const third = { key: 'k', value: undefined, nano: NANO - 1n };
    await a.merge(objectOf([d(first, second, third), d({ key: 'a', value: '1', nano: NANO })]));
    await b.merge(objectOf([d({ key: 'a', value: '1', nano: NANO }, third), d(second, first)]));
    for (const peer of [a, b]) {
      expect(peer.mainDump()).toEqual({
        d: [
          ['a', '1'],
          ['k', 'a'],
        ],
      });
      peer.assertMainIsShadow();
    }
    expect(shadowOf(a, 'd')).toEqual(shadowOf(b, 'd'));
  });

  it('with a newer time of the same value: main is not written, the time is', async () => {
    const peer = started();
    await peer.merge(objectOf([d({ key: 'k', value: 'v', nano: NANO })]));
    await peer.merge(objectOf([d({ key: 'k', value: 'v', nano: NANO + 9n })]));
    expect(shadowOf(peer, 'd').k?.nano).toBe(NANO + 9n);
    peer.assertMainIsShadow();
  });

  it('LWW-10, LWW-20: an old deletion is not added, but does overwrite what is older still', async () => {
    const peer = started({ cutoff: () => timeOf(NANO) });
    await peer.merge(objectOf([d({ key: 'known', value: 'v', nano: NANO - 9n })]));
    const old = NANO - 1n;
    await peer.merge(
      objectOf([
        d(
          { key: 'at the cut-off', value: undefined, nano: NANO },
          { key: 'known', value: undefined, nano: old },
          { key: 'unknown', value: undefined, nano: old },
        ),
      ]),
    );
    expect(shadowOf(peer, 'd')).toEqual({
      'at the cut-off': { nano: NANO, deleted: true, value: '' },
      known: { nano: old, deleted: true, value: '' },
    });
  });

  it('LWW-18: in format version 1 an empty value means deleted; later it is a value (I8)', async () => {
    for (const [formatVersion, live] of [
      [1, false],
      [2, true],
      [3, true],
    ] as const) {
      const peer = started();
      peer.write({ op: 'put', dbi: 'd', key: 'k', value: 'old' });
      peer.tracker.localRound();
      const nano = peer.clock.nowNano() + 1n;
      await peer.merge(objectOf([d({ key: 'k', value: '', nano })], { formatVersion }));
      expect(peer.mainDump()).toEqual(live ? { d: [['k', '']] } : {});
    }
  });

  it('with a bad entry behind good ones is refused whole', async () => {
    const peer = started();
    const object = objectOf([
      dbiOf('a', [{ key: 'k', value: 'v', nano: NANO }]),
      d({ key: 'k', value: 'v', nano: NANO }),
      dbiOf('z', [{ key: 'k', value: 'v', nano: NANO }], DbiFlag.integerKey),
    ]);
    await expect(peer.merge(object)).rejects.toThrow(RefusedSnapshotError);
    expect([...peer.dump().keys()]).toEqual([]);
  });

  it('LOD-04: brings DBIs that are missing here, with their flags; an empty one too', async () => {
    const peer = started();
    const flags = DbiFlag.dupSort | DbiFlag.dupFixed;
    await peer.merge(
      objectOf([
        dbiOf('empty', []),
        dbiOf('fixed', [], flags, 'dupsort_hack_v1'),
        dbiOf('rev', [], DbiFlag.reverseKey),
      ]),
    );
    const found = peer.environment.read((txn) => {
      return Object.fromEntries(txn.dbiNames().map((name) => [name, txn.dbiFlags(txn.openDbi(name)!)]));
    });
    expect(found).toMatchObject({ empty: 0, fixed: flags, rev: DbiFlag.reverseKey });
  });

  it.each([true, false])(
    'MDB_DUPFIXED without MDB_DUPSORT is refused (I7), native %s: LMDB would lose what is put',
    async (native) => {
      const peer = started({ native });
      const object = objectOf([d({ key: 'k', value: 'v', nano: NANO }), dbiOf('x', [], DbiFlag.dupFixed)]);
      await expect(peer.merge(object)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED', reason: 'dbi-kind' });
      expect([...peer.dump().keys()]).toEqual([]);
    },
  );

  it('ENV-09: private DBIs are left out', async () => {
    const peer = started();
    await peer.merge(
      objectOf([
        dbiOf('_sync_shadow_d', [{ key: 'k', value: 'v', nano: NANO }]),
        d({ key: 'k', value: 'v', nano: NANO }),
      ]),
    );
    expect(peer.mainDump()).toEqual({ d: [['k', 'v']] });
    expect(Object.keys(shadowOf(peer, 'd'))).toEqual(['k']);
  });

  it('HDR-11, LWW-19: foreign flag bits do not stay, nor the value of a deleted entry', async () => {
    const peer = started({ native: true });
    const dbi = d({ key: 'dead', value: 'rest', nano: NANO }, { key: 'live', value: 'v', nano: NANO });
    dbi.entries[0]!.flags = 0x103;
    dbi.entries[1]!.flags = 0xfe;
    await peer.merge(objectOf([dbi]));
    const stored = new Map(peer.dump().get('d'));
    expect(stored.get('dead')).toHaveLength(24);
    expect(entryOf(stored.get('dead')!)).toEqual({ nano: NANO, deleted: true, value: '' });
    expect(stored.get('live')!.charCodeAt(17)).toBe(0);
  });

  it('LWW-12: an entry here that has no header stops the database, with DBI and key', async () => {
    const peer = started();
    await peer.merge(objectOf([d({ key: 'k', value: 'v', nano: NANO })]));
    peer.application.put('_sync_shadow_d', 'k', 'short');
    await expect(peer.merge(objectOf([d({ key: 'k', value: 'w', nano: NANO + 1n })]))).rejects.toThrow(
      /_sync_shadow_d, key 6b/,
    );
    peer.assertNoLeaks();
  });
});

describe('header_extra_padding_block (HDR-15)', () => {
  it('one zero block in what a snapshot brings, none in what the application changes; both are read alike', async () => {
    const peer = started({ extraBlocks: 1 });
    await peer.merge(
      objectOf([d({ key: 'remote', value: 'v', nano: NANO }, { key: 'dead', value: undefined, nano: NANO })]),
    );
    peer.write({ op: 'put', dbi: 'd', key: 'local', value: 'v' });
    peer.tracker.localRound();
    const stored = new Map(peer.dump().get('_sync_shadow_d'));
    const rest = (key: string): string => Buffer.from(stored.get(key)!.slice(22), 'latin1').toString('hex');
    expect([rest('remote'), rest('dead'), rest('local')]).toEqual([
      `0001${'00'.repeat(8)}76`,
      `0001${'00'.repeat(8)}`,
      '000076',
    ]);
    expect(peer.mainDump()).toEqual({
      d: [
        ['local', 'v'],
        ['remote', 'v'],
      ],
    });
    peer.assertNothingMissed();
    const plain = started();
    await plain.merge(await peer.snapshot());
    expect(plain.mainDump()).toEqual(peer.mainDump());
    expect((await peer.merge(await plain.snapshot())).written).toBe(0);
  });
});
