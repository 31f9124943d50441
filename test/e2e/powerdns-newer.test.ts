import { describe, expect, it } from 'vitest';
import { newerPdns, type PdnsProgram } from '../support/application/newer-pdns.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { answersOn, expectSameZones, type PdnsMachine, pdnsPair } from './powerdns-machine.ts';
import { runProduct } from './product.ts';

/** Native mode and the ways to it, with the real servers of newer Debians. */

const [older, newer] = [await newerPdns('4.9'), await newerPdns('5.1')];
for (const reason of [older, newer]) if (typeof reason === 'string') process.stderr.write(`not tried: ${reason}\n`);

const HOSTS = ['ns1 3600 IN A 192.0.2.53', 'www 300 IN A 192.0.2.1'];
const PATIENCE_MS = 300_000;

async function startPair(program?: PdnsProgram): Promise<[a: PdnsMachine, b: PdnsMachine]> {
  const pair = await pdnsPair(temporaryFolder(), program);
  for (const machine of pair) {
    await machine.pdns.start();
    machine.startSyncer();
  }
  return pair;
}

describe.each([
  ['4.9', older],
  ['5.1', newer],
])('PowerDNS %s', (_release, found) => {
  const program = found as PdnsProgram;
  const test = it.skipIf(typeof found === 'string');

  test(
    'keeps two servers in step in native mode, deletions included',
    async () => {
      const [a, b] = await startPair(program);
      await a.pdns.loadZone('example.org', ...HOSTS);
      await answersOn(b, 'www.example.org', 'A', ['192.0.2.1']);
      await b.pdns.recordSet('add-record', 'example.org', 'new', 'AAAA', '300', '2001:db8::1');
      await answersOn(a, 'new.example.org', 'AAAA', ['2001:db8::1']);
      await a.pdns.recordSet('replace-rrset', 'example.org', 'www', 'A', '300', '192.0.2.2', '192.0.2.3');
      await answersOn(b, 'www.example.org', 'A', ['192.0.2.2', '192.0.2.3']);
      await a.pdns.recordSet('delete-rrset', 'example.org', 'new', 'AAAA');
      await answersOn(b, 'new.example.org', 'AAAA', []);
      await a.pdns.util('secure-zone', 'example.org');
      const keys = await a.pdns.answers('example.org', 'DNSKEY');
      expect(keys).toHaveLength(1);
      await answersOn(b, 'example.org', 'DNSKEY', keys);
      await b.pdns.loadZone('short.example', 'www 300 IN A 192.0.2.9');
      await answersOn(a, 'www.short.example', 'A', ['192.0.2.9']);
      await a.pdns.util('delete-zone', 'short.example');
      await answersOn(b, 'www.short.example', 'A', []);
      await expectSameZones([a, b], ['example.org']);
      for (const { syncer } of [a, b]) expect(syncer.complaints()).toEqual([]);
    },
    PATIENCE_MS,
  );

  test(
    'takes over a fleet of 4.7 by migrate powerdns, and what was deleted there stays deleted',
    async () => {
      const pair = await startPair();
      const [a, b] = pair;
      await a.pdns.loadZone('example.org', ...HOSTS, 'gone 300 IN A 192.0.2.4');
      await b.pdns.loadZone('doomed.example', 'www 300 IN A 192.0.2.5');
      await a.pdns.util('secure-zone', 'example.org');
      await a.pdns.util('import-tsig-key', 'transfer', 'hmac-sha256', 'c2VjcmV0IG9mIHRoZSB0ZXN0');
      const keys = await a.pdns.answers('example.org', 'DNSKEY');
      await answersOn(b, 'example.org', 'DNSKEY', keys);
      await answersOn(a, 'www.doomed.example', 'A', ['192.0.2.5']);
      await b.pdns.recordSet('delete-rrset', 'example.org', 'gone', 'A');
      await a.pdns.util('delete-zone', 'doomed.example');
      await answersOn(a, 'gone.example.org', 'A', []);
      await answersOn(b, 'www.doomed.example', 'A', []);
      await expectSameZones(pair, ['example.org']);
      const records = await a.pdns.records('example.org');

      for (const machine of pair) await machine.syncer.stop();
      for (const machine of pair) await expectMigration(machine, /Everything is synced/);
      for (const { pdns } of pair) {
        await pdns.stop();
        pdns.upgrade(program);
        await pdns.start();
      }
      for (const machine of pair) {
        await expectMigration(machine, /Done\. The configuration for native mode/);
        machine.config = machine.config.replace(/\.yaml$/, '.native.yaml');
        machine.startSyncer();
      }

      await expectSameZones(pair, ['example.org']);
      expect(await b.pdns.records('example.org')).toEqual(records);
      for (const machine of pair) await answersOn(machine, 'example.org', 'DNSKEY', keys);
      expect(await b.pdns.util('list-tsig-keys')).toContain('transfer. hmac-sha256. c2VjcmV0IG9mIHRoZSB0ZXN0');
      await a.pdns.recordSet('add-record', 'example.org', 'new', 'A', '300', '192.0.2.6');
      await answersOn(b, 'new.example.org', 'A', ['192.0.2.6']);
      await b.pdns.recordSet('delete-rrset', 'example.org', 'www', 'A');
      await answersOn(a, 'www.example.org', 'A', []);
      await expectSameZones(pair, ['example.org']);
      for (const { syncer } of pair) expect(syncer.complaints()).toEqual([]);
    },
    PATIENCE_MS,
  );
});

async function expectMigration(machine: PdnsMachine, says: RegExp): Promise<void> {
  const outcome = await runProduct(['-c', machine.config, '-i', machine.name, 'migrate', 'powerdns']);
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(says) });
}

describe('a fleet of 4.9 and 5.1', () => {
  it.skipIf(typeof older === 'string' || typeof newer === 'string')(
    'is upgraded one machine after the other: records go on travelling, zones wait for the other machine',
    async () => {
      const pair = await startPair(older as PdnsProgram);
      const [a, b] = pair;
      await a.pdns.loadZone('example.org', ...HOSTS);
      await answersOn(b, 'www.example.org', 'A', ['192.0.2.1']);
      await b.pdns.stop();
      b.pdns.upgrade(newer as PdnsProgram);
      await b.pdns.start();
      await b.pdns.recordSet('add-record', 'example.org', 'from-b', 'A', '300', '192.0.2.11');
      await a.pdns.recordSet('add-record', 'example.org', 'from-a', 'A', '300', '192.0.2.10');
      await a.syncer.complains(/schema version 6 \(PowerDNS 5\.0 or newer\)/);
      await answersOn(a, 'from-b.example.org', 'A', ['192.0.2.11']);
      await answersOn(b, 'from-a.example.org', 'A', ['192.0.2.10']);
      await b.pdns.loadZone('of-b.example', 'www 300 IN A 192.0.2.12');
      await a.pdns.loadZone('of-a.example', 'www 300 IN A 192.0.2.13');
      await b.syncer.complains(/schema version 5 \(PowerDNS 4\.8 or 4\.9\)/);
      expect(await a.pdns.zones()).toEqual(['example.org', 'of-a.example']);
      expect(await b.pdns.zones()).toEqual(['example.org', 'of-b.example']);
      await a.pdns.stop();
      a.pdns.upgrade(newer as PdnsProgram);
      await a.pdns.start();
      await expectSameZones(pair, ['example.org', 'of-a.example', 'of-b.example']);
      for (const machine of pair) {
        await answersOn(machine, 'www.of-a.example', 'A', ['192.0.2.13']);
        await answersOn(machine, 'www.of-b.example', 'A', ['192.0.2.12']);
      }
    },
    PATIENCE_MS,
  );
});
