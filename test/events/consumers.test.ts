import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  execDelivery,
  linesOf,
  messageOf,
  SIGNATURE_HEADER,
  SocketConsumer,
  webhookDelivery,
} from '../../src/events/index.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { change, put } from './support.ts';

const never = new AbortController().signal;

/** A process that has ended and that nobody has asked for is none that runs. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the message', () => {
  it('keys are text where they can be, else base64', () => {
    const event = change({ d: [put('kö\u00ff'), put('key', 'dup'), put('a\0b')], big: undefined });
    expect(messageOf(event)).toEqual({
      db: 'main',
      time: '2023-11-14T22:13:20.000Z',
      txnID: 7,
      origin: 'b',
      dbis: [
        {
          name: 'd',
          keys: [
            { keyBase64: 'a/b/', kind: 'put' },
            { key: 'key', value: 'dup', kind: 'put' },
            { keyBase64: 'YQBi', kind: 'put' },
          ],
        },
        { name: 'big', many: true },
      ],
    });
    expect(messageOf(change({}, { origin: { kind: 'local' } })).origin).toBe('local');
  });
});

describe('exec', () => {
  const events = [change({ d: [put('a')] }, { txnId: 1 }), change({ d: [put('b')] }, { txnId: 2 })];

  it('gives the command every event as a line', async () => {
    const file = join(temporaryFolder(), 'got');
    await execDelivery({ command: ['/bin/sh', '-c', `cat > '${file}'`], timeoutMs: 30_000 })(events, never);
    expect(readFileSync(file, 'utf8')).toBe(linesOf(events));
  });

  it('a command that reads nothing is no failure', async () => {
    await execDelivery({ command: ['/bin/true'], timeoutMs: 30_000 })(
      [change({ d: Array.from({ length: 100_000 }, () => put('key')) })],
      never,
    );
  });

  it('a command is done when it has ended, although it left something running that keeps its standard error', async () => {
    const pidFile = join(temporaryFolder(), 'pid');
    const command = ['/bin/sh', '-c', `sleep 1000 & echo $! > '${pidFile}'`];
    await execDelivery({ command, timeoutMs: 300_000 })(events, never);
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
  });

  it('what a command has started ends with it when its time is over', async () => {
    const pidFile = join(temporaryFolder(), 'pid');
    const command = ['/bin/sh', '-c', `sleep 1000 & echo $! > '${pidFile}'; wait`];
    const patience = new AbortController();
    const told = execDelivery({ command, timeoutMs: 300_000 })(events, patience.signal);
    const pid = await eventually(() => Number(readFileSync(pidFile, 'utf8')) || false, { what: 'it runs' });
    patience.abort();
    await expect(told).rejects.toThrow(/SIGKILL/);
    await eventually(() => !isRunning(pid as number), { what: 'nothing of it runs' });
  });

  it.each([
    ['ends with another code', ['/bin/sh', '-c', 'echo broken >&2; exit 3'], 30_000, /exit code 3: broken/],
    ['is not there', ['/nonexistent/program'], 30_000, /ENOENT/],
    ['does not end', ['/bin/sh', '-c', 'exec sleep 1000'], 50, /SIGKILL after 50 ms/],
  ])('a command that %s is an error with a hint', async (_, command, timeoutMs, message) => {
    const told = execDelivery({ command, timeoutMs })(events, never);
    await expect(told).rejects.toMatchObject({
      code: 'EVENT_CONSUMER',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('events.exec'),
    });
  });
});

describe('webhook', () => {
  async function receiver(status = 204) {
    const requests: { body: string; headers: NodeJS.Dict<string | string[]> }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        requests.push({ body, headers: request.headers });
        response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('x');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return { requests, url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook?token=hidden` };
  }

  it('POSTs JSON, signed', async () => {
    const { requests, url } = await receiver();
    const event = change({ d: [put('a')] });
    await webhookDelivery({ url, secret: () => 's3cret', timeoutMs: 30_000 })([event], never);
    expect(JSON.parse(requests[0]!.body)).toEqual({ events: [messageOf(event)] });
    const hex = createHmac('sha256', 's3cret').update(requests[0]!.body).digest('hex');
    expect(requests[0]!.headers[SIGNATURE_HEADER]).toBe(`sha256=${hex}`);
    expect(requests[0]!.headers['content-type']).toBe('application/json');
  });

  it.each([500, 404, 302])('an answer of %i is an error that does not show the address’s token', async (status) => {
    const { url } = await receiver(status);
    const told = webhookDelivery({ url, secret: undefined, timeoutMs: 30_000 })([change({})], never);
    await expect(told).rejects.toThrow(new RegExp(`answered ${status}$`));
    await expect(told).rejects.not.toThrow(/hidden/);
  });

  it('nobody there: an error with the reason', async () => {
    const told = webhookDelivery({ url: 'http://127.0.0.1:1/', secret: undefined, timeoutMs: 30_000 })(
      [change({})],
      never,
    );
    await expect(told).rejects.toMatchObject({
      code: 'EVENT_CONSUMER',
      message: expect.stringMatching(/ECONNREFUSED|bad port/),
    });
  });
});

describe('socket', () => {
  function reader(path: string): { socket: Socket; text: () => string } {
    const socket = createConnection(path);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    onTestFinished(() => void socket.destroy());
    return { socket, text: () => text };
  }

  /** A reader that takes nothing, and 20 MB that wait for it. */
  async function behindSlowReader() {
    const path = join(temporaryFolder(), 'events.sock');
    const consumer = await SocketConsumer.open(path, 100_000);
    const slow = reader(path);
    await eventually(() => consumer.readers === 1, { what: 'connected' });
    slow.socket.pause();
    const keys = Array.from({ length: 1000 }, (_, at) => put(`key ${at} ${'x'.repeat(1000)}`));
    for (let txnId = 1; txnId <= 20; txnId++) consumer.offer(change({ d: keys }, { txnId }));
    return { path, consumer, slow };
  }

  it('whoever connects gets what comes from then on', async () => {
    const path = join(temporaryFolder(), 'events.sock');
    const consumer = await SocketConsumer.open(path, 100);
    consumer.offer(change({ d: [put('before')] }));
    const [one, two] = [reader(path), reader(path)];
    await eventually(() => consumer.readers === 2, { what: 'both connected' });
    const event = change({ d: [put('after')] });
    consumer.offer(event);
    const expected = linesOf([event]);
    await eventually(() => one.text() === expected && two.text() === expected, { what: 'both told' });
    await consumer.close(never);
    expect(existsSync(path)).toBe(false);
  });

  it('is open to its owner and group only, whatever the umask', async () => {
    const path = join(temporaryFolder(), 'events.sock');
    const before = process.umask(0);
    const consumer = await SocketConsumer.open(path, 100).finally(() => process.umask(before));
    onTestFinished(() => consumer.close(never));
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('ends although a reader takes nothing', async () => {
    const { path, consumer } = await behindSlowReader();
    const patience = new AbortController();
    const closed = consumer.close(patience.signal);
    patience.abort();
    await closed;
    expect(existsSync(path)).toBe(false);
  });

  it('a reader gets what waits for it when we end', async () => {
    const { consumer, slow } = await behindSlowReader();
    expect(consumer.waiting).toBeGreaterThan(0);
    const closed = consumer.close(never);
    slow.socket.resume();
    await closed;
    await eventually(() => slow.text().endsWith('\n') && slow.text().includes('"txnID":20'), { what: 'the last one' });
  });

  it('one that does not read costs bounded memory, and learns that there was much', async () => {
    const path = join(temporaryFolder(), 'events.sock');
    const consumer = await SocketConsumer.open(path, 100);
    onTestFinished(() => consumer.close(AbortSignal.abort()));
    const slow = reader(path);
    await eventually(() => consumer.readers === 1, { what: 'connected' });
    slow.socket.pause();
    const keys = Array.from({ length: 90 }, (_, at) => put(`key ${at} ${'x'.repeat(100)}`));
    for (let txnId = 1; txnId <= 500; txnId++) consumer.offer(change({ d: keys }, { txnId }));
    slow.socket.resume();
    const last = () => slow.text().trimEnd().split('\n').at(-1)!;
    await eventually(() => last().includes('"txnID":500') && last().endsWith('}'), { what: 'the last one' });
    expect(slow.text()).toContain('"many":true');
    expect(slow.text().length).toBeLessThan(500 * 90 * 100);
  });

  it('replaces a socket that is left from before; refuses one that answers, and a file', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'events.sock');
    const first = await SocketConsumer.open(path, 100);
    await expect(SocketConsumer.open(path, 100)).rejects.toThrow(/another process listens/);
    await first.close(never);
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(SocketConsumer.open(file, 100)).rejects.toThrow(/is no socket/);
    await expect(SocketConsumer.open(join(folder, 'no', 'such'), 100)).rejects.toMatchObject({
      code: 'EVENT_CONSUMER',
    });
  });
});
