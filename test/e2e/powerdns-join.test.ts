import { mkdirSync, readdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dumpLmdb } from '../support/application/lmdb-dump.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { pdnsPair, zoneAnswers } from './powerdns-machine.ts';

function moveMainObjects(from: string, to: string): void {
  for (const name of readdirSync(from).filter((object) => object.startsWith('main__')))
    renameSync(join(from, name), join(to, name));
}

/** Data files of the shard that a process has open. */
function openShards(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      // Closed since it was listed: the listing's own descriptor is one.
      return '';
    }
  });
  return [...new Set(targets.filter((path) => /pdns\.lmdb-0(?:-old)?$/.test(path)))];
}

it('PowerDNS 4.7 starts when its shard has come and its main file has not: it renames the shard, and the new one is synced', async () => {
  const folder = temporaryFolder();
  const [a, b] = await pdnsPair(folder);
  const [bucket, held] = [join(folder, 'bucket'), join(folder, 'held')];
  mkdirSync(held);
  await a.pdns.start();
  a.startSyncer();
  await a.pdns.loadZone('one.example', 'www 3600 IN A 192.0.2.7');
  const isStored = (database: string): boolean => readdirSync(bucket).some((name) => name.startsWith(`${database}__`));
  await eventually(() => isStored('main') && isStored('shard-0'), { what: 'both are in the bucket' });
  await a.syncer.stop();
  moveMainObjects(bucket, held);

  b.startSyncer();
  await b.syncer.says(/"db":"shard-0".*Loaded remote update|Loaded remote update.*"db":"shard-0"/);
  await b.pdns.start();
  expect(readdirSync(b.pdns.folder)).toContain('pdns.lmdb-0-old');
  await b.syncer.complains(/The data file was replaced while it was open/);
  moveMainObjects(held, bucket);
  a.startSyncer();

  await zoneAnswers(b, 'one.example');
  await b.pdns.loadZone('two.example', 'www 3600 IN A 192.0.2.7');
  await zoneAnswers(a, 'two.example');
  expect(openShards(b.syncer.pid)).toEqual([b.pdns.shardPath]);
  // A look between the renaming and the new file finds none, and says so.
  const complaints = b.syncer.complaints().filter((line) => !line.includes('Waiting for the data file'));
  expect(complaints).toEqual([expect.stringContaining('The data file was replaced while it was open')]);
  expect(a.syncer.complaints()).toEqual([]);
  await Promise.all([a.stop(), b.stop()]);
  const [ofA, ofB] = [a, b].map(({ pdns }) => dumpLmdb(pdns.shardPath, { noSubdir: true }));
  expect(ofB?.records).toEqual(ofA?.records);
});
