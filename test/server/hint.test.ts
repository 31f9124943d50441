import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { HintGate } from '../../src/server/hint/index.ts';
import { startServer } from '../../src/server/index.ts';
import { configOf, FakeSource, NOW_MS, objectOf } from './fake-source.ts';

const OBJECT = objectOf('remote', NOW_MS).name;

const gateOf = (): HintGate => new HintGate({ databases: ['main', 'shard-0'], instanceId: 'local' });

async function start() {
  const source = new FakeSource();
  const server = await startServer({ config: configOf(), source, version: '1.2.3', log: silentLog, now: () => NOW_MS });
  onTestFinished(() => server.close());
  const url = new URL('api/hint', server.url);
  const post = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body });
  return { source, url, post, hint: (object: unknown) => post(JSON.stringify({ object })) };
}

describe('POST /api/hint', () => {
  it('of an object of another instance lists its database, and says nothing', async () => {
    const { source, hint } = await start();
    const answer = await hint(OBJECT);
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(source.listed).toEqual(['main']);
  });

  it('refuses what is no object name, and databases that are not here, and gives nothing of it back', async () => {
    const { source, hint, post } = await start();
    const bad = ['', 'x', '../../etc/passwd', '<script>alert(1)</script>', `${OBJECT}.tmp`, 7, null, {}, [OBJECT]];
    for (const object of bad) {
      const answer = await hint(object);
      expect([answer.status, await answer.text()], JSON.stringify(object)).toEqual([
        400,
        '400 not a hint: {"object": "NAME"} is expected\n',
      ]);
    }
    for (const body of ['', '{', 'null', '[]', '"x"', '{"object"}']) expect((await post(body)).status, body).toBe(400);
    const foreign = await hint(OBJECT.replace('main', 'other'));
    expect([foreign.status, await foreign.text()]).toEqual([422, '422 no such database here\n']);
    expect(source.listed).toEqual([]);
  });

  it('of our own object is no mistake, and lists nothing: the list of peers may name ourselves', async () => {
    const { source, hint } = await start();
    expect((await hint(objectOf('local', NOW_MS).name)).status).toBe(204);
    expect(source.listed).toEqual([]);
  });

  it('takes JSON only, which a page of another origin cannot send without asking', async () => {
    const { source, post, url } = await start();
    const body = JSON.stringify({ object: OBJECT });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      expect((await post(body, type)).status, type).toBe(415);
    }
    const asked = await fetch(url, { method: 'OPTIONS', headers: { Origin: 'http://elsewhere' } });
    expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([405, null]);
    expect(source.listed).toEqual([]);
  });

  it('is the only method there, and the path the only one that takes it', async () => {
    const { source, url } = await start();
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const refused = await fetch(url, { method });
      expect([refused.status, refused.headers.get('allow')], method).toEqual([405, 'POST']);
    }
    const body = JSON.stringify({ object: OBJECT });
    for (const path of ['/', '/api/status', '/api/hint/x', '/healthz']) {
      const headers = { 'Content-Type': 'application/json' };
      expect((await fetch(new URL(path, url), { method: 'POST', headers, body })).status, path).toBe(405);
    }
    expect(source.listed).toEqual([]);
  });

  it('refuses a large body, with a length and without', async () => {
    const { source, hint, url } = await start();
    expect((await hint('x'.repeat(10_000))).status).toBe(413);
    const status = await new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };
      const sending = request(url, { method: 'POST', headers }, ({ statusCode }) => resolve(statusCode));
      sending.on('error', reject);
      for (let n = 0; n < 10; n++) sending.write('x'.repeat(2000));
      sending.end();
    });
    expect(status).toBe(413);
    expect(source.listed).toEqual([]);
  });

  it('needs no length: chunks are read as they come, and without a body it is bad', async () => {
    const { source, url } = await start();
    const send = (headers: Record<string, string>, parts: readonly string[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const sending = request(url, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } });
        sending.on('response', ({ statusCode }) => resolve(statusCode));
        sending.on('error', reject);
        for (const part of parts) sending.write(part);
        sending.end();
      });
    expect(await send({ 'Transfer-Encoding': 'chunked' }, ['{"object":', JSON.stringify(OBJECT), '}'])).toBe(204);
    expect(await send({ 'Transfer-Encoding': 'chunked' }, [])).toBe(400);
    expect(await send({}, [])).toBe(400);
    // Neither length nor chunks, as no client sends it.
    const bare = await new Promise<string>((resolve) => {
      const socket = connect({ port: Number(url.port), host: url.hostname });
      socket.once('data', (data) => resolve(data.toString()));
      socket.on('error', () => {});
      socket.end('POST /api/hint HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n');
    });
    expect(bare).toMatch(/^HTTP\/1.1 400 /);
    expect(source.listed).toEqual(['main']);
  });

  it('is bounded: a flood leads to a few listings and the answer 429', async () => {
    const { source, hint } = await start();
    const statuses: number[] = [];
    for (let n = 0; n < 120; n++) statuses.push((await hint(OBJECT)).status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(40);
    expect(statuses.filter((status) => status === 429)).toHaveLength(80);
    expect(source.listed).toHaveLength(40);
  });
});

describe('HintGate', () => {
  const take = (gate: HintGate, sender: string, nowMs: number, object = OBJECT): string =>
    gate.take({ object }, sender, nowMs).type;

  it('a sender who floods us leaves room for others, for another database and for later', () => {
    const gate = gateOf();
    const shard = OBJECT.replace('main', 'shard-0');
    for (let n = 0; n < 100; n++) gate.take({ object: 'rubbish' }, 'flood', 0);
    expect(take(gate, 'flood', 0)).toBe('tooMany');
    for (let n = 0; n < 40; n++) expect(take(gate, `other-${n % 3}`, 0)).toBe('list');
    expect(take(gate, 'other-0', 0)).toBe('tooMany');
    expect(take(gate, 'other-0', 0, shard)).toBe('list');
    expect(take(gate, 'other-0', 250)).toBe('list');
    expect(take(gate, 'other-0', 250)).toBe('tooMany');
    expect(take(gate, 'flood', 500)).toBe('list');
  });

  it('remembers a bounded number of senders, and bounds listings whoever sends', () => {
    const gate = gateOf();
    let listings = 0;
    for (let n = 0; n < 5000; n++) if (take(gate, `address-${n}`, n) === 'list') listings++;
    expect(listings).toBeLessThanOrEqual(40 + 5000 / 250 + 1);
    // Forgotten long ago: full again.
    expect(gate.take({ object: 'rubbish' }, 'address-0', 5000).type).toBe('bad');
  });
});
