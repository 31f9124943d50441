import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { PowerDns } from '../support/application/pdns.ts';
import { eventually } from '../support/eventually.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { type Place, s3Place } from './buckets-machine.ts';
import { Syncer, writeConfig } from './product.ts';

const seaweedfs = await useSeaweedfs();
const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-pdns-s3-'));

interface DnsMachine {
  readonly pdns: PowerDns;
  readonly syncer: Syncer;
}

async function start(name: string, place: Place): Promise<DnsMachine> {
  const pdns = await PowerDns.create(join(folder, name));
  await pdns.start();
  const common = { options: { no_subdir: true, create: true }, dupsort_hack: true };
  const config = writeConfig(folder, name, {
    lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
    bucket: '',
    more: { storage: place },
  });
  return { pdns, syncer: new Syncer({ config, instance: name }) };
}

describe('two PowerDNS servers with SeaweedFS between them, update markers on', () => {
  const machines: DnsMachine[] = [];

  beforeAll(async () => {
    const place = s3Place(seaweedfs, { use_update_marker: true });
    for (const name of ['a', 'b']) machines.push(await start(name, place));
  });

  afterAll(async () => {
    for (const { pdns, syncer } of machines) {
      await syncer.kill();
      await pdns.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('a zone travels from A to B, a change back, and a deletion; the logs are clean', async () => {
    onTestFailed(() => {
      for (const { syncer } of machines) process.stderr.write(`--- ${syncer.pid}\n${syncer.output.slice(-6_000)}\n`);
    });
    const [a, b] = machines as [DnsMachine, DnsMachine];
    const answersOn = ({ pdns }: DnsMachine, name: string, expected: string[]): Promise<void> =>
      eventually(async () => expect(await pdns.answers(name, 'A')).toEqual(expected), {
        deadlineMs: 45_000,
        intervalMs: 150,
        what: `${name} A = ${expected.join(' ') || 'nothing'}`,
      });
    await a.pdns.loadZone('example.org', 'ns1 3600 IN A 192.0.2.53', 'www 300 IN A 192.0.2.1');
    await answersOn(b, 'www.example.org', ['192.0.2.1']);
    await b.pdns.util('replace-rrset', 'example.org', 'www', 'A', '300', '192.0.2.2', '192.0.2.3');
    await answersOn(a, 'www.example.org', ['192.0.2.2', '192.0.2.3']);
    await b.pdns.util('delete-rrset', 'example.org', 'ns1', 'A');
    await answersOn(a, 'ns1.example.org', []);
    await a.pdns.util('delete-zone', 'example.org');
    await answersOn(b, 'www.example.org', []);
    await eventually(async () => {
      for (const { pdns } of machines) expect(await pdns.zones()).toEqual([]);
    });
    expect(await Promise.all(machines.map(({ syncer }) => syncer.stop()))).toEqual([0, 0]);
    for (const { syncer } of machines) expect(syncer.complaints()).toEqual([]);
  }, 180_000);
});
