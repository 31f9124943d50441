import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { dbiNameOf } from '../../src/lmdb/index.ts';
import { UnsupportedDbiError } from '../../src/shadow/index.ts';
import { readSnapshot } from '../../src/snapshot/index.ts';
import { bytesBody } from '../../src/storage/index.ts';
import { LogicalClock } from '../support/fleet/logical-clock.ts';
import { makePeer } from '../support/fleet/peers.ts';

const of = (...bytes: number[]): string => dbiNameOf(Buffer.from(bytes));

/** None of the first four is UTF-8: decoded as such they would all be one name. */
const NAMES = [of(0x64, 0xfe), of(0x64, 0xff), of(0x64, 0xc3), of(0x64, 0xed, 0xb2, 0x80), 'zoné', '\ufffd'];

describe.each([
  { pages: true, kind: 'pages' },
  { pages: false, kind: 'cursors' },
])('names of DBIs that are no UTF-8 ($kind)', ({ pages }) => {
  it('each goes to a peer and back as the DBI that it is', async () => {
    const clock = new LogicalClock();
    const [a, b] = [makePeer({ pages }, clock), makePeer({ pages }, clock)];
    a.write(...NAMES.map((dbi, index) => ({ op: 'put', dbi, key: 'k', value: `a ${index}` }) as const));
    a.tracker.localRound();
    b.tracker.localRound();
    await b.merge(await a.snapshot());
    expect(Object.keys(b.mainDump())).toEqual(Object.keys(a.mainDump()));
    expect(b.mainDump()).toEqual(a.mainDump());
    expect(Object.keys(a.mainDump()).sort()).toEqual([...NAMES].sort());

    b.write(...NAMES.map((dbi, index) => ({ op: 'put', dbi, key: 'k', value: `b ${index}` }) as const));
    b.tracker.localRound();
    await a.merge(await b.snapshot());
    expect(a.mainDump()).toEqual(b.mainDump());
    for (const [index, dbi] of NAMES.entries()) expect(a.mainDump()[dbi]).toEqual([['k', `b ${index}`]]);
    for (const peer of [a, b]) {
      peer.assertMainIsShadow();
      peer.assertNothingMissed();
    }
    for (const dbi of NAMES) expect(a.application.scan(dbi)).toEqual(b.application.scan(dbi));
  });
});

describe('a snapshot', () => {
  it('carries the bytes of a name as they are', async () => {
    const peer = makePeer();
    peer.write({ op: 'create', dbi: of(0x64, 0xff, 0x64) });
    peer.tracker.localRound();
    const object = await peer.snapshot();
    // Field 1 of a DBI: tag 0a, length 3, the bytes; no second decoder needed.
    expect(gunzipSync(object).includes(Buffer.from([0x0a, 3, 0x64, 0xff, 0x64]))).toBe(true);
    const names: string[] = [];
    const visitor = {
      header: () => {},
      dbi: ({ name }: { name: string }) => names.push(name),
      entry: () => {},
      restart: () => {},
    };
    await readSnapshot(() => bytesBody(object).open(), visitor, { objectName: 'object' });
    expect(names).toEqual([of(0x64, 0xff, 0x64)]);
  });
});

describe('a name that leaves no room for that of a shadow', () => {
  it('is refused before anything is written; 498 bytes are not', () => {
    const peer = makePeer();
    const longest = `${'d'.repeat(497)}\udcff`;
    peer.write({ op: 'create', dbi: longest });
    peer.tracker.localRound();
    const before = peer.environment.info().lastTxnId;
    peer.write({ op: 'create', dbi: `${longest}d` });
    expect(() => peer.tracker.localRound()).toThrow(UnsupportedDbiError);
    expect(() => peer.tracker.localRound()).toThrow(/its name is too long/);
    expect(peer.environment.info().lastTxnId).toBe(before + 1);
  });
});
