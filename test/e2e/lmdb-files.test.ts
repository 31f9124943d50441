import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HeaderWriter } from '../../src/merge/index.ts';
import { customOrder } from '../support/application/custom-order.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';
import { objectsOf, runProduct, writeConfig } from './product.ts';

describe('an LMDB that cannot be synchronised', () => {
  it.each([
    { mode: 'shadow', native: false, kind: 'keys' },
    { mode: 'native', native: true, kind: 'keys' },
    { mode: 'dupsort', native: false, kind: 'duplicates' },
  ] as const)('an order of the application’s own, $mode: sync ends, nothing is written or published', async (setup) => {
    const { native, kind } = setup;
    const folder = temporaryFolder();
    const path = join(folder, 'db');
    const bucket = join(folder, 'bucket');
    for (const name of [path, bucket]) mkdirSync(name);
    const prefix = native ? { prefix: Buffer.from(new HeaderWriter(1).set(1, 1, 0)) } : {};
    customOrder(path, { kind, what: 'put', from: 1, to: 160, ...prefix });
    const lmdbs = { main: { path, schema_tracks_changes: native, dupsort_hack: !native } };
    const config = writeConfig(folder, 'a', { lmdbs, bucket });
    const { code, stderr } = await runProduct(['--config', config, '--instance', 'a', '--log-level', 'fatal', 'sync']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^Error: .*DBI data is ordered by the application itself.*\nHint: .*mdb_set_(compare|dupsort)/,
    );
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(customOrder(path, { kind, what: 'count', from: 1, to: 160 })).toBe(159);
    expect(objectsOf(bucket)).toEqual([]);
  });

  it('data in the unnamed DBI: sync ends and says what to do, at the start and later', async () => {
    const folder = temporaryFolder();
    const { application, start } = await machine(folder, 'a');
    await application.put('data', 'k', 'v');
    const syncer = start();
    await syncer.says(/Stored snapshot/);
    await application.put('', 'key1', 'in the unnamed DBI');
    expect(await syncer.ended()).toBe(1);
    expect(syncer.output).toMatch(/the unnamed DBI holds data/);
    const again = start();
    expect(await again.ended()).toBe(1);
    expect(again.output).toMatch(/the unnamed DBI holds data/);
    expect(again.output).toMatch(/keep its data in a named DBI/);
    expect(await application.texts('data')).toEqual({ k: 'v' });
  });
});

describe('two sync processes on one LMDB', () => {
  it('the second is refused and names the first; after a kill -9 of that it starts', async () => {
    const folder = temporaryFolder();
    const { application, start } = await machine(folder, 'a');
    const first = start();
    await application.put('data', 'k', '1');
    await first.says(/Stored snapshot/);
    const second = start({ instance: 'b' });
    expect(await second.ended()).toBe(1);
    expect(second.output).toContain(`synced by another lmdbstream already: process ${first.pid}, instance a`);
    expect(first.isRunning).toBe(true);
    await first.kill();
    const third = start({ instance: 'b' });
    await third.says(/Stored snapshot/);
    expect(await third.stop()).toBe(0);
  });

  it('reading commands go on beside it', async () => {
    const folder = temporaryFolder();
    const { application, config, start } = await machine(folder, 'a');
    await application.put('data', 'k', '1');
    await start().says(/Stored snapshot/);
    const { code, stdout } = await runProduct(['--config', config, '--instance', 'a', 'stats']);
    expect(code).toBe(0);
    expect(stdout).toContain('dbi data:');
  });
});

describe('DBIs whose names differ only in bytes that are no UTF-8', () => {
  it('each reaches the other machine as itself', async () => {
    const folder = temporaryFolder();
    const [a, b] = [await machine(folder, 'a'), await machine(folder, 'b')];
    const names = ['d\udcfe', 'd\udcff'];
    await a.application.batch(...names.map((dbi, index) => ({ op: 'put', dbi, key: 'k', value: `${index}` }) as const));
    a.start();
    await b.application.put('other', 'k', 'v');
    b.start();
    for (const [index, dbi] of names.entries()) await texts(b.application, dbi, { k: `${index}` });
    expect(Object.keys(await b.application.dbis()).filter((name) => name.startsWith('d'))).toEqual(names);
  });
});
