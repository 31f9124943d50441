import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lastTxnId, openView, PageFile, readMeta, UnknownFormatError, View } from '../../src/btree/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { cursorScan, KINDS, openDatabase, TINY_WINDOW, walkAll } from './fixture.ts';

const key = (name: string): Buffer => Buffer.from(name);

describe('openView', () => {
  it('sees an LMDB without any commit', () => {
    const { hold, file } = openDatabase();
    const { transaction, view } = hold();
    expect(transaction.id).toBe(0);
    expect(lastTxnId(file)).toBe(0);
    expect(view.dbis()).toEqual([]);
    expect(view.dbi('any')).toBeUndefined();
    expect(view.root()).toEqual({ dbis: [], plainKey: undefined });
    expect(view.isIntact()).toBe(true);
  });

  it('is stale once there is a newer commit, and not for the newest', () => {
    const { environment, file } = openDatabase();
    const commit = (): void => environment.write((t) => void t.put(t.openOrCreateDbi('a', 0), key('k'), key('v')));
    const early = environment.beginRead();
    commit();
    expect(lastTxnId(file)).toBe(early.id + 1);
    expect(openView(file, early.id)).toBe('stale');
    commit();
    expect(openView(file, early.id)).toBe('stale');
    const late = environment.beginRead();
    const view = openView(file, late.id);
    expect(view).toBeInstanceOf(View);
    expect((view as View).txnId).toBe(early.id + 2);
    expect(openView(file, late.id + 1)).toBe('stale');
    early.abort();
    late.abort();
  });

  it('lists the DBIs with their flags and sizes as liblmdb does', () => {
    const { environment, hold } = openDatabase({ maxDbs: 400 });
    environment.write((transaction) => {
      for (const [name, flags] of Object.entries(KINDS)) transaction.openOrCreateDbi(name, flags);
      for (let i = 0; i < 300; i++) {
        const dbi = transaction.openOrCreateDbi(`many/${i}`, 0);
        for (let j = 0; j < i % 70; j++) transaction.put(dbi, key(`${j}`), Buffer.alloc(j * 90));
      }
    });
    const { transaction, view } = hold();
    const listed = view.dbis();
    expect(listed.map(({ name }) => name)).toEqual(transaction.dbiNames());
    expect(listed).toHaveLength(308);
    for (const { name, tree } of listed) {
      const dbi = transaction.openDbi(name)!;
      const { pageSizeBytes, ...stat } = transaction.stat(dbi);
      expect(pageSizeBytes).toBe(tree.file.pageSizeBytes);
      const { depth, branchPages, leafPages, overflowPages, entries } = tree;
      expect({ depth, branchPages, leafPages, overflowPages, entries }).toEqual(stat);
      expect(tree.flags).toBe(transaction.dbiFlags(dbi));
      expect(view.dbi(name)).toMatchObject({ flags: tree.flags, root: tree.root });
    }
    expect(view.dbi('many')).toBeUndefined();
  });

  it('tells plain keys of the unnamed DBI from DBIs', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      transaction.openOrCreateDbi('dbi', 0);
      const main = transaction.openMain();
      for (const name of ['a', 'x', 'y', 'z']) transaction.put(main, key(name), key('v'));
      // As long as a DBI's record.
      transaction.put(main, key('b'), Buffer.alloc(48));
    });
    const { view } = hold();
    expect(view.dbis().map(({ name }) => name)).toEqual(['dbi']);
    expect(view.root().plainKey?.toString()).toBe('a');
    expect(view.dbi('b')).toBeUndefined();
  });

  it('stays what it was while the file grows by many windows', () => {
    const { environment, hold } = openDatabase();
    const fill = (name: string): void =>
      environment.write((transaction) => {
        const dbi = transaction.openOrCreateDbi(name, 0);
        for (let i = 0; i < 300; i++) transaction.put(dbi, key(`${i}`), Buffer.alloc(2000 + i * 10, name));
      });
    fill('first');
    const before = hold();
    const first = walkAll(before.view.dbi('first'));
    fill('second');
    fill('third');
    expect(walkAll(before.view.dbi('first'))).toEqual(first);
    expect(before.view.dbi('third')).toBeUndefined();
    const after = hold();
    expect(after.view.mainTree.pageLimit * 4096).toBeGreaterThan(20 * TINY_WINDOW);
    expect(walkAll(after.view.dbi('third'))).toEqual(cursorScan(after.transaction, 'third'));
    expect(before.view.isIntact()).toBe(true);
  });

  it('notices when its pages are used again because nobody holds them', () => {
    const { environment, hold } = openDatabase();
    const commit = (i: number): void =>
      environment.write((t) => void t.put(t.openOrCreateDbi('a', 0), key('k'), key(`${i}`)));
    commit(0);
    const { transaction, view } = hold();
    for (let i = 0; i < 10; i++) commit(i);
    expect(view.isIntact()).toBe(true);
    transaction.abort();
    for (let i = 0; i < 10; i++) commit(i);
    expect(view.isIntact()).toBe(false);
  });

  it('reads both metas: the two last commits', () => {
    const { environment, file } = openDatabase({ mapSizeBytes: 2 ** 22 });
    for (let i = 0; i < 5; i++) environment.write((t) => void t.put(t.openMain(), key('k'), key(`${i}`)));
    const ids = readMeta(file).map(({ txnId }) => txnId);
    expect(ids.sort()).toEqual([4, 5]);
    expect(readMeta(file)[0].mapSizeBytes).toBe(2 ** 22);
    expect(environment.info().lastPageNumber).toBe(Math.max(...readMeta(file).map(({ lastPage }) => lastPage)));
  });
});

describe('PageFile', () => {
  it('takes windows of a power of two from 64 KiB to 1 GiB', () => {
    const { environment } = openDatabase();
    for (const windowBytes of [0, 4096, 2 ** 16 + 4096, 2 ** 31]) {
      expect(() => new PageFile(environment.fd, { windowBytes })).toThrow(RangeError);
    }
    const file = new PageFile(environment.fd);
    expect(file.pageSizeBytes).toBe(environment.pageSizeBytes);
    file.close();
    file.close();
    expect(() => file.refresh()).toThrow(TypeError);
  });

  it.each<[string, (data: Buffer) => Buffer]>([
    ['an empty file', () => Buffer.alloc(0)],
    ['a file of one page', (data) => data.subarray(0, 4096)],
    ['text', () => Buffer.alloc(8192, 'This is no database. ')],
    ['another data version', (data) => patched(data, 20, 2)],
    ['another data version in the second meta', (data) => patched(data, 4096 + 20, 999)],
    ['a page size that is none', (data) => patched(data, 40, 3000)],
    ['a page size of zero', (data) => patched(data, 40, 0)],
    ['a huge page size', (data) => patched(data, 40, 2 ** 20)],
    ['a wrong page size', (data) => patched(data, 40, 8192)],
    ['big endian', (data) => Buffer.from(data).swap32()],
  ])('refuses %s', (_, change) => {
    const { folder, environment } = openDatabase();
    environment.write((transaction) => transaction.openOrCreateDbi('a', 0));
    const copy = join(temporaryFolder(), 'copy.mdb');
    copyFileSync(join(folder, 'data.mdb'), copy);
    writeFileSync(copy, change(readFileSync(copy)));
    const fd = openSync(copy, 'r');
    onTestFinished(() => closeSync(fd));
    expect(() => new PageFile(fd)).toThrow(UnknownFormatError);
  });
});

function patched(data: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(data);
  copy.writeUInt32LE(value, at);
  return copy;
}
