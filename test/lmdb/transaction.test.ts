import { describe, expect, it } from 'vitest';
import {
  BadDbiNameError,
  BadValueSizeError,
  copyView,
  DbiFlag,
  type Environment,
  PutFlag,
} from '../../src/lmdb/index.ts';
import { bytes, lmdbPath, openEnvironment, ownReaders, pairsOf, startApplication } from './environments.ts';

/** Creates a DBI with these keys, each its own value. */
function fill(env: Environment, name: string, keys: string[], flags = 0): void {
  env.write((transaction) => {
    const dbi = transaction.openOrCreateDbi(name, flags);
    for (const key of keys) transaction.put(dbi, bytes(key), bytes(key));
  });
}

describe('transactions', () => {
  it('a commit is seen by readers that begin after it, and by a second process; never by one before', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    fill(env, 'a', ['1']);
    const before = env.beginRead();
    const dbi = before.openDbi('a')!;
    const application = await startApplication(path);
    await application.put('a', '2', 'two');
    expect(before.get(dbi, bytes('2'))).toBeUndefined();
    before.abort();
    expect(pairsOf(env, 'a')).toEqual([
      ['1', '1'],
      ['2', 'two'],
    ]);
    fill(env, 'a', ['3']);
    expect(await application.texts('a')).toEqual({ '1': '1', '2': 'two', '3': '3' });
  });

  it('ids: a reader has the last commit’s, a writer the next; an empty write transaction takes none', () => {
    const env = openEnvironment();
    fill(env, 'a', ['1']);
    const last = env.info().lastTxnId;
    expect(env.read(({ id }) => id)).toBe(last);
    expect(env.write(({ id }) => id)).toBe(last + 1);
    expect(env.info().lastTxnId).toBe(last);
    fill(env, 'a', ['2']);
    expect(env.info().lastTxnId).toBe(last + 1);
  });

  it('an error in the body aborts: nothing of it stays, no transaction and no reader is left', () => {
    const env = openEnvironment();
    fill(env, 'a', ['1']);
    const boom = new Error('boom');
    expect(() =>
      env.write((transaction) => {
        transaction.put(transaction.openDbi('a')!, bytes('2'), bytes('2'));
        transaction.openOrCreateDbi('b', 0);
        throw boom;
      }),
    ).toThrow(boom);
    expect(() =>
      env.read((transaction) => {
        transaction.cursor(transaction.openDbi('a')!).next();
        throw boom;
      }),
    ).toThrow(boom);
    expect([env.openTransactions, ownReaders(env)]).toEqual([0, []]);
    expect(pairsOf(env, 'a')).toEqual([['1', '1']]);
    expect(env.read((transaction) => transaction.dbiNames())).toEqual(['a']);
  });

  it('after its end a transaction and its cursors refuse everything, and abort does nothing', () => {
    const env = openEnvironment();
    const transaction = env.beginWrite();
    const dbi = transaction.openOrCreateDbi('a', 0);
    const cursor = transaction.cursor(dbi);
    transaction.commit();
    expect(transaction.isOpen).toBe(false);
    for (const use of [
      () => transaction.get(dbi, bytes('k')),
      () => transaction.put(dbi, bytes('k'), bytes('v')),
      () => transaction.delete(dbi, bytes('k')),
      () => transaction.drop(dbi, false),
      () => transaction.cursor(dbi),
      () => transaction.openDbi('a'),
      () => transaction.dbiFlags(dbi),
      () => transaction.stat(dbi),
      () => transaction.commit(),
    ]) {
      expect(use).toThrow(/has ended/);
    }
    expect(() => cursor.next()).toThrow(/closed/);
    expect(() => cursor.put(bytes('k'), 0, 1, undefined, bytes('v'), 0, 1)).toThrow(/closed/);
    transaction.abort();
  });

  it('waits for the write lock of the application', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    const application = await startApplication(path);
    await application.begin();
    await application.batch({ op: 'put', dbi: 'a', key: 'k', value: 'held' });
    // A read does not wait, and sees nothing of it; a write blocks this thread.
    expect(env.read((transaction) => transaction.openDbi('a'))).toBeUndefined();
    const { done } = await application.sendCommit();
    env.write((transaction) => transaction.put(transaction.openOrCreateDbi('a', 0), bytes('l'), bytes('ours')));
    await done;
    expect(pairsOf(env, 'a')).toEqual([
      ['k', 'held'],
      ['l', 'ours'],
    ]);
  });
});

describe('DBI handles', () => {
  it('of an aborted transaction are gone; the name can be created again, with other flags', () => {
    const env = openEnvironment();
    const transaction = env.beginWrite();
    const dbi = transaction.openOrCreateDbi('a', DbiFlag.dupSort);
    transaction.put(dbi, bytes('k'), bytes('1'));
    transaction.abort();
    expect(env.read((read) => read.openDbi('a'))).toBeUndefined();
    fill(env, 'a', ['1'], DbiFlag.reverseKey);
    expect(env.read((read) => read.dbiFlags(read.openDbi('a')!))).toBe(DbiFlag.reverseKey);
  });

  it('a DBI that the application drops and makes anew with other flags is seen as it is now', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    fill(env, 'a', ['1', '2']);
    const application = await startApplication(path);
    await application.batch({ op: 'drop', dbi: 'a', remove: true });
    expect(env.read((read) => read.openDbi('a'))).toBeUndefined();
    await application.close();
    await application.open(path, { mapSizeBytes: 2 ** 20 });
    await application.put('a', 'k', 'v', DbiFlag.dupSort);
    expect(env.read((read) => read.dbiFlags(read.openDbi('a')!))).toBe(DbiFlag.dupSort);
    expect(pairsOf(env, 'a')).toEqual([['k', 'v']]);
  });

  it('two transactions may not both open DBIs: LMDB would mix up their handles', () => {
    const env = openEnvironment();
    fill(env, 'a', ['1']);
    fill(env, 'b', ['1']);
    const held = env.beginRead();
    env.write((transaction) => transaction.put(transaction.openDbi('b')!, bytes('2'), bytes('2')));
    held.openDbi('a');
    expect(() => env.write((transaction) => transaction.openDbi('b'))).toThrow(/mdb_dbi_open/);
    held.abort();
    expect(env.write((transaction) => transaction.openDbi('b'))).toBeDefined();
  });

  it('are more than max_dbs over many transactions', () => {
    const env = openEnvironment(lmdbPath(), { maxDbs: 3 });
    for (let number = 0; number < 20; number++) fill(env, `dbi-${number}`, ['k']);
    for (let number = 0; number < 20; number++) expect(pairsOf(env, `dbi-${number}`)).toEqual([['k', 'k']]);
  });

  it('are listed without the plain keys of the unnamed DBI', () => {
    const env = openEnvironment();
    env.write((transaction) => transaction.put(transaction.openMain(), bytes('plain'), bytes('no DBI')));
    fill(env, 'a', ['1']);
    fill(env, 'zone é', ['1']);
    expect(env.read((transaction) => transaction.dbiNames())).toEqual(['a', 'zone é']);
    expect(() => env.read((transaction) => transaction.openDbi('plain'))).toThrow(
      expect.objectContaining({ code: 'INCOMPATIBLE' }),
    );
  });

  it.each(['', 'a\0b', 'x'.repeat(512)])('a name that no DBI can have is refused, not cut: %j', (name) => {
    const env = openEnvironment();
    fill(env, 'a', ['1']);
    env.write((transaction) => {
      transaction.openMain();
      expect(() => transaction.openDbi(name)).toThrow(BadDbiNameError);
      expect(() => transaction.openOrCreateDbi(name, 0)).toThrow(BadDbiNameError);
    });
    expect(env.read((transaction) => transaction.dbiNames())).toEqual(['a']);
  });
});

describe('writes', () => {
  it('put, overwrite, empty value, value over 64 KiB and a part of a larger buffer', () => {
    const env = openEnvironment();
    const backing = Buffer.alloc(300_000, 7);
    backing[100] = 1;
    const large = backing.subarray(100, 200_100);
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      transaction.put(dbi, bytes('k'), bytes('old'));
      transaction.put(dbi, bytes('k'), bytes('new'));
      transaction.put(dbi, bytes('empty'), bytes(''));
      transaction.put(dbi, new Uint8Array(backing.buffer, backing.byteOffset + 100, 3), large);
    });
    env.read((transaction) => {
      const dbi = transaction.openDbi('a')!;
      expect(transaction.get(dbi, bytes('k'))?.toString()).toBe('new');
      expect(transaction.get(dbi, bytes('empty'))).toHaveLength(0);
      expect(transaction.get(dbi, Buffer.from([1, 7, 7]))?.equals(large)).toBe(true);
      expect(transaction.get(dbi, bytes('missing'))).toBeUndefined();
    });
  });

  it('noOverwrite and append answer false where they may not write; nothing is changed', () => {
    const env = openEnvironment();
    fill(env, 'a', ['b', 'd']);
    env.write((transaction) => {
      const dbi = transaction.openDbi('a')!;
      expect(transaction.put(dbi, bytes('b'), bytes('x'), PutFlag.noOverwrite)).toBe(false);
      expect(transaction.put(dbi, bytes('c'), bytes('x'), PutFlag.append)).toBe(false);
      expect(transaction.put(dbi, bytes('d'), bytes('x'), PutFlag.append)).toBe(false);
      expect(transaction.put(dbi, bytes('e'), bytes('e'), PutFlag.append)).toBe(true);
    });
    expect(pairsOf(env, 'a').flat()).toEqual(['b', 'b', 'd', 'd', 'e', 'e']);
  });

  it('delete says whether the key was there', () => {
    const env = openEnvironment();
    fill(env, 'a', ['1', '2']);
    env.write((transaction) => {
      const dbi = transaction.openDbi('a')!;
      expect([transaction.delete(dbi, bytes('1')), transaction.delete(dbi, bytes('1'))]).toEqual([true, false]);
    });
    expect(pairsOf(env, 'a')).toEqual([['2', '2']]);
  });

  it('drop empties, or removes; a removed name can be created in the same transaction', () => {
    const env = openEnvironment();
    fill(env, 'a', ['1', '2'], DbiFlag.dupSort);
    env.write((transaction) => transaction.drop(transaction.openDbi('a')!, false));
    expect(pairsOf(env, 'a')).toEqual([]);
    env.write((transaction) => {
      transaction.drop(transaction.openDbi('a')!, true);
      expect(transaction.openDbi('a')).toBeUndefined();
      expect(transaction.dbiFlags(transaction.openOrCreateDbi('a', DbiFlag.reverseKey))).toBe(DbiFlag.reverseKey);
    });
  });

  it('statistics tell entries, depth and pages', () => {
    const env = openEnvironment(lmdbPath(), { mapSizeBytes: 8 * 2 ** 20 });
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (let number = 0; number < 1000; number++) transaction.put(dbi, bytes(`k${number}`), Buffer.alloc(100));
      transaction.put(dbi, bytes('big'), Buffer.alloc(3 * env.pageSizeBytes));
    });
    const stat = env.read((transaction) => transaction.stat(transaction.openDbi('a')!));
    expect(stat).toMatchObject({ entries: 1001, depth: 2, branchPages: 1, overflowPages: 4, pageSizeBytes: 4096 });
    expect(stat.leafPages).toBeGreaterThan(25);
  });

  it('keys of 1 and 511 bytes are legal, of 0 and 512 typed errors (ENV-12), and the transaction goes on', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (const length of [0, 512, 2000]) {
        expect(() => transaction.put(dbi, Buffer.alloc(length, 1), bytes('v'))).toThrow(BadValueSizeError);
      }
      for (const length of [1, 511]) expect(transaction.put(dbi, Buffer.alloc(length, 1), bytes('v'))).toBe(true);
      expect(() => transaction.get(dbi, bytes(''))).toThrow(BadValueSizeError);
      expect(transaction.get(dbi, Buffer.alloc(2000, 1))).toBeUndefined();
    });
    expect(pairsOf(env, 'a')).toHaveLength(2);
  });

  it('a duplicate over 511 bytes is a typed error', () => {
    const env = openEnvironment();
    expect(() =>
      env.write((transaction) =>
        transaction.put(transaction.openOrCreateDbi('d', DbiFlag.dupSort), bytes('k'), Buffer.alloc(512)),
      ),
    ).toThrow(BadValueSizeError);
  });

  it('a view that is copied outlives its transaction', () => {
    const env = openEnvironment();
    fill(env, 'a', ['k']);
    const copy = env.read((transaction) => copyView(transaction.get(transaction.openDbi('a')!, bytes('k'))!));
    expect(copy.toString()).toBe('k');
  });
});
