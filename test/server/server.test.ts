import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../src/config/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { type RunningServer, startServer } from '../../src/server/index.ts';
import { apiStatusJsonSchema, apiStatusSchema } from '../../src/server/state/status-schema.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { configOf, errorOf, FakeSource, LMDB_STATS, NOW_MS, objectOf } from './fake-source.ts';

const root = join(import.meta.dirname, '../..');

async function start(
  source = new FakeSource(),
  config: Config = configOf(),
): Promise<RunningServer & { get: (path: string, init?: RequestInit) => Promise<Response> }> {
  const assetsFolder = pathToFileURL(`${temporaryFolder()}/`);
  const server = await startServer({
    config,
    source,
    version: '1.2.3',
    log: silentLog,
    now: () => NOW_MS,
    assetsFolder,
  });
  onTestFinished(() => server.close());
  return { ...server, get: (path, init) => fetch(new URL(path, server.url), init) };
}

const PATHS = ['', 'healthz', 'livez', 'metrics', 'storage', 'api/status'];

describe('every answer', () => {
  it('is there for GET and HEAD, and nothing takes anything else', async () => {
    const { get } = await start();
    for (const path of PATHS) {
      expect((await get(path)).status, path).toBe(200);
      const head = await get(path, { method: 'HEAD' });
      expect([head.status, await head.text()], path).toEqual([200, '']);
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const refused = await get(path, { method });
        expect([refused.status, refused.headers.get('allow')], `${method} ${path}`).toEqual([405, 'GET, HEAD']);
      }
    }
  });

  it('forbids the browser to load or send anything elsewhere', async () => {
    const { get } = await start();
    for (const path of [...PATHS, 'nowhere']) {
      const { headers } = await get(path);
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  it('holds no secret of the configuration', async () => {
    const { get } = await start();
    for (const path of PATHS) {
      const text = await (await get(path)).text();
      expect(text).not.toMatch(/PLANTEDSECRET|AKIAIOSFODNN7/);
    }
  });

  it('is 404 for any other path, in the words of Lightning Stream', async () => {
    const { get } = await start();
    const answer = await get('admin');
    expect([answer.status, await answer.text()]).toEqual([404, '404 page not found\n']);
  });
});

describe('/healthz', () => {
  it('is 503 when a check fails', async () => {
    const source = new FakeSource();
    const { get } = await start(source);
    source.post({ type: 'listFailed', error: errorOf('gone'), failures: 9 }, { atMs: NOW_MS - 600_000 });
    const answer = await get('healthz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      ok: false,
      status: 'Unavailable',
      failures: { main_storage_list_failed_duration: expect.stringContaining("last error: 'gone'") },
    });
  });

  it('answers from the first moment, while databases finish their start under it (W10)', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `shard-${index}`);
    const source = new FakeSource(names);
    const { get } = await start(source, configOf('health: {start: {report_healthz: true}}'));
    const statuses: number[] = [];
    const hammer = async (): Promise<void> => {
      for (let round = 0; round < 25; round++) statuses.push((await get('healthz')).status);
    };
    const starting = async (): Promise<void> => {
      for (const db of names) {
        source.post({ type: 'phase', phase: 'running' }, { db });
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([...Array.from({ length: 8 }, hammer), starting()]);
    expect(statuses).toHaveLength(200);
    expect(new Set(statuses)).toEqual(new Set([200]));
    const { metadata } = (await (await get('healthz')).json()) as { metadata: Record<string, unknown> };
    expect(names.every((name) => metadata[`startup_${name}`] === true)).toBe(true);
  });
});

describe('/storage', () => {
  it('is the listing as Lightning Stream prints it', async () => {
    const source = new FakeSource();
    source.objects = [{ name: 'main__local__20261123-114954-951036140__GX.pb.gz', sizeBytes: 107 }];
    const answer = await (await start(source)).get('storage');
    const golden = readFileSync(join(root, 'test/golden/data/http/storage.txt'), 'utf8').replaceAll('\r', '');
    expect((await answer.text()).trim()).toBe(golden.slice(golden.indexOf('\n\n') + 2).trim());
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  });

  it('tells what is wrong with status 500', async () => {
    const source = new FakeSource();
    source.listFailure = new Error('access denied');
    const answer = await (await start(source)).get('storage');
    expect([answer.status, await answer.text()]).toEqual([500, 'ERROR LISTING STORAGE: access denied\n']);
  });
});

describe('/api/status', () => {
  it('is as its schema says, before anything happened and after everything did', async () => {
    const source = new FakeSource();
    const { get } = await start(source);
    const read = async () => apiStatusSchema.parse(await (await get('api/status')).json());
    expect((await read()).databases).toMatchObject([{ name: 'main', phase: 'opening', lmdb: null, peers: [] }]);
    source.post({ type: 'phase', phase: 'running' });
    const sidecar = { path: '/var/lib/app/data.mdb.lmdbstream-shadow', fileSizeBytes: 32_768, entries: 2 };
    source.post({ type: 'lmdbStats', stats: { ...LMDB_STATS, sidecar } });
    source.post({ type: 'listed', objects: 4, sizeBytes: 900, instances: 1, durationMs: 1, recovered: false });
    source.post({ type: 'localChange', entries: 3, txnId: 7 });
    source.post({ type: 'lock', waitMs: 1, heldMs: 5.25 });
    const loaded = { type: 'loaded', shortHash: 'a', sizeBytes: 5, entries: 2, downloadMs: 1, mergeMs: 1 } as const;
    source.post({ ...loaded, object: objectOf('peer', NOW_MS - 250), written: 2 });
    const newer = objectOf('peer', NOW_MS);
    source.post({ type: 'seen', object: newer });
    const far = objectOf('future', NOW_MS);
    source.post({ type: 'seen', object: { ...far, timestampNano: 2n ** 62n * 3n } });
    source.post({ type: 'refused', object: objectOf('bad', NOW_MS), error: errorOf('bad gzip', 'remove it') });
    source.lockWaits.set('main', NOW_MS - 12_000);
    const [main] = (await read()).databases;
    expect(main).toMatchObject({
      phase: 'running',
      lockWaitingSeconds: 12,
      recordedChanges: 3,
      mergedChanges: 2,
      inStorage: { objects: 4, sizeBytes: 900 },
      lmdb: { usedBytes: 8192, sidecar },
      peers: [{ instance: 'bad', refusedObjects: 1 }, { instance: 'future' }, { lagSeconds: 0.25, behind: true }],
      problems: [{ severity: 'error', hint: 'remove it', over: false }],
    });
    expect(main!.history.recorded.at(-1)).toBe(3);
    expect(main!.history.lockHeldMaxMs.at(-1)).toBe(5.3);
    expect(main!.history.mergeLagMaxMs.at(-1)).toBe(250);
  });

  it('an older object that is merged late does not put a peer behind; a peer that left the bucket is not shown', async () => {
    const source = new FakeSource();
    const { get } = await start(source);
    const rest = { shortHash: 'a', sizeBytes: 5, entries: 1, written: 1, downloadMs: 1, mergeMs: 1 } as const;
    for (const timeMs of [NOW_MS - 100, NOW_MS - 9_000]) {
      source.post({ type: 'loaded', ...rest, object: objectOf('peer', timeMs) });
    }
    const { databases } = apiStatusSchema.parse(await (await get('api/status')).json());
    expect(databases[0]!.peers).toMatchObject([{ behind: false, lagSeconds: 0.1, mergedObjects: 2 }]);
    source.post({ type: 'instances', instanceIds: ['local'] });
    const later = apiStatusSchema.parse(await (await get('api/status')).json());
    expect(later.databases[0]!.peers).toEqual([]);
  });

  it('has its schema in docs/', () => {
    expect(readFileSync(join(root, 'docs/api-status.schema.json'), 'utf8')).toBe(apiStatusJsonSchema());
  });
});

describe('/', () => {
  it('escapes what comes from the bucket', async () => {
    const source = new FakeSource();
    const { get } = await start(source);
    source.post({ type: 'error', error: errorOf('<script>alert(1)</script>', '"><img src=x>') });
    const page = await (await get('')).text();
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toMatch(/<script>|<img/);
  });

  it('says that a worker waits for the write lock', async () => {
    const source = new FakeSource();
    source.lockWaits.set('main', NOW_MS - 12_000);
    expect(await (await (await start(source)).get('')).text()).toContain('waiting for the write lock for 12 s');
  });
});

describe('the address', () => {
  // A machine without IPv6 has no such address to listen on.
  const ipv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

  it.each([':0', '0.0.0.0:0', '127.0.0.1:0', 'localhost:0', ...(ipv6 ? ['[::1]:0'] : [])])('%s', async (address) => {
    const config: Config = { ...configOf(), http: { address } };
    expect((await (await start(new FakeSource(), config)).get('livez')).status).toBe(200);
  });

  it('in use, or not ours, is an error that says what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const at = (address: string) => start(new FakeSource(), { ...configOf(), http: { address } });
    await expect(at(`127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'HTTP_LISTEN_FAILED',
      message: expect.stringContaining('address already in use'),
      hint: expect.stringContaining('another process listens there'),
    });
    await expect(at('203.0.113.7:0')).rejects.toMatchObject({ hint: expect.stringContaining('check http.address') });
  });
});

describe('close', () => {
  it('frees the port and takes no more events', async () => {
    const source = new FakeSource();
    const { url, close } = await start(source);
    expect(source.listeners).toBe(1);
    await close();
    expect(source.listeners).toBe(0);
    await expect(fetch(new URL('livez', url))).rejects.toThrow();
  });
});
