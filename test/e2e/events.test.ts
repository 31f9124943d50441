import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkedLines } from '../cli/json-schema.ts';
import { eventually } from '../support/eventually.ts';
import { sampleOf } from '../support/exposition.ts';
import { secret } from '../support/secrets.ts';
import { freePorts } from '../support/servers/processes.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { fsPlace, Machine } from './buckets-machine.ts';
import { runProduct, Syncer } from './product.ts';

interface Message {
  readonly db: string;
  readonly origin: string;
  readonly dbis: readonly { readonly name: string; readonly many?: true; readonly keys?: readonly { key: string }[] }[];
}

/** Messages that a command has written as lines, of changes only: those of the start aside. */
function messagesIn(text: string): Message[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{"db"'))
    .map((line) => JSON.parse(line) as Message);
}

const keysOf = (messages: readonly Message[]): string[] =>
  messages.flatMap(({ origin, dbis }) =>
    dbis.flatMap(({ keys, name }) => (keys ?? [{ key: `${name} many` }]).map(({ key }) => `${origin} ${key}`)),
  );

const readIf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');

describe('an application is told', () => {
  it('by a command, a webhook and a socket: its own changes and those of others, once each', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const posted: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        posted.push(...(JSON.parse(body) as { events: Message[] }).events.map((event) => JSON.stringify(event)));
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const file = join(folder, 'told');
    const socketPath = join(folder, 'events.sock');
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, `${secret('of the webhook')}\n`);
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
    const events = {
      exec: { command: ['/bin/sh', '-c', `cat >> '${file}'`] },
      webhook: { url, secret_file: secretFile },
      socket: { path: socketPath },
    };
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place, more: { events, http: { address: `127.0.0.1:${port}` } } });
    const aSyncer = a.start();
    const bSyncer = b.start();
    await bSyncer.says(/"consumers":"exec webhook socket"/);
    const reader = createConnection(socketPath);
    let heard = '';
    reader.on('data', (chunk) => {
      heard += chunk;
    });
    onTestFinished(() => void reader.destroy());
    await a.application.put('data', 'theirs', '1');
    await b.has({ theirs: '1' });
    await b.application.put('data', 'mine', '1');
    const expected = ['a theirs', 'local mine'];
    await eventually(() => expect(keysOf(messagesIn(readIf(file)))).toEqual(expected), { what: 'the command' });
    await eventually(() => expect(keysOf(messagesIn(posted.join('\n')))).toEqual(expected), { what: 'the webhook' });
    await eventually(() => expect(keysOf(messagesIn(heard))).toEqual(expected), { what: 'the socket' });
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(sampleOf(metrics, 'lmdbstream_events_told_total{consumer="exec"}')).toBeGreaterThan(0);
    expect(sampleOf(metrics, 'lmdbstream_events_failed_total{consumer="webhook"}')).toBe(0);
    for (const syncer of [aSyncer, bSyncer]) {
      expect(await syncer.stop()).toBe(0);
      expect(syncer.complaints()).toEqual([]);
    }
    expect(existsSync(socketPath)).toBe(false);
  });

  it('what a kill left untold is told after the next start, and what was told is not told again', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const file = join(folder, 'told');
    const works = join(folder, 'works');
    // Tells nothing while the file is missing, as a service that is down.
    const command = ['/bin/sh', '-c', `test -e '${works}' || exit 1; cat >> '${file}'`];
    const machine = await Machine.create(folder, 'a', { place, more: { events: { exec: { command } } } });
    writeFileSync(works, '');
    const first = machine.start();
    await machine.application.put('data', 'one', '1');
    // It may have been there at the first look, which can name no keys: nobody knows what was told before.
    await eventually(() => keysOf(messagesIn(readIf(file))).length > 0, { what: 'told' });
    expect(await first.stop()).toBe(0);
    writeFileSync(file, '');

    rmSync(works);
    const second = machine.start();
    await second.says(/Opened LMDB/);
    await machine.application.put('data', 'two', '2');
    await second.complains(/Telling an application what changed failed/);
    await second.kill();
    await machine.application.put('data', 'three', '3');
    writeFileSync(works, '');
    const third = machine.start();
    await eventually(() => expect(keysOf(messagesIn(readIf(file)))).toEqual(['missed three', 'missed two']), {
      what: 'what was missed, and nothing else',
    });
    await machine.application.put('data', 'four', '4');
    await eventually(() => keysOf(messagesIn(readIf(file))).includes('local four'), { what: 'told' });
    expect(await third.stop()).toBe(0);
  });
});

describe('lmdbstream watch', () => {
  it('prints what changes, as lines and as JSON, until it is stopped', async () => {
    const folder = temporaryFolder();
    const place = fsPlace(join(folder, 'bucket'));
    const [port] = await freePorts(1);
    const machine = await Machine.create(folder, 'a', { place, more: { http: { address: `127.0.0.1:${port}` } } });
    const syncer = machine.start();
    await syncer.says(/HTTP server is listening/);
    await syncer.says(/Opened LMDB/);
    const config = join(folder, 'a.yaml');
    const options = { config, instance: 'a', command: 'watch' };
    const [plain, json] = [new Syncer(options), new Syncer({ ...options, args: ['--json'] })];
    onTestFinished(async () => {
      await plain.kill();
      await json.kill();
    });
    // Nobody can tell when both have connected: it is written until both have heard of it.
    let count = 0;
    await eventually(
      async () => {
        await machine.application.put('data', 'key', `${count++}`);
        return plain.output.includes(' main data local put key') && json.output.includes('"kind":"put"');
      },
      { what: 'both were told' },
    );
    const lines = json.output.split('\n').filter((line) => line.startsWith('{"db"'));
    expect(checkedLines('watch', lines.join('\n')).length).toBeGreaterThan(0);
    expect(keysOf(messagesIn(json.output))[0]).toBe('local key');
    expect(await plain.stop()).toBe(0);
    await syncer.stop();
    expect(await json.ended(), 'the process has gone').toBe(1);
    expect(json.output).toContain('NO_PROCESS');
  });

  it.each([
    ['no address', {}, 'http.address is not set'],
    ['nobody there', { http: { address: '127.0.0.1:1' } }, 'no process answers'],
  ])('%s: an error with a hint', async (_, more, message) => {
    const folder = temporaryFolder();
    const config = join(folder, 'c.yaml');
    const lmdbs = { main: { path: join(folder, 'db') } };
    writeFileSync(config, JSON.stringify({ lmdbs, storage: fsPlace(folder), ...more }));
    const { code, stderr } = await runProduct(['--config', config, 'watch']);
    expect({ code, isStack: stderr.includes('    at ') }).toEqual({ code: 1, isStack: false });
    expect(stderr).toContain(message);
    expect(stderr).toContain('http.address');
  });

  it('something else answers there: an error', async () => {
    const server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const folder = temporaryFolder();
    const config = join(folder, 'c.yaml');
    const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
    const lmdbs = { main: { path: join(folder, 'db') } };
    writeFileSync(config, JSON.stringify({ lmdbs, storage: fsPlace(folder), http: { address } }));
    const { code, stderr } = await runProduct(['--config', config, 'watch']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/no stream of events/);
  });
});

describe('consumers that cannot be opened end the start', () => {
  it.each([
    [
      'a key file that is missing',
      { powerdns: { api_url: 'http://127.0.0.1:1', api_key_file: '/nonexistent/key' } },
      /api_key_file: ENOENT.*\n.*secret/,
    ],
    [
      'a folder that is missing',
      { socket: { path: '/nonexistent/events.sock' } },
      /\/nonexistent\/events\.sock.*\n.*folder/,
    ],
  ])('%s', async (_, events, message) => {
    const folder = temporaryFolder();
    const config = join(folder, 'c.yaml');
    const lmdbs = { main: { path: join(folder, 'db') } };
    writeFileSync(config, JSON.stringify({ lmdbs, storage: fsPlace(join(folder, 'bucket')), events }));
    const { code, stderr } = await runProduct(['--config', config, 'sync']);
    expect({ code, isStack: stderr.includes('    at ') }).toEqual({ code: 1, isStack: false });
    expect(stderr).toMatch(message);
  });

  it('one that was opened does not outlive a start that failed', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const http = { address: `127.0.0.1:${(server.address() as { port: number }).port}` };
    const folder = temporaryFolder();
    const config = join(folder, 'c.yaml');
    const path = join(folder, 'events.sock');
    const lmdbs = { main: { path: join(folder, 'db') } };
    const events = { socket: { path } };
    writeFileSync(config, JSON.stringify({ lmdbs, storage: fsPlace(join(folder, 'bucket')), http, events }));
    const { code, stderr } = await runProduct(['--config', config, 'sync'], { limitMs: 60_000 });
    expect(stderr).toMatch(/EADDRINUSE/);
    expect(code).toBe(1);
    expect(existsSync(path)).toBe(false);
  });
});
