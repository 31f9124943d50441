import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ControlSocket, PdnsApi, type PdnsCache, pdnsDelivery } from '../../src/events/index.ts';
import { API_KEY, PowerDns } from '../support/application/pdns.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { change, record, zone } from './support.ts';

const never = new AbortController().signal;

describe.each([
  ['its API', (pdns: PowerDns): PdnsCache => new PdnsApi({ url: pdns.apiUrl, key: () => API_KEY, timeoutMs: 30_000 })],
  [
    'its control socket',
    (pdns: PowerDns): PdnsCache => new ControlSocket({ path: pdns.controlSocket, timeoutMs: 30_000 }),
  ],
])('a PowerDNS that remembers, told by %s', (_, cacheOf) => {
  it('answers at once with a new zone, a changed, an added and a deleted record, and without a deleted zone', async () => {
    const pdns = await PowerDns.create(temporaryFolder(), { caches: true });
    await pdns.loadZone('other.example', 'www 3600 IN A 192.0.2.9');
    await pdns.start();
    onTestFinished(() => pdns.stop());
    const tell = pdnsDelivery(cacheOf(pdns), { notify: false });
    const known = change({ domains_0: [zone('one.example', 1)] });

    expect(await pdns.status('www.one.example', 'A')).toBe('REFUSED');
    await pdns.loadZone('one.example', 'www 3600 IN A 192.0.2.1');
    await tell([known], never);
    expect(await pdns.answers('www.one.example', 'A')).toEqual(['192.0.2.1']);
    expect(await pdns.status('new.one.example', 'A')).toBe('NXDOMAIN');

    await pdns.loadZone('one.example', 'www 3600 IN A 192.0.2.2', 'new 3600 IN A 192.0.2.3');
    expect(await pdns.answers('www.one.example', 'A'), 'still remembered').toEqual(['192.0.2.1']);
    await tell([change({ records: [record(1, 'www'), record(1, 'new')] })], never);
    expect(await pdns.answers('www.one.example', 'A')).toEqual(['192.0.2.2']);
    expect(await pdns.answers('new.one.example', 'A')).toEqual(['192.0.2.3']);

    await pdns.loadZone('one.example');
    await tell([change({ records: [record(1, 'www')] })], never);
    expect(await pdns.status('www.one.example', 'A')).toBe('NXDOMAIN');

    await pdns.util('delete-zone', 'one.example');
    await tell([known], never);
    expect(await pdns.status('one.example', 'SOA')).toBe('REFUSED');

    expect(await pdns.answers('www.other.example', 'A')).toEqual(['192.0.2.9']);
    await pdns.loadZone('other.example', 'www 3600 IN A 192.0.2.10');
    await tell([change({ records: undefined })], never);
    expect(await pdns.answers('www.other.example', 'A'), 'everything was flushed').toEqual(['192.0.2.10']);
  });
});

describe('a PowerDNS that cannot be told', () => {
  let pdns: PowerDns;
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-test-'));
  beforeAll(async () => {
    pdns = await PowerDns.create(join(folder, 'pdns'), { caches: true });
    await pdns.start();
  });
  afterAll(async () => {
    await pdns.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const api = (more: object) => new PdnsApi({ url: pdns.apiUrl, key: () => API_KEY, timeoutMs: 30_000, ...more });

  it('a wrong key: the hint names the key', async () => {
    const told = api({ key: () => 'wrong' }).flush('x.example', never);
    await expect(told).rejects.toMatchObject({ code: 'EVENT_CONSUMER', hint: expect.stringContaining('api_key_file') });
    await expect(told).rejects.not.toThrow(/wrong/);
  });

  it('another web server, or none', async () => {
    await expect(api({ url: `${pdns.apiUrl}/elsewhere` }).flush('x', never)).rejects.toMatchObject({
      hint: expect.stringContaining('api_url'),
    });
    await expect(api({ url: 'http://127.0.0.1:1' }).flush('x', never)).rejects.toMatchObject({
      code: 'EVENT_CONSUMER',
    });
  });

  it('NOTIFY for a zone that is not there is no failure', async () => {
    await api({}).notify('nosuch.example', never);
    await new ControlSocket({ path: pdns.controlSocket, timeoutMs: 30_000 }).notify('nosuch.example', never);
  });

  it('a control socket that is not there, that hangs, or that answers something else', async () => {
    const folder = temporaryFolder();
    await expect(
      new ControlSocket({ path: join(folder, 'no'), timeoutMs: 1000 }).flush('x', never),
    ).rejects.toMatchObject({
      hint: expect.stringContaining('control socket'),
    });
    const path = join(folder, 'socket');
    let answer: string | undefined;
    const server = createServer((socket) => {
      if (answer !== undefined) socket.end(answer);
    }).listen(path);
    onTestFinished(() => void server.close());
    const socket = new ControlSocket({ path, timeoutMs: 50 });
    await expect(socket.flush('x', never)).rejects.toThrow(/no answer to purge x\$ in 50 ms/);
    answer = 'Unknown command';
    await expect(socket.flush('x', never)).rejects.toThrow(/answered "Unknown command"/);
  });
});
