import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dumpLmdb } from '../support/application/lmdb-dump.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type PdnsMachine, pdnsPair, zoneAnswers } from './powerdns-machine.ts';

type Step = 'a syncer' | 'a server' | 'b syncer' | 'b server';

const ORDERS: readonly (readonly [string, readonly Step[]])[] = [
  ['both syncers, then both servers', ['a syncer', 'b syncer', 'a server', 'b server']],
  ['both servers, then both syncers', ['a server', 'b server', 'a syncer', 'b syncer']],
  ['one machine after the other, each its server first', ['a server', 'a syncer', 'b server', 'b syncer']],
  ['one machine after the other, each its syncer first', ['a syncer', 'a server', 'b syncer', 'b server']],
  ['a server and the other syncer first', ['a server', 'b syncer', 'b server', 'a syncer']],
];

async function zoneOn(from: PdnsMachine, to: PdnsMachine, zone: string): Promise<void> {
  await from.pdns.loadZone(zone, 'www 3600 IN A 192.0.2.7');
  await zoneAnswers(to, zone);
}

/** Flags of the DBIs of a shard that nobody has open in this process. */
function kindsOf({ pdns }: PdnsMachine): Record<string, readonly string[]> {
  const dump = dumpLmdb(pdns.shardPath, { noSubdir: true });
  return Object.fromEntries(Object.entries(dump).map(([name, { flags }]) => [name, flags]));
}

describe('a fresh fleet of PowerDNS 4.7', () => {
  it.each(ORDERS)('%s: zones answer both ways, no file is renamed, and a restart changes nothing', async (_, order) => {
    const [a, b] = await pdnsPair(temporaryFolder());
    const machines = { a, b };
    for (const step of order) {
      const machine = machines[step[0] as 'a' | 'b'];
      if (step.endsWith('server')) await machine.pdns.start();
      else {
        machine.startSyncer();
        await machine.syncer.says(
          /"db":"shard-0".*(?:Waiting for the application|Opened LMDB)|(?:Waiting for the application|Opened LMDB).*"db":"shard-0"/,
        );
      }
    }
    await zoneOn(a, b, 'one.example');
    await zoneOn(b, a, 'two.example');
    for (const machine of [a, b]) {
      await machine.syncer.stop();
      machine.startSyncer();
    }
    await zoneOn(a, b, 'three.example');
    expect(readdirSync(a.pdns.folder).filter((name) => name.includes('-old'))).toEqual([]);
    expect(readdirSync(b.pdns.folder).filter((name) => name.includes('-old'))).toEqual([]);
    expect([a, b].flatMap(({ syncer }) => syncer.complaints())).toEqual([]);
    await Promise.all([a.stop(), b.stop()]);
    expect(kindsOf(a)).toEqual(kindsOf(b));
  });
});
