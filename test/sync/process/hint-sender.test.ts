import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SyncEvent, systemClock } from '../../../src/sync/index.ts';
import { HintSender } from '../../../src/sync/process/hint-sender.ts';
import { keepingLog, type LogLine } from '../../e2e/buckets-machine.ts';
import { objectOf } from '../../server/fake-source.ts';
import { Gate } from '../../support/fleet/instance.ts';

const T_MS = Date.UTC(2026, 10, 23, 11, 50);

function stored(at: number, db = 'main'): SyncEvent {
  const object = objectOf('a', T_MS + at);
  return { type: 'stored', object, sizeBytes: 1, txnId: 1, encodeMs: 0, storeMs: 0, db, atMs: T_MS } as SyncEvent;
}
const nameAt = (at: number): string => objectOf('a', T_MS + at).name;

function senderTo(peers: readonly string[], send?: ConstructorParameters<typeof HintSender>[3]) {
  const lines: LogLine[] = [];
  return { lines, sender: new HintSender(peers, systemClock, keepingLog(lines), send) };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('HintSender', () => {
  it('sends each peer the name, below the path of its URL', async () => {
    const heard: string[] = [];
    const peer = await serve(async (request, answer) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      heard.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
      answer.writeHead(204).end();
    });
    const { sender, lines } = senderTo([peer, `${peer}/proxied`]);
    sender.onEvent(stored(1));
    await sender.end();
    const rest = `application/json {"object":"${nameAt(1)}"}`;
    expect(heard.sort()).toEqual([`POST /api/hint ${rest}`, `POST /proxied/api/hint ${rest}`]);
    expect(lines).toEqual([]);
  });

  it('one request a peer at a time; of what is stored meanwhile the newest of each database follows', async () => {
    const gate = new Gate();
    const sent: string[] = [];
    const { sender } = senderTo(['http://slow', 'http://quick'], async (url, name) => {
      sent.push(`${url.host} ${name}`);
      if (url.host === 'slow') await gate.pass();
    });
    for (const at of [1, 2, 3]) sender.onEvent(stored(at));
    sender.onEvent(stored(4, 'shard'));
    expect(sent.filter((line) => line.startsWith('slow'))).toEqual([`slow ${nameAt(1)}`]);
    gate.open();
    await sender.end();
    const slow = [nameAt(1), nameAt(3), nameAt(4)].map((name) => `slow ${name}`);
    expect(sent.filter((line) => line.startsWith('slow'))).toEqual(slow);
    expect(sent).toContain(`quick ${nameAt(3)}`);
  });

  it('tells of a dead peer once, again at a doubling, and when it is back; other peers are not held up', async () => {
    let isDead = true;
    const sent: string[] = [];
    const { sender, lines } = senderTo(['http://dead', 'http://well'], async (url, name) => {
      if (url.host === 'dead' && isDead) throw new Error('nobody there');
      sent.push(`${url.host} ${name}`);
    });
    for (let at = 1; at <= 5; at++) {
      sender.onEvent(stored(at));
      await new Promise(setImmediate);
    }
    isDead = false;
    sender.onEvent(stored(6));
    await sender.end();
    expect(lines.map(({ level, fields }) => `${level} ${fields.peer} ${fields.failures ?? 1}`)).toEqual([
      'warn dead 1',
      'warn dead 2',
      'warn dead 4',
      'info dead 5',
    ]);
    expect(sent.filter((line) => line.startsWith('well'))).toHaveLength(6);
  });

  it('an answer of something else is told; no such database or too many hints is none', async () => {
    let status = 404;
    const peer = await serve((_, answer) => answer.writeHead(status, { Location: 'http://127.0.0.1:1/' }).end('x'));
    const { sender, lines } = senderTo([peer]);
    const told = async (code: number): Promise<unknown> => {
      status = code;
      const one = senderTo([peer]);
      one.sender.onEvent(stored(1));
      await one.sender.end();
      return one.lines.map(({ fields }) => fields.error);
    };
    sender.onEvent(stored(1));
    await sender.end();
    expect(lines.map(({ fields }) => fields.error)).toEqual(['it answers 404']);
    expect([await told(422), await told(429), await told(204)]).toEqual([[], [], []]);
    expect(await told(302)).toHaveLength(1);
  });

  it('ends although a peer never answers', async () => {
    const peer = await serve(() => {});
    const { sender, lines } = senderTo([peer]);
    sender.onEvent(stored(1));
    await sender.end();
    expect(lines).toEqual([]);
  });
});
