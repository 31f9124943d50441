import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import { acquireInstanceLock } from '../../src/lmdb/index.ts';
import { runOnce } from '../support/fleet/run-once.ts';
import { storedEntry } from '../support/objects/shadow-entries.ts';
import {
  copyPdnsFiles,
  copyPdnsObjects,
  entriesOf,
  setShards,
  upgradedPdnsFiles,
  writeLmdb,
} from '../support/pdns-files.ts';
import { Workplace } from './harness.ts';
import { checkedJson } from './json-schema.ts';

let place: Workplace;
beforeEach(() => {
  place = new Workplace();
});
afterEach(() => place.remove());

function configOf(main: string, native = false): string {
  const how = native ? 'schema_tracks_changes: true' : 'dupsort_hack: true';
  const lmdb = (name: string, path: string): string =>
    `  ${name}: { path: ${path}, ${how}, options: { no_subdir: true } }\n`;
  return place.file(
    'pdns.yaml',
    `# kept\ninstance: local\nlmdbs:\n${lmdb('main', main)}${lmdb('shard-0', `${main}-0`)}` +
      `storage: { type: fs, options: { root_path: ${place.bucket} } }\n`,
  );
}

const timeOf = (value: Buffer): bigint => value.readBigUInt64BE(0);
const reversed = (hex: string): string => Buffer.from(hex, 'hex').reverse().toString('hex');

describe.each(['pdns-4.9.18-from-4.7.3', 'pdns-5.1.5-from-4.7.3'])(
  'migrate powerdns after the upgrade, %s',
  (upgraded) => {
    let main: string;
    let argv: string[];
    beforeEach(() => {
      main = upgradedPdnsFiles(upgraded, place.folder);
      argv = ['-c', configOf(main), 'migrate', 'powerdns'];
    });

    it('moves every time and deletion mark, in all forms of keys', async () => {
      // A zone that was deleted, whose deletion has not travelled: in the table, and in its index.
      const time = 1_700_000_000_000_000_000n;
      const name = Buffer.from('example\0gone\0');
      writeLmdb(main, (transaction) => {
        transaction.put(
          transaction.openDbi('_sync_shadow_domains')!,
          Buffer.from('01020304', 'hex'),
          storedEntry(time, undefined),
        );
        const key = Buffer.concat([name, Buffer.from('00000000010203040d', 'hex')]);
        transaction.put(transaction.openDbi('_sync_shadow_domains_0')!, key, storedEntry(time, undefined));
      });
      const outcome = await place.run([...argv, '--json']);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      const report = checkedJson('migratePowerdns', outcome.stdout);
      expect(report).toMatchObject({ stage: 'after', dryRun: false });
      for (const table of ['domains', 'keydata', 'metadata', 'tsig']) {
        const shadow = entriesOf(main, `_sync_shadow_${table}`);
        const moved = entriesOf(main, `${table}_v5`);
        expect(shadow.size).toBeGreaterThan(0);
        for (const [key, value] of shadow) expect(timeOf(moved.get(reversed(key))!)).toBe(timeOf(value));
        expect([...entriesOf(main, `${table}_v5_0`).values()].map(timeOf).sort()).toEqual(
          [...shadow.values()].map(timeOf).sort(),
        );
      }
      for (const value of entriesOf(`${main}-0`, 'records_v5').values()) expect(timeOf(value)).toBe(1n);
      // 5.1 has written its schema version itself, and later than the shadow.
      for (const key of ['shards', 'uuid']) {
        expect(timeOf(entriesOf(main, 'pdns').get(Buffer.from(key).toString('hex'))!)).toBe(1n);
      }
      const mark = entriesOf(main, 'domains_v5_0').get(`000d${name.toString('hex')}04030201`)!;
      expect([timeOf(mark), mark[17], mark.length]).toEqual([time, 1, 24]);
      expect(entriesOf(main, 'domains_v5').get('04030201')![17]).toBe(1);
    });

    it('writes a configuration for native mode in a new place, which loads', async () => {
      expect(await place.run(argv)).toMatchObject({ code: 0 });
      const text = readFileSync(join(place.folder, 'pdns.native.yaml'), 'utf8');
      expect(text).toContain('# kept');
      const { lmdbs, storage } = parseConfig(text);
      expect(
        [...lmdbs.values()].map(({ schemaTracksChanges, dupsortHack }) => [schemaTracksChanges, dupsortHack]),
      ).toEqual([
        [true, false],
        [true, false],
      ]);
      expect(storage.options).toMatchObject({ rootPath: `${place.bucket}-native` });
    });

    it('changes nothing when it is run again, but for a file that is in the way', async () => {
      await place.run(argv);
      const before = readFileSync(main);
      expect(await place.run(argv)).toMatchObject({ code: 1, stderr: expect.stringContaining('it exists already') });
      expect(readFileSync(main).equals(before)).toBe(true);
    });

    it('is refused while it is synced, and leaves nothing open then', async () => {
      const lock = acquireInstanceLock(main, 'process 17');
      const outcome = await place.run(argv);
      lock?.release();
      expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('by another lmdbstream already') });
      expect(await place.run(argv)).toMatchObject({ code: 0, stderr: '' });
    });

    it('writes nothing with --dry-run', async () => {
      const before = readFileSync(main);
      const { code, stdout } = await place.run([...argv, '--dry-run', '--json']);
      expect(code).toBe(0);
      const [mainStep] = checkedJson('migratePowerdns', stdout).databases;
      expect(mainStep.tables).toContainEqual({
        from: '_sync_shadow_domains',
        to: 'domains_v5',
        updated: 2,
        addedDeletes: 0,
      });
      expect(readFileSync(main).equals(before)).toBe(true);
      expect(existsSync(join(place.folder, 'pdns.native.yaml'))).toBe(false);
    });

    it.each([
      [
        'added',
        (t: Parameters<Parameters<typeof writeLmdb>[1]>[0]) => {
          t.put(t.openDbi('records_v5')!, Buffer.from('412144556e657700000001', 'hex'), storedEntry(0n, 'x'));
        },
      ],
      [
        'deleted',
        (t) => {
          const dbi = t.openDbi('records_v5')!;
          const cursor = t.cursor(dbi);
          cursor.next();
          t.delete(dbi, cursor.key());
        },
      ],
      [
        'changed',
        (t) => {
          const dbi = t.openDbi('records_v5')!;
          const cursor = t.cursor(dbi);
          cursor.next();
          t.put(dbi, cursor.key(), storedEntry(0n, 'other'));
        },
      ],
    ])('refuses an entry that was %s after the last sync', async (word, change: (t: never) => void) => {
      writeLmdb(`${main}-0`, (transaction) => change(transaction as never));
      const before = readFileSync(`${main}-0`);
      const { code, stdout, stderr } = await place.run(argv);
      expect(code).toBe(1);
      expect(stdout).toMatch(new RegExp(`records_v5: .*1 (entries were )?${word}`));
      expect(stderr).toContain('keeps this LMDB from being migrated');
      expect(readFileSync(`${main}-0`).equals(before)).toBe(true);
    });

    it('takes what the newer server has changed since as it is', async () => {
      writeLmdb(`${main}-0`, (transaction) => {
        const dbi = transaction.openDbi('records_v5')!;
        const cursor = transaction.cursor(dbi);
        cursor.next();
        transaction.put(dbi, cursor.key(), storedEntry(9_000_000_000_000_000_000n, undefined));
      });
      expect(await place.run(argv)).toMatchObject({ code: 0 });
      expect(timeOf([...entriesOf(`${main}-0`, 'records_v5').values()][0]!)).toBe(9_000_000_000_000_000_000n);
    });

    it('refuses more than one shard, and files without shadows', async () => {
      setShards(main, 2);
      expect(await place.run(argv)).toMatchObject({ code: 1, stdout: expect.stringContaining('it has 2 shards') });
      const bare = copyPdnsFiles(`${upgraded}/after`, join(place.folder, 'bare'));
      const config = configOf(bare);
      const outcome = await place.run(['-c', config, 'migrate', 'powerdns']);
      expect(outcome).toMatchObject({ code: 1, stdout: expect.stringContaining('it has no shadows') });
    });
  },
);

describe('migrate powerdns before the upgrade', () => {
  it('says that everything is synced, or what is not', async () => {
    const main = copyPdnsFiles('pdns-4.7.3/after', join(place.folder, 'pdns'));
    copyPdnsObjects('pdns-4.7.3', place.bucket);
    const argv = ['-c', configOf(main), 'migrate', 'powerdns', '--json'];
    expect((await place.run(argv)).stdout).toContain('it has 2 shards');
    setShards(main, 1);
    const { code, stdout } = await place.run(argv);
    expect(code).toBe(1);
    const report = checkedJson('migratePowerdns', stdout);
    expect(report.databases[0].problems).toEqual(['1 entries are unrecorded']);
    expect(report.stage).toBe('before');
    for (const name of ['main', 'shard-0']) {
      const settings = { dupsort_hack: true, options: { no_subdir: true } };
      const path = name === 'main' ? main : `${main}-0`;
      const options = { path, bucket: place.bucket, database: name, instance: 'local', settings };
      expect(await runOnce({ ...options, mode: 'sync' })).toBe(0);
    }
    const ready = await place.run(argv.slice(0, -1));
    expect(ready).toMatchObject({ code: 0, stdout: expect.stringContaining('Everything is synced') });
  });

  it('is refused where there is no PowerDNS', async () => {
    place.fill('main', (transaction) => void transaction.openOrCreateDbi('data', 0));
    const { code, stderr } = await place.run(['migrate', 'powerdns']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: no database .* main file of a PowerDNS\nHint: /);
  });
});
