import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { eventually } from '../support/eventually.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';
import { objectsOf } from './product.ts';

describe('what the bucket shows', () => {
  it('an object that was seen half-written (cp, scp, rsync) is read again when it is complete', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    await a.application.put('data', 'k', 'own');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    const nano = BigInt(Date.now()) * 1_000_000n;
    const entries = Array.from({ length: 500 }, (_, index) => ({ key: `k${index}`, value: `v${index * 7919}`, nano }));
    const object = objectOf([dbiOf('data', entries)]);
    const timestampNano = toTimestampNano(nano);
    const name = buildSnapshotName({
      databaseName: 'main',
      instanceId: 'peer',
      timestampNano,
      generationId: 'GX',
      kind: 'snapshot',
    });
    writeFileSync(join(bucket, name), object.subarray(0, object.length >> 1));
    await syncer.complains(/Refused a remote object/);
    writeFileSync(join(bucket, name), object);
    const all = Object.fromEntries(entries.map(({ key, value }) => [key, value]));
    await texts(a.application, 'data', { ...all, k: 'own' });
  });

  it('our newest object is gone from it: told by name, and published again', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    const lost = objectsOf(bucket);
    for (const name of lost) rmSync(join(bucket, name));
    await syncer.complains(new RegExp(lost.at(-1)!.replaceAll('.', '\\.')));
    await eventually(() => objectsOf(bucket).some((name) => !lost.includes(name)));
    const b = await machine(folder, 'b');
    b.start();
    await texts(b.application, 'data', { k: '1' });
  });
});
