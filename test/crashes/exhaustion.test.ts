import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MIB, machine, texts } from '../e2e/machine.ts';
import type { Syncer } from '../e2e/product.ts';
import { eventually } from '../support/eventually.ts';
import { withoutPrivileges } from '../support/privileges.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A file system that is small. @returns undefined where this user may not mount one */
function smallDisk(sizeBytes: number): string | undefined {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder]).status !== 0) return undefined;
  // Registered later than the folder's removal, so it comes before it.
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
  return folder;
}

const mayMount =
  process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
if (!mayMount) process.stdout.write('not tested here: a full disk, for this user may not mount a small one\n');

/** Fills what is left of a small disk. @returns what makes room again */
function ballast(disk: string): () => void {
  const file = join(disk, 'ballast');
  for (let sizeBytes = MIB; sizeBytes >= 4096; sizeBytes /= 2) {
    for (let full = false; !full; ) {
      try {
        writeFileSync(file, Buffer.alloc(sizeBytes), { flag: 'a' });
      } catch {
        full = true;
      }
    }
  }
  return () => rmSync(file);
}

/** Fewer than any process of Node has open. */
const FEW_FILES = 8;
const limitFiles = ({ pid }: Syncer, limit: number): void =>
  void execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);

const FILL = { op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: 4_000, valueBytes: 1_000 } as const;

describe('a full disk', () => {
  it.skipIf(!mayMount)(
    'under the LMDB: said with a hint, nothing half-written, and the rest follows when there is room',
    async () => {
      const folder = temporaryFolder();
      const disk = smallDisk(24 * MIB)!;
      const path = join(disk, 'a.mdb');
      const a = await machine(folder, 'a', { lmdb: { path } });
      await a.application.open(path, { noSubdir: true, mapSizeBytes: 64 * MIB, sync: false });
      const b = await machine(folder, 'b', { mapSizeBytes: 64 * MIB });
      await a.application.put('data', 'own', 'of a');
      const aSyncer = a.start();
      await aSyncer.says(/Stored snapshot/);
      const makeRoom = ballast(disk);
      await b.application.batch(FILL);
      const bSyncer = b.start();
      await aSyncer.complains(/make room|full disk/);
      expect(await a.application.texts('data')).toEqual({ own: 'of a' });
      expect([aSyncer.isRunning, bSyncer.isRunning]).toEqual([true, true]);
      makeRoom();
      await eventually(async () => expect(await a.application.scan('data')).toHaveLength(FILL.count + 1), {
        deadlineMs: 60_000,
      });
      expect(await aSyncer.stop()).toBe(0);
      expect(statSync(path).size).toBeLessThan(24 * MIB);
    },
  );

  it.skipIf(!mayMount)(
    'under the bucket: said with a hint, nothing half-visible, merging goes on, and stored when there is room',
    async () => {
      const folder = temporaryFolder();
      const disk = smallDisk(4 * MIB)!;
      const bucket = join(disk, 'bucket');
      const more = { storage: { type: 'fs', options: { root_path: bucket } } };
      const a = await machine(folder, 'a', { more });
      const b = await machine(folder, 'b', { more });
      await a.application.put('data', 'a', '1');
      await b.application.put('data', 'b', '1');
      const aSyncer = a.start();
      const bSyncer = b.start();
      await texts(a.application, 'data', { a: '1', b: '1' });
      await texts(b.application, 'data', { a: '1', b: '1' });
      const before = readdirSync(bucket).filter((name) => !name.startsWith('.'));
      const makeRoom = ballast(disk);
      await a.application.put('data', 'a', '2');
      await aSyncer.complains(/free space/);
      expect(readdirSync(bucket).filter((name) => !name.startsWith('.'))).toEqual(before);
      makeRoom();
      await texts(b.application, 'data', { a: '2', b: '1' });
      for (const syncer of [aSyncer, bSyncer]) expect(await syncer.stop()).toBe(0);
      // No temporary file of a store that failed is left.
      expect(readdirSync(bucket).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );
});

describe('too many open files', () => {
  it('while it runs: said with a hint, the process goes on, and all follows when there are more', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', '1');
    const aSyncer = a.start();
    b.start();
    await texts(b.application, 'data', { k: '1' });
    // What is open stays open.
    limitFiles(aSyncer, FEW_FILES);
    await eventually(async () => {
      await a.application.put('data', 'k', '2');
      return /"level":"(?:warning|error)".*open files/.test(aSyncer.output);
    });
    expect(aSyncer.isRunning).toBe(true);
    limitFiles(aSyncer, 1_024);
    await texts(b.application, 'data', { k: '2' });
    await b.application.put('data', 'k', '3');
    await texts(a.application, 'data', { k: '3' });
    expect(await aSyncer.stop()).toBe(0);
  });
});

describe('a full reader table', () => {
  it('while it runs: local and remote changes go on or wait, and all follows when there is room', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { maxReaders: 8 });
    const b = await machine(folder, 'b');
    await a.application.put('data', 'a', '1');
    const aSyncer = a.start();
    b.start();
    await texts(b.application, 'data', { a: '1' });
    const held: number[] = [];
    for (let isFull = false; !isFull; ) {
      await a.application.holdRead().then(
        (read) => held.push(read),
        () => {
          isFull = true;
        },
      );
    }
    expect(held.length).toBeGreaterThan(3);
    await a.application.put('data', 'a', '2');
    await b.application.put('data', 'b', '2');
    for (const read of held) await a.application.releaseRead(read);
    await texts(a.application, 'data', { a: '2', b: '2' });
    await texts(b.application, 'data', { a: '2', b: '2' });
    expect(aSyncer.isRunning).toBe(true);
    expect(await aSyncer.stop()).toBe(0);
  });
});

describe('a folder of the LMDB that may only be read', () => {
  it('with files that may be written: both ways, and it says that a second sync would not be noticed', async () => {
    const folder = temporaryFolder();
    const place = join(folder, 'place');
    mkdirSync(place);
    const path = join(place, 'a.mdb');
    const a = await machine(folder, 'a', { lmdb: { path } });
    await a.application.open(path, { noSubdir: true, mapSizeBytes: 8 * MIB, sync: false });
    const b = await machine(folder, 'b');
    await a.application.put('data', 'a', '1');
    chmodSync(folder, 0o777);
    for (const file of [path, `${path}-lock`]) chmodSync(file, 0o666);
    chmodSync(place, 0o555);
    onTestFinished(() => chmodSync(place, 0o755));
    const syncer = a.start({ wrapper: withoutPrivileges });
    b.start();
    await texts(b.application, 'data', { a: '1' });
    await b.application.put('data', 'b', '1');
    await texts(a.application, 'data', { a: '1', b: '1' });
    await syncer.complains(/a second sync on it would not be noticed/);
    expect(await syncer.stop()).toBe(0);
  });
});

describe('a heap of 128 MB', () => {
  it('is enough to publish and to merge an object that unpacks to more', async () => {
    const folder = temporaryFolder();
    const mapSizeBytes = 1_024 * MIB;
    const a = await machine(folder, 'a', { mapSizeBytes });
    const b = await machine(folder, 'b', { mapSizeBytes });
    const large = { ...FILL, count: 160_000 };
    await a.application.batch(large);
    await b.application.batch({ op: 'create', dbi: 'data' });
    const env = { NODE_OPTIONS: '--max-old-space-size=128' };
    const syncers = [a.start({ env }), b.start({ env })];
    await syncers[1]!.says(new RegExp(`"entries":${large.count},.*Loaded remote update`), 120_000);
    await b.application.put('data', 'last', 'word');
    await eventually(async () => expect((await a.application.info()).last_txnid).toBeGreaterThan(1));
    await syncers[0]!.says(/"snapshot_instance":"b".*Loaded remote update/, 60_000);
    for (const syncer of syncers) expect(await syncer.stop()).toBe(0);
  }, 240_000);
});

describe('more DBIs than max_dbs while it runs', () => {
  it('of the application: ends with exit code 1 and the hint', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: { options: { no_subdir: true, max_dbs: 8 } } });
    await a.application.put('data', 'k', 'v');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    // Together: only DBIs that changed since the last look are opened, so that one by one there are never too many.
    const names = Array.from({ length: 10 }, (_, index) => `d${index}`);
    await a.application.batch(...names.map((dbi) => ({ op: 'put', dbi, key: 'k', value: 'v' }) as const));
    expect(await syncer.ended()).toBe(1);
    expect(syncer.output).toMatch(/raise options\.max_dbs/);
  });
});
