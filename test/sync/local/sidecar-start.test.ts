import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Environment } from '../../../src/lmdb/index.ts';
import { openSidecar, SidecarPlaceError } from '../../../src/shadow/index.ts';
import { dumpLmdb } from '../../support/application/lmdb-dump.ts';
import { LockstepApplication } from '../../support/application/lockstep-application.ts';
import { runOnce } from '../../support/fleet/run-once.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const SIDECAR = { shadow: 'sidecar', dropped_dbis: 'delete' };

async function started() {
  const folder = temporaryFolder();
  const path = join(folder, 'lmdb');
  const bucket = join(folder, 'bucket');
  for (const made of [path, bucket]) mkdirSync(made);
  const application = LockstepApplication.start();
  application.open(path);
  application.put('d', 'k', 'v'.repeat(100));
  await application.stop();
  const run = (settings: Record<string, unknown> = SIDECAR, instance = 'a') =>
    runOnce({ path, bucket, database: 'main', instance, mode: 'sync', settings });
  const objects = () => readdirSync(bucket).filter((name) => !name.startsWith('.'));
  return { path, run, objects, sidecar: join(path, 'data.mdb.lmdbstream-shadow') };
}

it('a sidecar that is missing is made again from what we have published, and an older one is taken', async () => {
  const { path, run, objects, sidecar } = await started();
  expect([await run(), objects().length, existsSync(sidecar)]).toEqual([0, 1, true]);
  const main = dumpLmdb(path);
  expect(Object.keys(main)).toEqual(['d']);
  renameSync(sidecar, `${sidecar}-kept`);
  // Nothing has changed, and nothing is published.
  expect([await run(), await run(), objects().length]).toEqual([0, 0, 1]);
  expect(dumpLmdb(path)).toEqual(main);
  rmSync(sidecar);
  renameSync(`${sidecar}-kept`, sidecar);
  expect([await run(), objects().length]).toEqual([0, 1]);
});

it('an LMDB that was put in the place of itself, and taken, is known from then on, also where nothing has changed', async () => {
  const { path, run, objects } = await started();
  expect(await run()).toBe(0);
  const dataPath = join(path, 'data.mdb');
  // Beside the old one, so that it is another inode.
  copyFileSync(dataPath, `${dataPath}-copy`);
  renameSync(`${dataPath}-copy`, dataPath);
  expect([await run(), objects().length]).toEqual([0, 1]);
  const application = LockstepApplication.start();
  application.open(path);
  application.put('d', 'k', 'changed');
  await application.stop();
  expect([await run(), objects().length]).toEqual([0, 2]);
});

it('a file that is no LMDB is named, and not taken for the one of the application', async () => {
  const { path, run, sidecar } = await started();
  writeFileSync(sidecar, Buffer.alloc(8192, 7));
  expect(await run()).toBe(1);
  const environment = Environment.open(path);
  const open = () => openSidecar(sidecar, { main: environment, maxDbs: 8 });
  try {
    expect(open).toThrow(SidecarPlaceError);
    expect(open).toThrow(expect.objectContaining({ hint: expect.stringContaining('remove it') }));
  } finally {
    environment.close();
  }
});

it('a configuration that says another place than where the shadow lies is refused', async () => {
  const { path, run, objects, sidecar } = await started();
  expect(await run()).toBe(0);
  expect([await run({}), objects().length]).toEqual([1, 1]);
  expect(Object.keys(dumpLmdb(path))).toEqual(['d']);
  rmSync(sidecar);
  // As a machine of another name it may start anew.
  expect([await run({}, 'b'), Object.keys(dumpLmdb(path))]).toEqual([0, ['_sync_shadow_d', 'd']]);
  expect([await run(SIDECAR, 'b'), existsSync(sidecar)]).toEqual([1, false]);
});
