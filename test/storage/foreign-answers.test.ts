import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createStorage, type ObjectStorage, StorageError } from '../../src/storage/index.ts';
import { bytesOf, contentOf, failureOf, listOf } from './support.ts';

const PAGE = '<!doctype html><html><head><title>Sign in</title></head><body>Please sign in<br></body></html>';
const XHTML = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Sign in</p></body></html>';
const DATE = 'Wed, 25 Nov 2026 12:00:00 GMT';
const DATE_MS = Date.UTC(2026, 10, 25, 12);

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

const page =
  (body: string, headers: Record<string, string>): Answer =>
  (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);

/** Answers that something other than a storage gives, all with status 200. */
const FOREIGN: readonly [string, Answer][] = [
  ['a login page', page(PAGE, { 'content-type': 'text/html' })],
  ['a page with an ETag', page(PAGE, { 'content-type': 'text/html; charset=utf-8', etag: '"abc"' })],
  ['a page that is XML', page(XHTML, { 'content-type': 'application/xhtml+xml' })],
  ['a page that calls itself text', page(PAGE, { 'content-type': 'text/plain' })],
  ['JSON', page('{"status":"ok"}', { 'content-type': 'application/json' })],
  ['a page without a length', (_, outgoing) => void outgoing.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)],
];

let server: Server;
let answer: Answer;
let endpointUrl: string;

beforeAll(async () => {
  server = createServer((incoming, outgoing) => {
    incoming.resume().on('end', () => answer(incoming, outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpointUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const PROVIDERS: readonly [string, (useUpdateMarker: boolean, create?: boolean) => Promise<ObjectStorage>][] = [
  [
    's3',
    (useUpdateMarker, createBucket = false) =>
      createStorage(
        {
          type: 's3',
          options: { accessKey: 'a', secretKey: 's', bucket: 'b', endpointUrl, useUpdateMarker, createBucket },
        },
        { now: () => DATE_MS - 60_000 },
      ),
  ],
  [
    'azure',
    (useUpdateMarker, createContainer = false) =>
      createStorage(
        {
          type: 'azure',
          options: {
            accountName: 'a',
            accountKey: 'a2V5',
            useSharedKey: true,
            container: 'c',
            endpointUrl: `${endpointUrl}/a`,
            useUpdateMarker,
            createContainer,
          },
        },
        { now: () => DATE_MS - 60_000 },
      ),
  ],
];

const LARGE = { sizeBytes: 70_000_000, open: () => repeat(Buffer.alloc(1_000_000), 70) };

const CALLS: readonly [string, (storage: ObjectStorage) => Promise<unknown>][] = [
  ['list', (storage) => listOf(storage)],
  ['load', (storage) => storage.load('object').then(contentOf)],
  ['store', (storage) => storage.store('object', bytesOf('x'))],
  ['store in parts', (storage) => storage.store('object', LARGE)],
  ['delete', (storage) => storage.delete('object')],
];

describe.each(PROVIDERS)('%s', (_, open) => {
  describe.each(FOREIGN)('%s with status 200', (__, foreign) => {
    it.each(CALLS)('is not taken for an answer to %s', async (___, call) => {
      for (const useUpdateMarker of [false, true]) {
        const storage = await open(useUpdateMarker);
        answer = foreign;
        const failure = await failureOf(call(storage));
        expect(failure).toBeInstanceOf(StorageError);
        expect(failure).toMatchObject({ retryable: true, notFound: false, denied: false, errorLabel: 'ForeignAnswer' });
        expect((failure as StorageError).hint).toMatch(/endpoint_url/);
        await storage.close();
      }
    });

    it('makes no bucket', async () => {
      answer = foreign;
      expect(await failureOf(open(false, true))).toMatchObject({ retryable: true, errorLabel: 'ForeignAnswer' });
    });
  });

  it('names the URL that answered, without its query', async () => {
    answer = FOREIGN[0]![1];
    const storage = await open(false);
    expect(String(await failureOf(listOf(storage)))).toMatch(
      /http:\/\/127\.0\.0\.1:\d+\/[^ ?]* .*HTTP 200, text\/html/,
    );
    await storage.close();
  });

  it('does not take half a listing for a whole one', async () => {
    const root = _ === 's3' ? 'ListBucketResult' : 'EnumerationResults';
    answer = page(`<?xml version="1.0"?><${root}>`, {
      'x-ms-version': '2026-01-01',
      'content-type': 'application/xml',
    });
    const storage = await open(false);
    expect(await failureOf(listOf(storage))).toMatchObject({ retryable: true });
    await storage.close();
  });

  it('knows how far the clock of the service is from ours', async () => {
    answer = (__, outgoing) => void outgoing.writeHead(503, { date: DATE }).end();
    const storage = await open(false);
    expect(storage.clockOffsetMs).toBeUndefined();
    await failureOf(listOf(storage));
    expect(storage.clockOffsetMs).toBe(60_500);
    await storage.close();
  });
});

async function* repeat(chunk: Buffer, times: number): AsyncIterable<Uint8Array> {
  for (let index = 0; index < times; index++) yield chunk;
}
