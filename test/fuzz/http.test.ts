import { connect } from 'node:net';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { Log } from '../../src/log/index.ts';
import { startServer } from '../../src/server/index.ts';
import { configOf, FakeSource, NOW_MS } from '../server/fake-source.ts';
import { seeded } from '../support/seeded.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { edited } from './edits.ts';

/** Whoever reaches the port may send what he likes: an answer of the list, or none, and the server lives on. */
const hint = (body: string, type = 'application/json'): string =>
  `POST /api/hint HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const CORPUS = [
  ...[
    '/',
    '/healthz',
    '/livez',
    '/metrics',
    '/storage',
    '/api/status',
    '/assets/page.js',
    '/assets/..%2f..%2fetc%2fpasswd',
    '/nowhere?a=b',
  ].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x"\r\n\r\n`),
  'HEAD /metrics HTTP/1.0\r\n\r\n',
  hint('{"object":"main__b__20261123-113253-665759985__GX.pb.gz"}'),
  hint('{"object":'),
  hint('[]', 'text/plain'),
  'POST /api/hint HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
].map((text) => Buffer.from(text));
const ANSWERS = [200, 204, 304, 400, 404, 405, 411, 413, 414, 415, 417, 422, 429, 431, 501, 505];
/** Requests on the way at the same time. */
const AT_ONCE = 10;

it('of any bytes', async () => {
  const complaints: string[] = [];
  const complain = (message: string, fields?: object): void =>
    void complaints.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug() {}, info() {}, warn: complain, error: complain, child: () => log };
  const assetsFolder = pathToFileURL(`${temporaryFolder()}/`);
  const server = await startServer({
    config: configOf(),
    source: new FakeSource(),
    version: '1',
    log,
    now: () => NOW_MS,
    assetsFolder,
  });
  onTestFinished(() => server.close());
  const port = Number(new URL(server.url).port);
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(edited(CORPUS), { minLength: AT_ONCE, maxLength: AT_ONCE }), async (requests) => {
      const answers = await Promise.all(requests.map((bytes) => answerOf(port, bytes)));
      for (const [at, answer] of answers.entries()) {
        if (answer === '') continue;
        answered++;
        // One request of several in the bytes may be answered after the other.
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
        if (!ANSWERS.includes(status))
          throw new Error(
            `${answer.slice(0, 60)} to ${JSON.stringify(requests[at]!.toString('latin1'))}: ${complaints.at(-1)}`,
          );
        if (/root:|node_modules|\.ts:\d/.test(answer)) throw new Error(`it tells of the machine: ${answer}`);
      }
    }),
    seeded(400),
  );
  expect(answered).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
  expect((await fetch(new URL('livez', server.url))).status).toBe(200);
}, 180_000);

/** What comes back until the other side closes; empty: nothing. */
function answerOf(port: number, request: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('data', (part) => parts.push(part));
    // The server may reset what it does not like.
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
    socket.end(request);
  });
}
