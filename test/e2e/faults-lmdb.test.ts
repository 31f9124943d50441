import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { eventually } from '../support/eventually.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';
import { runProduct } from './product.ts';

/** Puts a snapshot of instance `peer` into a folder that is a bucket, as a whole. */
function deliver(bucket: string, nano: bigint, object: Buffer): void {
  const timestampNano = toTimestampNano(nano);
  const parts = {
    databaseName: 'main',
    instanceId: 'peer',
    timestampNano,
    generationId: 'GX',
    kind: 'snapshot',
  } as const;
  const name = buildSnapshotName(parts);
  writeFileSync(join(bucket, `.${name}`), object);
  renameSync(join(bucket, `.${name}`), join(bucket, name));
}

describe('an application that opens with MDB_WRITEMAP', () => {
  it('on tmpfs, where the file’s time stands still: its later change wins over an older one', async () => {
    const folder = temporaryFolder();
    const memory = mkdtempSync('/dev/shm/lmdbstream-e2e-');
    onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
    const path = join(memory, 'a.mdb');
    const a = await machine(folder, 'a', { lmdb: { path }, writeMap: true });
    await a.application.open(path, { noSubdir: true, mapSizeBytes: 2 ** 20, writeMap: true, sync: false });
    await a.application.put('data', 'k', 'first');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    const olderMs = Date.now() + 500;
    // Looks that see nothing new come every 100 ms at least.
    await eventually(() => Date.now() > olderMs + 1000);
    await a.application.put('data', 'k', 'newer');
    await syncer.says(/Stored snapshot.*Stored snapshot/s);
    const nano = BigInt(olderMs) * 1_000_000n;
    const older = [
      { key: 'k', value: 'older', nano },
      { key: 'l', value: 'arrived', nano },
    ];
    deliver(join(folder, 'bucket'), nano, objectOf([dbiOf('data', older)]));
    await texts(a.application, 'data', { k: 'newer', l: 'arrived' });
  });
});

describe('few slots in the reader table', () => {
  it.each([1, 2, 3])('%i, of which the application keeps one for good: both ways', async (maxReaders) => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { maxReaders });
    const b = await machine(folder, 'b');
    const read = await a.application.holdRead();
    await a.application.put('data', 'a', '1');
    const syncer = a.start();
    b.start();
    await texts(b.application, 'data', { a: '1' });
    await b.application.put('data', 'b', '2');
    await a.application.releaseRead(read);
    await texts(a.application, 'data', { a: '1', b: '2' });
    await syncer.complains(/few reader slots/);
    expect(syncer.complaints()).toHaveLength(1);
    expect(await syncer.stop()).toBe(0);
  });
});

describe('more DBIs than max_dbs', () => {
  it('in an object: refused once with the hint, and everything else goes on', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: { options: { no_subdir: true, max_dbs: 8 } } });
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    const nano = BigInt(Date.now()) * 1_000_000n;
    const many = Array.from({ length: 20 }, (_, index) => dbiOf(`dbi${index}`, [{ key: 'k', value: 'v', nano }]));
    deliver(join(folder, 'bucket'), nano, objectOf(many));
    await syncer.complains(/raise options\.max_dbs.*Refused a remote object/);
    await a.application.put('data', 'k', '2');
    await syncer.says(/Stored snapshot.*Stored snapshot/s);
    expect(syncer.complaints().filter((line) => line.includes('Refused'))).toHaveLength(1);
    expect(Object.keys(await a.application.dbis()).filter((name) => name.includes('dbi'))).toEqual([]);
  });

  it('of the application: sync ends with the hint', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: { options: { no_subdir: true, max_dbs: 8 } } });
    const many = Array.from(
      { length: 10 },
      (_, index) => ({ op: 'put', dbi: `d${index}`, key: 'k', value: 'v' }) as const,
    );
    await a.application.batch(...many);
    const syncer = a.start();
    expect(await syncer.ended()).toBe(1);
    expect(syncer.output).toMatch(/raise options\.max_dbs/);
  });
});

describe('drop-shadow', () => {
  it('is refused while sync runs, and works afterwards', async () => {
    const folder = temporaryFolder();
    const { application, config, start } = await machine(folder, 'a');
    await application.put('data', 'k', '1');
    const syncer = start();
    await syncer.says(/Stored snapshot/);
    const args = ['--config', config, '--instance', 'a', 'drop-shadow'];
    const refused = await runProduct(args);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`synced by another lmdbstream already: process ${syncer.pid}`);
    expect(await syncer.stop()).toBe(0);
    expect(await runProduct(args)).toMatchObject({ code: 0, stdout: 'main: dropped _sync_shadow_data (1 entries)\n' });
  });
});
