import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { applicationKeyLength, ShadowKey } from '../../src/shadow/dupsort.ts';
import { UnsupportedDbiError } from '../../src/shadow/index.ts';
import type { Peer } from '../support/fleet/peer.ts';
import { makePeer } from '../support/fleet/peers.ts';
import { dbiOf, type ObjectEntry, objectOf } from '../support/objects/objects.ts';
import { shadowOf } from '../support/objects/shadow-entries.ts';

const flags = DbiFlag.dupSort;

function encoded(key: string, value: string): Buffer {
  const shadowKey = new ShadowKey();
  const bytes = Buffer.from(`${key}|${value}`);
  shadowKey.encode(bytes, 0, key.length, bytes, key.length + 1, bytes.length);
  return Buffer.from(shadowKey.bytes.subarray(0, shadowKey.length));
}

describe('shadow keys of pairs (docs/format.md, "DUPSORT")', () => {
  it('DUP-01: key, separator, value, length of the key', () => {
    expect(encoded('key', 'foo1').toString('latin1')).toBe('key\0\0\0\0foo1\x03');
  });

  it('DUP-02: the value is cut so that all fits 511 bytes', () => {
    const bytes = encoded('key', 'A'.repeat(1000));
    expect(bytes).toHaveLength(511);
    expect(bytes.toString('latin1')).toBe(`key\0\0\0\0${'A'.repeat(503)}\x03`);
    expect(encoded('k'.repeat(255), 'A'.repeat(300))).toHaveLength(511);
  });

  it('DUP-05: an empty value', () => {
    expect(encoded('key', '').toString('latin1')).toBe('key\0\0\0\0\x03');
  });

  it('DUP-06 to DUP-09: what is none', () => {
    const lengthOf = (text: string): number => applicationKeyLength(Buffer.from(text, 'latin1'), 0, text.length);
    expect(lengthOf('key\0\0\0\0foo1\x03')).toBe(3);
    expect(lengthOf('k\0\0\0\0\x01')).toBe(1);
    expect(lengthOf('\0\0\0\0\x01')).toBe(-1);
    expect(lengthOf('abc\0\0\0\0\x04')).toBe(-1);
    expect(lengthOf('key\0\0x\0foo\x03')).toBe(-1);
    expect(lengthOf('\0\0\0\0\0\0')).toBe(-1);
  });
});

function started(): Peer {
  const peer = makePeer();
  peer.tracker.localRound();
  return peer;
}

const pair = (key: string, value: string) => ({ op: 'put', dbi: 'd', key, value, flags }) as const;

describe('DUPSORT DBIs of the application', () => {
  it('DUP-04: a key of 255 bytes is carried, one of 256 is refused before anything is written', () => {
    const peer = started();
    peer.write(pair('k'.repeat(255), 'v'));
    peer.tracker.localRound();
    peer.write(pair('a', 'v'), pair('k'.repeat(256), 'v'));
    expect(() => peer.tracker.localRound()).toThrow(UnsupportedDbiError);
    expect(Object.keys(shadowOf(peer, 'd'))).toHaveLength(1);
  });

  it('DUP-10: two pairs with one shadow key are refused; one that takes the place of the other is not', () => {
    const peer = started();
    const long = 'c'.repeat(505);
    peer.write(pair('k', `${long}1`));
    peer.tracker.localRound();
    peer.write({ op: 'del', dbi: 'd', key: 'k' }, pair('k', `${long}2`));
    peer.tracker.localRound();
    expect(Object.values(shadowOf(peer, 'd'))).toMatchObject([{ deleted: false, value: `${long}2` }]);
    peer.write(pair('k', `${long}3`));
    expect(() => peer.tracker.localRound()).toThrow(/differ only beyond/);
  });

  it('DUP-11: pairs whose shadow keys have another order than they', () => {
    const peer = started();
    peer.write(pair('a', 'x'), pair('a', 'x\0'), pair('a\0\0\0\0', 'y'), pair('a', '\0'));
    peer.tracker.localRound();
    peer.assertMainIsShadow();
    peer.assertNothingMissed();
  });
});

describe('an empty duplicate, which LMDB holds only as the single one of its key (I8)', () => {
  const merge = (peer: Peer, ...entries: (Omit<ObjectEntry, 'key'> & { pair: string })[]) => {
    const shadowEntries = entries.map(({ pair: of, ...rest }) => ({ ...rest, key: encoded('k', of) }));
    return peer.merge(objectOf([dbiOf('d', shadowEntries, flags, 'dupsort_hack_v1')]));
  };
  const mainOf = (peer: Peer): string[] => (peer.mainDump().d ?? []).map(([, value]) => value);
  const checked = (peer: Peer): Peer => {
    peer.assertMainIsShadow();
    peer.assertNothingMissed();
    return peer;
  };

  it('travels', async () => {
    const [a, b] = [started(), started()];
    a.write(pair('k', ''));
    a.tracker.localRound();
    await b.merge(await a.snapshot());
    expect(mainOf(checked(b))).toEqual(['']);
  });

  it('gives way to another one, in whatever order they come, on every machine alike', async () => {
    const nano = 1_700_000_000_000_000_000n;
    const empty = { pair: '', value: '', nano };
    const other = { pair: 'x', value: 'x', nano: nano - 5n };
    const [a, b, c] = [started(), started(), started()];
    await merge(a, empty);
    await merge(a, other);
    await merge(b, other);
    await merge(b, empty);
    await merge(c, empty, other);
    for (const peer of [a, b, c]) expect(mainOf(checked(peer))).toEqual(['x']);
    const [shadow] = [a, b, c].map((peer) => shadowOf(peer, 'd'));
    for (const peer of [a, b, c]) expect(shadowOf(peer, 'd')).toEqual(shadow);
    expect(shadow![encoded('k', '').toString('latin1')]).toEqual({ nano: nano + 1n, deleted: true, value: '' });
    expect((await merge(a, empty, other)).written).toBe(0);
  });

  it('lives on where its neighbours are deleted by the same object', async () => {
    const nano = 1_700_000_000_000_000_000n;
    const peer = started();
    await merge(peer, { pair: '\0', value: '\0', nano }, { pair: 'x', value: 'x', nano });
    expect(mainOf(peer)).toEqual(['\0', 'x']);
    const later = nano + 5n;
    const gone = ['\0', 'x'].map((of) => ({ pair: of, value: undefined, nano: later }));
    await merge(peer, gone[0]!, { pair: '', value: '', nano: later }, gone[1]!);
    expect(mainOf(checked(peer))).toEqual(['']);
  });

  it('is replaced by the application’s own put, which is a deletion', async () => {
    const peer = started();
    peer.write(pair('k', ''));
    peer.tracker.localRound();
    peer.write(pair('k', 'x'));
    peer.tracker.localRound();
    expect(mainOf(checked(peer))).toEqual(['x']);
    expect(shadowOf(peer, 'd')[encoded('k', '').toString('latin1')]).toMatchObject({ deleted: true });
  });

  it('is deleted together with the coming of another one', async () => {
    const nano = 1_700_000_000_000_000_000n;
    const peer = started();
    await merge(peer, { pair: '', value: '', nano });
    const entries = ['\0', '\0\0', 'x'].map((of) => ({ pair: of, value: of, nano: nano + 5n }));
    await merge(peer, ...entries, { pair: '', value: undefined, nano: nano + 5n });
    expect(mainOf(checked(peer))).toEqual(['\0', '\0\0', 'x']);
    expect(shadowOf(peer, 'd')[encoded('k', '').toString('latin1')]?.nano).toBe(nano + 5n);
  });
});
