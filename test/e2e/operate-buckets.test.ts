import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkedJson } from '../cli/json-schema.ts';
import { useAzurite, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { azurePlace, Machine, type Place, s3Place } from './buckets-machine.ts';
import { runProduct } from './product.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

const PLACES: readonly [string, () => Place][] = [
  ['SeaweedFS', () => s3Place(seaweedfs)],
  ['Azurite', () => azurePlace(azurite)],
];

describe.each(PLACES)('doctor and verify over %s', (_, makePlace) => {
  it('try every right, compare the clocks, and leave nothing behind', async () => {
    const folder = temporaryFolder();
    const machine = await Machine.create(folder, 'a', { place: makePlace() });
    await machine.application.put('data', 'k', 'v');
    const syncer = machine.start();
    await syncer.says(/Stored snapshot/);
    expect(await syncer.stop()).toBe(0);
    const config = join(folder, 'a.yaml');
    const flags = ['--config', config, '--instance', 'a'];
    const words = ['doctor', '--probe-write', '--json', '--pdns-conf', config];
    const { findings } = checkedJson('doctor', (await runProduct([...flags, ...words])).stdout);
    const levels = Object.fromEntries(findings.map(({ check, level }: Record<string, string>) => [check, level]));
    for (const check of ['bucket-open', 'bucket-list', 'bucket-load', 'bucket-store', 'bucket-delete', 'clock']) {
      expect([check, levels[check]]).toEqual([check, 'ok']);
    }
    expect(await runProduct([...flags, 'verify'])).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await runProduct([...flags, 'snapshots', 'list']);
    expect(stdout).toMatch(/^main__a__[^\n]*\n$/);
  });
});
