import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { type Machine, machine, texts } from './machine.ts';

/** `mdb_copy -c`: a compacted copy, whose transactions are counted from 1 again. */
function compactedCopy(path: string, copy: string): void {
  const { status, stderr } = spawnSync('mdb_copy', ['-n', '-c', path, copy], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mdb_copy: ${stderr}`);
}

/** Two machines in step, with one entry; the first one's syncer. */
async function pair(folder: string) {
  const [a, b] = [await machine(folder, 'a'), await machine(folder, 'b')];
  await a.application.put('data', 'k1', 'one');
  const syncer = a.start();
  await syncer.says(/Stored snapshot/);
  b.start();
  await texts(b.application, 'data', { k1: 'one' });
  return { a, b, syncer };
}

/** Each machine changes something, and both see both. */
async function bothWays(a: Machine, b: Machine, before: Record<string, string>): Promise<void> {
  await a.application.put('data', 'from a', '1');
  await b.application.put('data', 'from b', '2');
  const both = { ...before, 'from a': '1', 'from b': '2' };
  await texts(b.application, 'data', both);
  await texts(a.application, 'data', both);
}

const opening = { noSubdir: true, mapSizeBytes: 8 * 2 ** 20, sync: false };

describe('the data file is replaced while sync runs', () => {
  it('a compacted copy moved into place (mdb_copy -c, mv)', async () => {
    const folder = temporaryFolder();
    const { a, b, syncer } = await pair(folder);
    await a.application.close();
    compactedCopy(a.path, `${a.path}.new`);
    renameSync(`${a.path}.new`, a.path);
    await syncer.complains(/data file was replaced while it was open/);
    await syncer.says(/Opened LMDB.*Opened LMDB/s);
    await a.application.open(a.path, opening);
    await bothWays(a, b, { k1: 'one' });
    expect(syncer.isRunning).toBe(true);
    expect(await syncer.stop()).toBe(0);
  });

  it('removed, and made again by the application some time later', async () => {
    const folder = temporaryFolder();
    const { a, b, syncer } = await pair(folder);
    await a.application.close();
    for (const suffix of ['', '-lock']) rmSync(a.path + suffix);
    await syncer.complains(/Waiting for the data file/);
    await a.application.open(a.path, opening);
    await a.application.put('data', 'k2', 'two');
    // What was in the old file comes back from the bucket.
    await texts(b.application, 'data', { k1: 'one', k2: 'two' });
    await texts(a.application, 'data', { k1: 'one', k2: 'two' });
    await bothWays(a, b, { k1: 'one', k2: 'two' });
    expect(syncer.isRunning).toBe(true);
  });

  it('an older copy moved into place: what was published since is merged into it again', async () => {
    const folder = temporaryFolder();
    const { a, b, syncer } = await pair(folder);
    compactedCopy(a.path, `${a.path}.backup`);
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'k1', value: 'newer' },
      { op: 'put', dbi: 'data', key: 'since', value: 'the backup' },
    );
    await texts(b.application, 'data', { k1: 'newer', since: 'the backup' });
    await a.application.close();
    rmSync(`${a.path}-lock`);
    renameSync(`${a.path}.backup`, a.path);
    await syncer.complains(/data file was replaced while it was open/);
    await a.application.open(a.path, opening);
    await texts(a.application, 'data', { k1: 'newer', since: 'the backup' });
    await bothWays(a, b, { k1: 'newer', since: 'the backup' });
  });

  it('the folder is renamed, and another one is put in its place', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'lmdb');
    mkdirSync(path);
    const here = { lmdb: { path, options: {} } };
    const a = await machine(folder, 'a', here);
    await a.application.open(path, { mapSizeBytes: 8 * 2 ** 20, sync: false });
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k1', 'one');
    const syncer = a.start();
    b.start();
    await texts(b.application, 'data', { k1: 'one' });
    renameSync(path, `${path}.old`);
    await syncer.complains(/Waiting for the data file/);
    await a.application.open(path, { mapSizeBytes: 8 * 2 ** 20, sync: false });
    await texts(a.application, 'data', { k1: 'one' });
    await bothWays(a, b, { k1: 'one' });
  });

  it('what is there is no LMDB: sync ends and says so', async () => {
    const folder = temporaryFolder();
    const { a, syncer } = await pair(folder);
    spawnSync('sh', ['-c', 'head -c 20000 /dev/urandom >"$0.new" && mv "$0.new" "$0"', a.path]);
    expect(await syncer.ended()).toBe(1);
    expect(syncer.output).toMatch(/not an LMDB data file/);
    expect(syncer.output).not.toMatch(/\n\s+at /);
  });

  it('a stop while it waits for the file ends it cleanly', async () => {
    const folder = temporaryFolder();
    const { a, syncer } = await pair(folder);
    await a.application.close();
    rmSync(a.path);
    await syncer.complains(/Waiting for the data file/);
    expect(await syncer.stop()).toBe(0);
  });
});
