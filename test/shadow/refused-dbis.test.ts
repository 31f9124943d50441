import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CustomOrderError } from '../../src/btree/index.ts';
import { DbiFlag } from '../../src/lmdb/index.ts';
import { HeaderWriter } from '../../src/merge/index.ts';
import { UnsupportedDbiError } from '../../src/shadow/index.ts';
import { customOrder } from '../support/application/custom-order.ts';
import type { Peer } from '../support/fleet/peer.ts';
import { makePeer } from '../support/fleet/peers.ts';

const HEADER = Buffer.from(new HeaderWriter(1).set(1, 1, 0));

/** An application that opens the unnamed DBI with flags, which its usual binding refuses to; in a process of its own. */
function openUnnamed(folder: string, flags: number): void {
  const script = `
import ctypes as C, sys
lmdb = C.CDLL("liblmdb.so.0")
env, txn, dbi = C.c_void_p(), C.c_void_p(), C.c_uint()
codes = [lmdb.mdb_env_create(C.byref(env)), lmdb.mdb_env_open(env, sys.argv[1].encode(), 0, 0o664)]
codes += [lmdb.mdb_txn_begin(env, None, 0, C.byref(txn)), lmdb.mdb_dbi_open(txn, None, int(sys.argv[2]), C.byref(dbi))]
codes += [lmdb.mdb_txn_commit(txn)]
assert not any(codes), codes`;
  execFileSync('/usr/bin/python3', ['-c', script, folder, String(flags)]);
}

/** An application that makes a DBI with flags that LMDB should not take together, and puts something into it. */
function makeDbi(folder: string, flags: number): void {
  const script = `
import ctypes as C, sys
class Val(C.Structure):
    _fields_ = [("size", C.c_size_t), ("data", C.c_char_p)]
lmdb = C.CDLL("liblmdb.so.0")
env, txn, dbi = C.c_void_p(), C.c_void_p(), C.c_uint()
codes = [lmdb.mdb_env_create(C.byref(env)), lmdb.mdb_env_set_maxdbs(env, 9)]
codes += [lmdb.mdb_env_open(env, sys.argv[1].encode(), 0, 0o664), lmdb.mdb_txn_begin(env, None, 0, C.byref(txn))]
codes += [lmdb.mdb_dbi_open(txn, b"fixed", 0x40000 | int(sys.argv[2]), C.byref(dbi))]
key, value = Val(4, b"key1"), Val(5, b"value")
codes += [lmdb.mdb_put(txn, dbi, C.byref(key), C.byref(value), 0), lmdb.mdb_txn_commit(txn)]
assert not any(codes), codes`;
  execFileSync('/usr/bin/python3', ['-c', script, folder, String(flags)]);
}

/** What a round throws; nothing may have been written by it. */
function refusal(peer: Peer): unknown {
  const before = peer.environment.info().lastTxnId;
  const dump = peer.dump();
  let refused: unknown;
  try {
    peer.tracker.localRound();
  } catch (error) {
    refused = error;
  }
  expect(peer.environment.info().lastTxnId).toBe(before);
  expect(peer.dump()).toEqual(dump);
  return refused;
}

const MODES = [
  { mode: 'shadow', native: false, pages: true, kind: 'keys' },
  { mode: 'shadow, with cursors', native: false, pages: false, kind: 'keys' },
  { mode: 'dupsort', native: false, pages: true, kind: 'duplicates' },
  { mode: 'dupsort, with cursors', native: false, pages: false, kind: 'duplicates' },
  { mode: 'native', native: true, pages: true, kind: 'keys' },
  { mode: 'native, with cursors', native: true, pages: false, kind: 'keys' },
] as const;

describe.each(MODES)('an order of the application’s own: $mode', ({ native, pages, kind }) => {
  const prefix = native ? { prefix: HEADER } : {};

  it('at first sight: refused before anything is written, and its keys are found as before', () => {
    const peer = makePeer({ native, pages });
    customOrder(peer.folder, { kind, what: 'put', from: 1, to: 160, ...prefix });
    expect(refusal(peer)).toMatchObject({
      code: 'CUSTOM_ORDER',
      dbiName: 'data',
      message: expect.stringContaining('DBI data'),
      hint: expect.stringMatching(kind === 'keys' ? /mdb_set_compare/ : /mdb_set_dupsort/),
    });
    // Not the first time only.
    expect(refusal(peer)).toBeInstanceOf(CustomOrderError);
    expect(customOrder(peer.folder, { kind, what: 'count', from: 1, to: 160 })).toBe(159);
  });

  it('later, where a few keys could not tell it', () => {
    const peer = makePeer({ native, pages });
    customOrder(peer.folder, { kind, what: 'put', from: 1, to: 10, ...prefix });
    peer.tracker.localRound();
    customOrder(peer.folder, { kind, what: 'put', from: 10, to: 60, ...prefix });
    expect(refusal(peer)).toBeInstanceOf(CustomOrderError);
  });

  it('between our look and our lock', async () => {
    const peer = makePeer({ native, pages });
    customOrder(peer.folder, { kind, what: 'put', from: 1, to: 10, ...prefix });
    peer.tracker.localRound();
    peer.beforeLock.push(() => void customOrder(peer.folder, { kind, what: 'put', from: 10, to: 60, ...prefix }));
    const write = () => peer.tracker.write((transaction) => void transaction.openOrCreateDbi('other', 0));
    expect(write).toThrow(CustomOrderError);
    expect(peer.dump().has('other')).toBe(false);
  });
});

describe('an incremental look that meets only a part of a large DBI', () => {
  it('sees the order where it changed', () => {
    const peer = makePeer();
    peer.write({ op: 'fill', dbi: 'data', prefix: '1', from: 0, count: 5000, valueBytes: 50 });
    peer.tracker.localRound();
    // Ten digits sort as numbers do; a shorter one does not, and lies in the first leaf.
    customOrder(peer.folder, { kind: 'keys', what: 'put', from: 7, to: 8 });
    expect(refusal(peer)).toBeInstanceOf(CustomOrderError);
  });
});

describe.each([true, false])('the unnamed DBI (pages: %s)', (pages) => {
  it.each([true, false])('data in it is refused, native %s, at first sight and later', (native) => {
    const peer = makePeer({ native, pages });
    peer.tracker.localRound();
    peer.write({ op: 'put', dbi: '', key: 'key1', value: 'v' });
    const told = {
      code: 'UNNAMED_DBI',
      message: expect.stringContaining('6b657931'),
      hint: expect.stringContaining('named DBI'),
    };
    expect(refusal(peer)).toMatchObject(told);
    peer.restart();
    if (!pages) return;
    expect(refusal(peer)).toMatchObject(told);
  });

  it.each([
    ['MDB_DUPSORT', DbiFlag.dupSort],
    ['MDB_INTEGERKEY', DbiFlag.integerKey],
  ])('opened with %s, it admits no named DBI, and is refused though it is empty', (flag, flags) => {
    const peer = makePeer({ pages });
    openUnnamed(peer.folder, flags);
    const refused = refusal(peer);
    expect(refused).toBeInstanceOf(UnsupportedDbiError);
    expect(refused).toMatchObject({ code: 'UNNAMED_DBI', message: expect.stringContaining(flag) });
  });
});

describe.each(MODES)('MDB_DUPFIXED without MDB_DUPSORT: $mode', ({ native, pages }) => {
  it('is refused with what is wrong with it, at first sight and while it runs', () => {
    const peer = makePeer({ native, pages });
    peer.tracker.localRound();
    makeDbi(peer.folder, DbiFlag.dupFixed);
    const told = {
      code: 'DUPFIXED_WITHOUT_DUPSORT',
      message: 'DBI fixed has MDB_DUPFIXED without MDB_DUPSORT: LMDB keeps no values in it',
      hint: expect.stringContaining('MDB_DUPSORT|MDB_DUPFIXED'),
    };
    expect(refusal(peer)).toMatchObject(told);
    peer.restart();
    if (pages) expect(refusal(peer)).toMatchObject(told);
  });
});
