import { spawnSync } from 'node:child_process';
import { copyFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assertWhole, CutShortError, type OpenedFile, openWhole } from '../../src/btree/index.ts';
import { DbiFlag, Environment, NotLmdbError, ReadersFullError, type WriteTransaction } from '../../src/lmdb/index.ts';
import { Application } from '../support/application/application.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { dataFile, PAGE } from './damaged-file.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

/** A data file as liblmdb made it, alone in its folder. */
function made(...bodies: ((transaction: WriteTransaction) => void)[]): string {
  const folder = temporaryFolder();
  const environment = Environment.open(folder, { create: true, mapSizeBytes: 64 * 2 ** 20, noSync: true });
  for (const body of bodies) environment.write(body);
  environment.close();
  return join(folder, 'data.mdb');
}

const rows =
  (dbi: string, count: number, valueBytes: number, flags = 0) =>
  (transaction: WriteTransaction): void => {
    const handle = transaction.openOrCreateDbi(dbi, flags);
    for (let id = 0; id < count; id++) transaction.put(handle, bytes(`k${id}`), Buffer.alloc(valueBytes, id));
  };

/** Values on pages of their own that are gone before the transaction ends: their pages are never written. */
const passing = (transaction: WriteTransaction): void => {
  const handle = transaction.openOrCreateDbi('data', 0);
  transaction.put(handle, bytes('k1'), Buffer.alloc(40));
  for (const key of ['big 1', 'big 2']) transaction.put(handle, bytes(key), Buffer.alloc(200_000));
  for (const key of ['big 1', 'big 2']) transaction.delete(handle, bytes(key));
};

/** The same file, shorter. */
function cut(path: string, sizeBytes: number): string {
  const copy = join(temporaryFolder(), 'data.mdb');
  copyFileSync(path, copy);
  truncateSync(copy, sizeBytes);
  return copy;
}

function refusalOf(path: string): CutShortError | undefined {
  try {
    openWhole(path, { noSubdir: true }).close();
    return undefined;
  } catch (error) {
    if (error instanceof CutShortError) return error;
    throw error;
  }
}

/** How many bytes a file needs, as liblmdb's own tool tells it: up to the last page that it does not list as free. */
function neededBytes(path: string): number {
  const { stdout, status, stderr } = spawnSync('mdb_stat', ['-n', '-e', '-fff', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  const free = new Set<number>();
  for (const [, first, count = '1'] of stdout.matchAll(/^ {8,}(\d+)(?:\[(\d+)\])?$/gm)) {
    for (let page = 0; page < Number(count); page++) free.add(Number(first) + page);
  }
  let used = Number(/Number of pages used: (\d+)/.exec(stdout)![1]);
  while (free.has(used - 1)) used--;
  return used * PAGE;
}

/** Reads all of an LMDB through liblmdb, in a process of its own: it may be ended by SIGBUS. */
function readThrough(path: string): NodeJS.Signals | number | null {
  const { status, signal } = spawnSync('mdb_dump', ['-n', '-a', path], { stdio: 'ignore' });
  return signal ?? status;
}

describe('a data file that is cut short is refused before liblmdb reads in it (I7)', () => {
  it('at every length, with DBIs of all kinds', () => {
    const path = join(temporaryFolder(), 'data.mdb');
    writeFileSync(path, dataFile('small'));
    const needed = neededBytes(path);
    expect(needed).toBeGreaterThan(20 * PAGE);
    for (let sizeBytes = statSync(path).size; sizeBytes >= 2 * PAGE; sizeBytes -= PAGE) {
      truncateSync(path, sizeBytes);
      expect([sizeBytes, refusalOf(path)?.sizeBytes]).toEqual([sizeBytes, sizeBytes < needed ? sizeBytes : undefined]);
    }
  }, 120_000);

  it.each([
    ['the last leaf of a plain DBI', [rows('data', 2_000, 100)]],
    [
      'the end of a large value',
      [...[90, 91, 92, 93].map((size) => rows('data', 300, size)), rows('large', 1, 100_000)],
    ],
    [
      'a tree of duplicates',
      [
        (transaction) => {
          const handle = transaction.openOrCreateDbi('dup', DbiFlag.dupSort);
          for (let id = 0; id < 2_000; id++) transaction.put(handle, bytes('k'), bytes(`${id}`.padStart(100, '0')));
        },
      ],
    ],
    [
      'duplicates of one size',
      [
        (transaction) => {
          const handle = transaction.openOrCreateDbi('dup', DbiFlag.dupSort | DbiFlag.dupFixed);
          for (let id = 0; id < 5_000; id++) transaction.put(handle, bytes('k'), bytes(`${id}`.padStart(20, '0')));
        },
      ],
    ],
    [
      'the tree of free pages',
      [
        rows('data', 2_000, 100),
        rows('data', 2_000, 101),
        (transaction) => {
          transaction.drop(transaction.openDbi('data')!, true);
        },
      ],
    ],
  ] as [string, ((transaction: WriteTransaction) => void)[]][])('by its last page only: %s', (_, bodies) => {
    const path = made(...bodies);
    const needed = neededBytes(path);
    expect(refusalOf(cut(path, needed - PAGE))).toMatchObject({ sizeBytes: needed - PAGE });
    expect(refusalOf(cut(path, needed - 1))).toMatchObject({ sizeBytes: needed - 1 });
    expect(refusalOf(path)).toBeUndefined();
  });

  it('by its last page only: what the unnamed DBI holds', async () => {
    const path = join(temporaryFolder(), 'data.mdb');
    const application = await Application.start(path, { noSubdir: true, mapSizeBytes: 2 ** 24, sync: false });
    onTestFinished(() => application.kill());
    await application.batch({ op: 'fill', dbi: '', prefix: 'k', from: 0, count: 300, valueBytes: 5_000 });
    await application.stop();
    const needed = neededBytes(path);
    expect(refusalOf(path)).toBeUndefined();
    expect(refusalOf(cut(path, needed - PAGE))).toMatchObject({ sizeBytes: needed - PAGE });
  });

  it('within the meta pages, too, where liblmdb takes it for none', () => {
    const path = made(rows('data', 100, 100));
    const whole = statSync(path).size;
    for (const sizeBytes of [152, 200, PAGE, PAGE + 151, PAGE + 152, PAGE + 500, 2 * PAGE - 1]) {
      const refusal = refusalOf(cut(path, sizeBytes));
      expect([sizeBytes, refusal?.sizeBytes]).toEqual([sizeBytes, sizeBytes]);
      expect(refusal!.neededBytes).toBeLessThanOrEqual(whole);
    }
    for (const sizeBytes of [1, 100, 151])
      expect(() => openWhole(cut(path, sizeBytes), { noSubdir: true })).toThrow(NotLmdbError);
  });

  it('names the file, what it has and needs, and what to do; the file is closed again', () => {
    const path = made(rows('data', 1_000, 100));
    const short = cut(path, 5 * PAGE);
    const { code, message, hint } = refusalOf(short)!;
    const has = `it has ${5 * PAGE} bytes, and its meta page speaks of ${statSync(path).size}`;
    expect([code, message]).toEqual(['CUT_SHORT', `the LMDB ${short} is cut short: ${has}`]);
    expect(hint).toMatch(/backup.*options\.create.*bucket/);
    copyFileSync(path, short);
    openWhole(short, { noSubdir: true }).close();
  });

  it('liblmdb would have died of it', () => {
    expect(readThrough(cut(made(rows('data', 1_000, 100)), 2 * PAGE))).toBe('SIGBUS');
  });
});

describe('a whole file that is shorter than its last page says', () => {
  it('is accepted, up to the last page that it needs', () => {
    const path = made(rows('data', 500, 50), rows('data', 500, 51), rows('data', 500, 52), passing);
    const environment = openWhole(path, { noSubdir: true });
    const { lastPageNumber } = environment.info();
    environment.close();
    expect(statSync(path).size).toBeLessThan((lastPageNumber + 1) * PAGE - 50 * PAGE);
    expect(readThrough(path)).toBe(0);
    const needed = neededBytes(path);
    expect(readThrough(cut(path, needed))).toBe(0);
    expect(refusalOf(cut(path, needed))).toBeUndefined();
    expect(refusalOf(cut(path, needed - PAGE))).toMatchObject({ neededBytes: (lastPageNumber + 1) * PAGE });
  });

  it('can be written to', () => {
    const path = made(rows('data', 500, 50), rows('data', 500, 51), passing);
    const environment = openWhole(path, { noSubdir: true });
    onTestFinished(() => environment.close());
    for (let round = 0; round < 20; round++) environment.write(rows(`more ${round}`, 500, 100));
    assertWhole(environment);
    expect(environment.sizeBytes()).toBe((environment.info().lastPageNumber + 1) * PAGE);
  });

  it('is looked at again when somebody commits meanwhile; one that never stands still is let through', () => {
    const path = made(rows('data', 500, 50), rows('data', 500, 51), passing);
    const environment = openWhole(path, { noSubdir: true, noSync: true });
    onTestFinished(() => environment.close());
    /** The environment, with so many commits of somebody else each time between transaction and look. */
    const busy = (isBusy: () => boolean): OpenedFile => ({
      dataPath: environment.dataPath,
      fd: environment.fd,
      pageSizeBytes: environment.pageSizeBytes,
      info: () => ({ ...environment.info(), lastPageNumber: 2 ** 20 }),
      sizeBytes: () => environment.sizeBytes(),
      beginRead: () => {
        const transaction = environment.beginRead();
        if (isBusy()) environment.write(rows('busy', 1, 10));
        return transaction;
      },
    });
    let commits = 0;
    assertWhole(busy(() => commits++ < 3));
    expect(commits).toBe(4);
    assertWhole(busy(() => true));
    assertWhole({
      ...busy(() => false),
      beginRead: () => {
        throw new ReadersFullError(1);
      },
    });
    expect(environment.openTransactions).toBe(0);
  });
});
