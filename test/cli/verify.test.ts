import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WriteTransaction } from '../../src/lmdb/index.ts';
import { runOnce } from '../support/fleet/run-once.ts';
import { Workplace } from './harness.ts';
import { checkedJson } from './json-schema.ts';

let place: Workplace;
beforeEach(() => {
  place = new Workplace();
});
afterEach(() => place.remove());

const b = (text: string): Buffer => Buffer.from(text);

function fill(entries: Readonly<Record<string, string>>, name = 'main'): void {
  place.fill(name, (transaction: WriteTransaction) => {
    const dbi = transaction.openOrCreateDbi('data', 0);
    for (const [key, value] of Object.entries(entries)) transaction.put(dbi, b(key), b(value));
  });
}

async function sync(instance: string, name = 'main', deltas: 'auto' | 'off' = 'auto'): Promise<void> {
  const options = { path: place.lmdbPath(name), bucket: place.bucket, database: 'main', instance };
  expect(await runOnce({ ...options, mode: 'sync', settings: {}, deltas })).toBe(0);
}

async function verify(...words: string[]) {
  const { code, stdout, stderr } = await place.run(['verify', ...words, '--json']);
  return { code, stderr, report: checkedJson('verify', stdout) };
}

describe('verify with the bucket', () => {
  it('is equal after a sync, on every machine with the same hashes', async () => {
    fill({ a: '1', b: '2', empty: '' });
    await sync('here');
    await sync('there', 'other');
    const first = await verify();
    expect(first).toMatchObject({ code: 0, stderr: '', report: { equal: true } });
    expect(first.report.databases[0]).toMatchObject({ differences: 0, counts: {}, refused: [] });
    expect(first.report.databases[0].objects).toHaveLength(1);
    const config = readFileSync(place.config, 'utf8').replace(place.lmdbPath('main'), place.lmdbPath('other'));
    const second = await place.run(['-c', place.file('other.yaml', config), 'verify', '--json']);
    expect(checkedJson('verify', second.stdout).databases[0].dbis).toEqual(first.report.databases[0].dbis);
  });

  it('tells what is not recorded, not published and not merged', async () => {
    fill({ a: '1', b: '2' });
    await sync('here');
    await sync('there', 'other');
    fill({ a: 'changed', c: 'new' });
    const unrecorded = await verify();
    expect(unrecorded).toMatchObject({ code: 1, report: { equal: false } });
    expect(unrecorded.report.databases[0]).toMatchObject({ differences: 2, counts: { unrecorded: 2 } });
    fill({ b: 'newer' }, 'other');
    await sync('there', 'other');
    const { report } = await verify();
    expect(report.databases[0].counts).toEqual({ unmerged: 1, unrecorded: 2 });
    expect(report.databases[0].first[0]).toMatchObject({
      kind: 'unmerged',
      dbi: 'data',
      key: b('b').toString('hex'),
      left: { value: b('2').toString('hex'), deleted: false },
      right: { value: b('newer').toString('hex'), deleted: false },
    });
  });

  it('finds that an object is gone: what only it had is not published', async () => {
    fill({ a: '1', b: '2' });
    await sync('here');
    const { stdout } = await place.run(['snapshots', 'list']);
    await place.run(['snapshots', 'remove', stdout.trim()]);
    const { code, report } = await verify('--limit', '1');
    expect(code).toBe(1);
    expect(report.databases[0]).toMatchObject({ differences: 2, counts: { unpublished: 2 } });
    expect(report.databases[0].first).toHaveLength(1);
  });

  it('reports an object that nobody can read', async () => {
    fill({ a: '1' });
    await sync('here');
    const name = 'main__broken__20261123-120000-000000000__GX.pb.gz';
    writeFileSync(join(place.bucket, name), 'no gzip');
    const { code, report } = await verify();
    expect(code).toBe(1);
    expect(report.databases[0]).toMatchObject({ equal: false, differences: 0 });
    expect(report.databases[0].refused).toEqual([{ name, reason: expect.stringContaining('corrupt') }]);
  });

  it('prints the same for a person', async () => {
    fill({ a: '1' });
    await sync('here');
    fill({ a: '2' });
    const { code, stdout } = await place.run(['verify', '-d', 'main']);
    expect(code).toBe(1);
    expect(stdout).toContain('main: different from the bucket (1 objects read)\n  data: ');
    expect(stdout).toContain('  1 unrecorded: changed by the application');
    expect(stdout).toContain('  unrecorded  data  a [61]\n');
  });

  it('writes nothing, neither to the LMDB nor to the bucket', async () => {
    fill({ a: '1' });
    const file = join(place.lmdbPath('main'), 'data.mdb');
    const before = readFileSync(file);
    await verify();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('ends with 3 where it cannot be found out, and with 2 for a mistake', async () => {
    expect(await place.run(['verify'])).toMatchObject({ code: 3, stderr: expect.stringMatching(/^Error: .*\nHint: /) });
    expect(await place.run(['verify', '-d', 'third'])).toMatchObject({ code: 2 });
    expect(await place.run(['verify', '--limit', 'x'])).toMatchObject({ code: 2 });
    const missing = place.file('missing.yaml', readFileSync(place.config, 'utf8').replace('/bucket', '/no-bucket'));
    fill({});
    expect(await place.run(['-c', missing, 'verify'])).toMatchObject({ code: 3 });
    expect(() => statSync(join(place.folder, 'no-bucket'))).toThrow();
  });
});

describe('verify lmdbs', () => {
  it('compares what applications see, entry by entry', async () => {
    fill({ same: '1', other: 'x', left: '1' }, 'one');
    fill({ same: '1', other: 'y', right: '1' }, 'two');
    place.fill('two', (transaction) => void transaction.openOrCreateDbi('more', 0));
    const words = ['verify', 'lmdbs', place.lmdbPath('one'), place.lmdbPath('two'), '--json'];
    const { code, stdout } = await place.run(words);
    expect(code).toBe(1);
    const report = checkedJson('verifyPair', stdout);
    expect(report.counts).toEqual({ onlyLeft: 1, onlyRight: 1, value: 1, dbi: 1 });
    expect(report.dbis.map(({ dbi }: { dbi: string }) => dbi)).toEqual(['data', 'more']);
    const equal = await place.run([
      'verify',
      'lmdbs',
      place.lmdbPath('one'),
      place.lmdbPath('one').concat('/data.mdb'),
    ]);
    // One LMDB under two paths cannot be opened twice in one process, and is equal by nature.
    expect(equal.code).toBe(3);
  });

  it('is equal for equal ones', async () => {
    fill({ a: '1', b: '2' }, 'one');
    fill({ b: '2', a: '1' }, 'two');
    const { code, stdout } = await place.run(['verify', 'lmdbs', place.lmdbPath('one'), place.lmdbPath('two')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^equal: /);
  });

  it('ends with 3 for a path that is none', async () => {
    const { code, stderr } = await place.run(['verify', 'lmdbs', '/nowhere/a', '/nowhere/b']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^Error: cannot read \/nowhere\/a/);
  });
});

describe('verify objects', () => {
  it('compares two objects, with --times their times as well', async () => {
    fill({ a: '1', b: '2' });
    await sync('here', 'main', 'off');
    const [name] = (await place.run(['snapshots', 'list'])).stdout.trim().split('\n');
    const equal = await place.run(['verify', 'objects', name!, name!, '--times', '--json']);
    expect([equal.code, checkedJson('verifyPair', equal.stdout).differences]).toEqual([0, 0]);
    fill({ b: '2+' });
    await sync('here', 'main', 'off');
    const files = readdirSync(place.bucket).filter((file) => file.startsWith('main__'));
    expect(files).toHaveLength(2);
    const paths = files.sort().map((file) => join(place.bucket, file));
    const different = await place.run(['verify', 'objects', '--local', ...paths, '--json']);
    expect(different.code).toBe(1);
    expect(checkedJson('verifyPair', different.stdout)).toMatchObject({ counts: { value: 1 }, differences: 1 });
    const timed = await place.run(['verify', 'objects', '--local', ...paths, '--times', '--json']);
    expect(checkedJson('verifyPair', timed.stdout)).toMatchObject({ counts: { value: 1 }, differences: 1 });
  });
});
