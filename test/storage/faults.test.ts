import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createStorage, type ObjectStorage, StorageError } from '../../src/storage/index.ts';
import {
  azureOptionsFor,
  type Fault,
  FaultProxy,
  s3OptionsFor,
  uniquePrefix,
  useAzurite,
  useSeaweedfs,
} from '../support/servers/index.ts';
import { bytesOf, contentOf, failureOf, listOf, namesOf, randomBytes } from './support.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();

interface Provider {
  readonly title: string;
  readonly endpointUrl: string;
  open(endpointUrl: string, globalPrefix: string, clientTimeoutMs?: number): Promise<ObjectStorage>;
}

const PROVIDERS: readonly Provider[] = [
  {
    title: 's3',
    endpointUrl: seaweedfs.endpointUrl,
    open: (endpointUrl, globalPrefix, clientTimeoutMs) =>
      createStorage({ type: 's3', options: s3OptionsFor(seaweedfs, { endpointUrl, globalPrefix, clientTimeoutMs }) }),
  },
  {
    title: 'azure',
    endpointUrl: azurite.endpointUrl,
    open: (endpointUrl, globalPrefix, clientTimeoutMs) =>
      createStorage({
        type: 'azure',
        options: azureOptionsFor(azurite, { endpointUrl, globalPrefix, clientTimeoutMs }),
      }),
  },
];

/** Faults that any request can meet. */
const ANY: readonly Fault[] = [
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'hang' },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
];
const OF_LOADS: readonly Fault[] = [
  ...ANY,
  { kind: 'cut-body' },
  { kind: 'truncate-unannounced' },
  { kind: 'hang-body' },
];
const OF_STORES: readonly Fault[] = [...ANY, { kind: 'cut-upload' }];
const titled = (faults: readonly Fault[]): [string, Fault][] =>
  faults.map((fault) => [[fault.kind, fault.status].filter(Boolean).join(' '), fault]);

/** Of the client that is given nothing but requests that nobody answers. */
const HASTY_TIMEOUT_MS = 300;

describe.each(PROVIDERS)('$title through a bad network', ({ endpointUrl, open }) => {
  const globalPrefix = uniquePrefix();
  const OLD = randomBytes(150_000);
  const NEW = randomBytes(250_000);
  let proxy: FaultProxy;
  let direct: ObjectStorage;
  let storage: ObjectStorage;
  let hasty: ObjectStorage;

  beforeAll(async () => {
    proxy = await FaultProxy.start(endpointUrl);
    direct = await open(endpointUrl, globalPrefix);
    storage = await open(proxy.url, globalPrefix);
    hasty = await open(proxy.url, globalPrefix, HASTY_TIMEOUT_MS);
  });
  afterEach(() => {
    proxy.set();
    proxy.onRequest = () => {};
  });
  afterAll(async () => {
    await storage.close();
    await hasty.close();
    await direct.close();
    await proxy.stop();
  });

  const through = (fault: Fault): ObjectStorage => (fault.kind.startsWith('hang') ? hasty : storage);
  const expectRetryable = (error: unknown): void => {
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ retryable: true, notFound: false, denied: false, code: 'STORAGE_UNAVAILABLE' });
  };

  it.each(titled(OF_LOADS))('never gives part of an object for the whole: %s', async (_, fault) => {
    await direct.store('object', OLD);
    proxy.set(fault);
    const spoiled = proxy.spoiled;
    expectRetryable(await failureOf(through(fault).load('object').then(contentOf)));
    // It did not try again by itself, but for a kept connection that was closed without an answer.
    expect(proxy.spoiled - spoiled).toBeLessThanOrEqual(
      fault.kind.startsWith('cut-') && fault.kind !== 'cut-body' ? 2 : 1,
    );
    proxy.set();
    expect((await contentOf(await storage.load('object'))).equals(OLD)).toBe(true);
  });

  it.each(titled(OF_STORES))('stores the whole object or none: %s', async (_, fault) => {
    await direct.store('object', OLD);
    proxy.set(fault);
    expectRetryable(await failureOf(through(fault).store('object', NEW)));
    const now = await contentOf(await direct.load('object'));
    expect(now.equals(OLD) || now.equals(NEW)).toBe(true);
    proxy.set();
    await storage.store('object', NEW);
    expect((await contentOf(await direct.load('object'))).equals(NEW)).toBe(true);
  });

  it.each(titled([...ANY, { kind: 'cut-body' }]))(
    'never gives part of a listing for the whole: %s',
    async (_, fault) => {
      for (const name of await namesOf(direct)) await direct.delete(name);
      for (const name of ['a', 'b', 'c']) await direct.store(name, bytesOf('x'));
      proxy.set(fault);
      expectRetryable(await failureOf(listOf(through(fault))));
      proxy.set();
      expect(await namesOf(storage)).toEqual(['a', 'b', 'c']);
    },
  );

  it.each(titled(ANY))('deletes, or says that it may not have: %s', async (_, fault) => {
    await direct.store('object', OLD);
    proxy.set(fault);
    expectRetryable(await failureOf(through(fault).delete('object')));
    proxy.set();
    await storage.delete('object');
    expect(await failureOf(direct.load('object'))).toMatchObject({ notFound: true });
  });

  it('notices when other bytes arrive than were sent, in one request or in parts', async () => {
    const large = { sizeBytes: 70_000_000, open: () => repeat(randomBytes(1_000_000), 70) };
    for (const body of [NEW, large]) {
      proxy.set({ kind: 'corrupt-upload', times: 1, match: (method) => method === 'PUT' });
      const error = await failureOf(storage.store('corrupt', body));
      expect(error).toBeInstanceOf(StorageError);
      // Azurite calls it InvalidOperation; Azure says Md5Mismatch.
      if (storage.type === 's3') expect(error).toMatchObject({ retryable: true, errorLabel: 'BadDigest' });
      expect(await failureOf(direct.load('corrupt'))).toMatchObject({ notFound: true });
    }
  });

  it('tells nobody of a kept connection that the service closed while it was idle', async () => {
    await direct.store('object', OLD);
    const calls: [string, () => Promise<unknown>][] = [
      ['load', () => storage.load('object').then(contentOf)],
      ['list', () => listOf(storage)],
      ['store', () => storage.store('object', NEW)],
      ['delete', () => storage.delete('object')],
    ];
    for (const [title, call] of calls) {
      await listOf(storage); // leaves a connection behind
      await new Promise(setImmediate);
      proxy.set({ kind: 'cut-before', times: 1 });
      const spoiled = proxy.spoiled;
      await call();
      expect(proxy.spoiled, title).toBe(spoiled + 1);
    }
  });

  it('names the time limit as what ended the call', async () => {
    proxy.set({ kind: 'hang' });
    expect(await failureOf(listOf(hasty))).toMatchObject({ errorLabel: 'Timeout', retryable: true });
  });

  it('ends a call that hangs as soon as it is aborted', async () => {
    await direct.store('object', OLD);
    const calls = [
      (signal: AbortSignal) => listOf(storage, '', { signal }),
      (signal: AbortSignal) => storage.load('object', { signal }),
      (signal: AbortSignal) => storage.store('object', NEW, { signal }),
      (signal: AbortSignal) => storage.delete('object', { signal }),
    ];
    for (const call of calls) {
      const controller = new AbortController();
      const reason = new Error('shutting down');
      proxy.set({ kind: 'hang' });
      proxy.onRequest = () => controller.abort(reason);
      expect(await failureOf(call(controller.signal))).toBe(reason);
    }
  });

  it('keeps the old object when a part of a large one cannot be sent, and leaves no upload behind', async () => {
    await direct.store('object', OLD);
    const large = { sizeBytes: 80_000_000, open: () => repeat(randomBytes(1_000_000), 80) };
    let puts = 0;
    const third: Fault = { kind: 'status', status: 500, times: 1, match: (method) => method === 'PUT' && ++puts === 3 };
    proxy.requests.length = 0;
    proxy.set(third);
    expectRetryable(await failureOf(storage.store('object', large)));
    expect((await contentOf(await direct.load('object'))).equals(OLD)).toBe(true);
    if (storage.type === 's3') expect(proxy.requests.at(-1)).toMatch(/^DELETE/);
  });

  it('gives old or new, whole, whatever happens on the way', async () => {
    const fault = fc.constantFrom<Fault | undefined>(undefined, ...OF_LOADS, ...OF_STORES);
    const quick = fault.filter((one) => !one?.kind.startsWith('hang'));
    const step = fc.record({ write: fc.boolean(), fault: quick, sizeBytes: fc.integer({ min: 1, max: 40_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        proxy.set();
        await direct.store('random', OLD);
        let possible: Buffer[] = [OLD];
        for (const { write, fault: met, sizeBytes } of steps) {
          proxy.set(...(met === undefined ? [] : [met]));
          if (write) {
            const body = randomBytes(sizeBytes);
            const failed = await storage.store('random', body).catch((error: unknown) => error);
            if (failed === undefined) possible = [body];
            else expectRetryable(failed);
            if (failed !== undefined) possible.push(body);
          } else {
            const got = await storage
              .load('random')
              .then(contentOf)
              .catch((error: unknown) => error);
            // A fault may spoil nothing: a short answer has no half.
            if (Buffer.isBuffer(got)) expect(possible.some((body) => body.equals(got))).toBe(true);
            else expectRetryable(got);
          }
        }
      }),
      { numRuns: 12 },
    );
  });
});

async function* repeat(chunk: Buffer, times: number): AsyncIterable<Uint8Array> {
  for (let index = 0; index < times; index++) yield chunk;
}
