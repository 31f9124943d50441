import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dumpLmdb } from '../support/application/lmdb-dump.ts';
import { runOnce } from '../support/fleet/run-once.ts';
import { decodeObject } from '../support/objects/decode-object.ts';
import { copyGoldenFile } from '../support/objects/golden-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const GOLDEN = resolve(import.meta.dirname, 'data/pdns-4.7.3');

/** The files of one PowerDNS 4.7.3, and the name of each database in the bucket. */
const DATABASES = { main: 'pdns.lmdb', 'shard-0': 'pdns.lmdb-0', 'shard-1': 'pdns.lmdb-1' };

/** Transaction ids are ours to choose; everything of a first sync is stamped 1 ns. */
function withoutTxnIds(dump: ReturnType<typeof dumpLmdb>): ReturnType<typeof dumpLmdb> {
  const result = { ...dump };
  for (const [name, dbi] of Object.entries(dump)) {
    if (!name.startsWith('_sync_shadow_')) continue;
    const entries = dbi.entries.map(([key, value]): [string, string] => [key, value.slice(0, 16) + value.slice(32)]);
    result[name] = { ...dbi, entries };
  }
  return result;
}

describe('the first sync of a real PowerDNS 4.7.3', () => {
  for (const [database, file] of Object.entries(DATABASES)) {
    it(`${file} becomes what the reference made of it, and so does its snapshot`, async () => {
      const folder = temporaryFolder();
      const bucket = join(folder, 'bucket');
      const path = join(folder, file);
      mkdirSync(bucket);
      copyGoldenFile(join(GOLDEN, 'before', file), path);
      const settings = { schema_tracks_changes: false, dupsort_hack: true, options: { no_subdir: true } };
      expect(await runOnce({ path, bucket, database, instance: 'local', mode: 'sync', settings })).toBe(0);

      const theirs = join(folder, 'theirs');
      copyGoldenFile(join(GOLDEN, 'after', file), theirs);
      const expected = withoutTxnIds(dumpLmdb(theirs, { noSubdir: true }));
      expect(Object.keys(expected).some((name) => name.startsWith('_sync_shadow_'))).toBe(true);
      expect(withoutTxnIds(dumpLmdb(path, { noSubdir: true }))).toEqual(expected);

      const [upload] = readdirSync(bucket).filter((name) => !name.startsWith('.'));
      const [reference] = readdirSync(join(GOLDEN, 'uploaded')).filter((name) => name.startsWith(`${database}__`));
      const { meta, ...content } = await decodeObject(join(bucket, upload!));
      const { meta: theirMeta, ...theirContent } = await decodeObject(join(GOLDEN, 'uploaded', reference!));
      expect(content).toEqual(theirContent);
      expect(meta).toMatchObject({ databaseName: theirMeta.databaseName, instanceID: 'local', generationID: 'GX' });
    });
  }
});
