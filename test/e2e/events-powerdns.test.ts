import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { API_KEY, PowerDns } from '../support/application/pdns.ts';
import { eventually } from '../support/eventually.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { fsPlace, type Place, s3Place } from './buckets-machine.ts';
import { Syncer, writeConfig } from './product.ts';

const seaweedfs = await useSeaweedfs();

/** By its API on one machine, by its control socket on the other. */
type Way = 'api' | 'socket';

interface DnsMachine {
  readonly pdns: PowerDns;
  readonly syncer: Syncer;
}

async function start(folder: string, name: string, place: Place, way: Way, apiUrl?: string): Promise<DnsMachine> {
  const pdns = await PowerDns.create(join(folder, name), { caches: 'lasting' });
  await pdns.start();
  const keyFile = join(folder, `${name}.key`);
  writeFileSync(keyFile, `${API_KEY}\n`);
  const common = { options: { no_subdir: true, create: true }, dupsort_hack: true };
  const byApi = { api_url: apiUrl ?? pdns.apiUrl, api_key_file: keyFile, timeout: '30s' };
  const config = writeConfig(folder, name, {
    lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
    bucket: '',
    more: { storage: place, events: { powerdns: way === 'api' ? byApi : { control_socket: pdns.controlSocket } } },
  });
  const syncer = new Syncer({ config, instance: name });
  onTestFinished(async ({ task }) => {
    await syncer.kill();
    await pdns.stop();
    if (task.result?.state === 'fail') process.stderr.write(`--- ${name}\n${syncer.output.slice(-6_000)}\n`);
  });
  return { pdns, syncer };
}

describe('two PowerDNS servers that forget nothing by themselves, and were asked for every name before', () => {
  it.each([
    ['a folder', (folder: string) => fsPlace(join(folder, 'bucket'))],
    ['SeaweedFS', () => s3Place(seaweedfs)],
  ])(
    'over %s: zones, records and keys of one are answered by the other',
    async (_, placeOf) => {
      const folder = temporaryFolder();
      const place = placeOf(folder);
      const a = await start(folder, 'a', place, 'api');
      const b = await start(folder, 'b', place, 'socket');
      for (const { syncer } of [a, b]) await syncer.says(/"consumers":"powerdns"/);

      const answersOn = ({ pdns }: DnsMachine, name: string, type: string, expected: string[]): Promise<unknown> =>
        eventually(async () => expect(await pdns.answers(name, type)).toEqual(expected), {
          deadlineMs: 60_000,
          what: `${name} ${type} = ${expected.join(' ') || 'nothing'}`,
        });
      const isRemembered = async (name: string, type = 'A'): Promise<void> => {
        for (const { pdns } of [a, b]) await pdns.answers(name, type);
      };
      const changed = async (on: DnsMachine, name: string, expected: string[], ...command: string[]): Promise<void> => {
        await isRemembered(name);
        await on.pdns.util(...command);
        for (const machine of [a, b]) await answersOn(machine, name, 'A', expected);
      };

      // A zone that was asked for before it came: both servers refuse it, and go on doing so unless they are told.
      await isRemembered('www.one.example');
      await a.pdns.loadZone('one.example', 'www 300 IN A 192.0.2.1', 'other 300 IN A 192.0.2.7');
      for (const machine of [a, b]) await answersOn(machine, 'www.one.example', 'A', ['192.0.2.1']);
      const rrset = (...words: string[]) => ['replace-rrset', 'one.example', ...words];
      await changed(b, 'www.one.example', ['192.0.2.2'], ...rrset('www', 'A', '300', '192.0.2.2'));
      await changed(a, 'new.one.example', ['192.0.2.3'], ...rrset('new', 'A', '300', '192.0.2.3'));
      await changed(b, 'new.one.example', [], 'delete-rrset', 'one.example', 'new', 'A');

      await isRemembered('one.example', 'DNSKEY');
      await a.pdns.util('secure-zone', 'one.example');
      await eventually(async () => (await a.pdns.answers('one.example', 'DNSKEY')).length > 0, { what: 'keys on A' });
      await answersOn(b, 'one.example', 'DNSKEY', await a.pdns.answers('one.example', 'DNSKEY'));
      await changed(a, 'www.one.example', ['192.0.2.4'], ...rrset('www', 'A', '300', '192.0.2.4'));

      await changed(b, 'www.one.example', [], 'delete-zone', 'one.example');
      for (const { syncer } of [a, b]) {
        expect(await syncer.stop()).toBe(0);
        expect(syncer.complaints()).toEqual([]);
      }
    },
    180_000,
  );
});

describe('a burst', () => {
  it('of 5,000 records in one zone makes fewer than 20 requests', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const a = await start(folder, 'a', place, 'socket');
    const b = await start(folder, 'b', place, 'api', url);
    await a.pdns.loadZone('one.example');
    await eventually(() => requests.some((line) => line.includes('one.example')), { what: 'B was told of the zone' });
    const before = requests.length;
    const records = Array.from({ length: 5000 }, (_, at) => `n${at} 300 IN A 192.0.2.${at % 250}`);
    await a.pdns.loadZone('one.example', ...records);
    const last = async (): Promise<void> =>
      expect(await b.pdns.records('one.example')).toContain('n4999.one.example\t300\tIN\tA\t192.0.2.249');
    await eventually(last, { what: 'the last record on B' });
    await b.syncer.stop();
    const made = requests.slice(before);
    expect(made.length).toBeGreaterThan(0);
    expect(made.length, made.join('\n')).toBeLessThan(20);
  }, 120_000);
});
