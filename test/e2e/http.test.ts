import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { apiStatusSchema } from '../../src/server/state/status-schema.ts';
import { eventually } from '../support/eventually.ts';
import { parseExposition, sampleOf } from '../support/exposition.ts';
import { FaultProxy, useSeaweedfs } from '../support/servers/index.ts';
import { freePorts } from '../support/servers/processes.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { Machine, s3Place } from './buckets-machine.ts';
import { machine, texts } from './machine.ts';
import { objectsOf, writeConfig } from './product.ts';

const seaweedfs = await useSeaweedfs();
const PATHS = ['', 'healthz', 'livez', 'metrics', 'storage', 'api/status'];

async function serverAt(): Promise<{ keys: Record<string, unknown>; get: (path: string) => Promise<Response> }> {
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  return { keys: { http: { address } }, get: (path) => fetch(`http://${address}/${path}`) };
}

type Get = Awaited<ReturnType<typeof serverAt>>['get'];

const textOf = async (get: Get, path: string): Promise<string> => (await get(path)).text();
const statusOf = async (get: Get) => apiStatusSchema.parse(await (await get('api/status')).json());

describe('/metrics of two instances on S3', () => {
  it('has every name that Lightning Stream answered, with what has happened; and no answer holds a secret', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const cleanup = { enabled: true, interval: '1s', must_keep_interval: '1s', remove_old_instances_interval: '1h' };
    const sweeper = { enabled: true, retention_days: 1, interval: '1m', first_interval: '1s' };
    const [here, there] = [await serverAt(), await serverAt()];
    const a = await Machine.create(folder, 'a', {
      place: { ...place, cleanup },
      // Full snapshots follow each other, and the older ones are cleaned.
      more: { ...here.keys, sweeper, deltas: 'off' },
    });
    const b = await Machine.create(folder, 'b', { place, more: there.keys });
    await a.application.put('data', 'k', '1');
    a.start();
    b.start();
    await b.has({ k: '1' });
    await a.application.put('data', 'k', '2');
    await b.has({ k: '2' });
    await b.application.put('data', 'from', 'b');
    await a.has({ k: '2', from: 'b' });

    const golden = parseExposition(readFileSync(join(import.meta.dirname, '../golden/data/http/metrics.txt'), 'utf8'));
    // The last of them come when the cleaner has removed an old snapshot, and the counts of LMDB are taken again.
    await eventually(
      async () => {
        const ours = parseExposition(await textOf(here.get, 'metrics'));
        for (const [name, { type, labels }] of golden) {
          expect(ours.get(name)?.type, name).toBe(type);
          for (const set of labels) expect([...ours.get(name)!.labels], name).toContain(set);
        }
        expect(sampleOf(await textOf(here.get, 'metrics'), 'lmdb_stat_entries{lmdb="main",db="data"}')).toBe(2);
      },
      { deadlineMs: 40_000, what: 'every name' },
    );

    const text = await textOf(here.get, 'metrics');
    const value = (sample: string): number => sampleOf(text, sample) ?? Number.NaN;
    expect(value('lightningstream_syncer_snapshots_generated_total{lmdb="main"}')).toBeGreaterThanOrEqual(2);
    expect(value('lightningstream_syncer_snapshots_load_calls_total')).toBeGreaterThanOrEqual(1);
    expect(value('lightningstream_receiver_snapshots_in_storage_count{lmdb="main"}')).toBeGreaterThanOrEqual(1);
    expect(value('lightningstream_receiver_snapshots_in_storage_bytes{lmdb="main"}')).toBeGreaterThan(100);
    expect(value('lightningstream_cleaner_delete_total{lmdb="main",reason="newer snapshot"}')).toBeGreaterThanOrEqual(
      1,
    );
    expect(value('lightningstream_climit_acquired_total{lmdb="main",limit_name="download"}')).toBeGreaterThanOrEqual(1);
    expect(value('lightningstream_climit_acquired_total{lmdb="main",limit_name="decompress"}')).toBeGreaterThanOrEqual(
      1,
    );
    expect(value('lightningstream_climit_limit{lmdb="main",limit_name="download"}')).toBeGreaterThanOrEqual(1);
    expect(value('lightningstream_climit_active{lmdb="main",limit_name="download"}')).toBe(0);
    expect(value('lmdb_mapsize_bytes{lmdb="main"}')).toBe(256 * 2 ** 20);
    expect(value('lmdb_total_usage_bytes{lmdb="main"}')).toBeGreaterThanOrEqual(2 * 4096);
    expect(value('storage_s3_call_total{method="store"}')).toBeGreaterThanOrEqual(2);
    expect(value('storage_s3_call_timestamp_seconds{method="list"}')).toBeGreaterThan(Date.now() / 1000 - 120);
    expect(value('lmdbstream_phase{lmdb="main",phase="running"}')).toBe(1);
    expect(value('lmdbstream_changes_recorded_total{lmdb="main"}')).toBe(2);
    expect(value('lmdbstream_changes_merged_total{lmdb="main"}')).toBe(1);
    expect(value('lmdbstream_peer_lag_seconds{lmdb="main",syncer_instance="b"}')).toBeGreaterThanOrEqual(0);
    expect(value('lmdbstream_lock_held_seconds_count{lmdb="main"}')).toBeGreaterThanOrEqual(3);
    expect(value('lmdbstream_lock_waiting_seconds{lmdb="main"}')).toBe(0);
    expect(value('lmdbstream_full_scan_differences_total{lmdb="main"}')).toBe(0);

    const { databases } = await statusOf(here.get);
    expect(databases).toMatchObject([{ name: 'main', phase: 'running', peers: [{ instance: 'b', behind: false }] }]);
    for (const { get } of [here, there]) {
      for (const path of PATHS) {
        const answer = await get(path);
        expect(answer.status, path).toBe(200);
        const whole = `${JSON.stringify([...answer.headers])}${await answer.text()}`;
        for (const secret of [seaweedfs.admin.accessKey, seaweedfs.admin.secretKey])
          expect(whole).not.toContain(secret);
      }
    }
  });
});

describe('/healthz', () => {
  it('is 503 while the bucket fails, and 200 when it is back', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const { keys, get } = await serverAt();
    const health = { storage_list: { interval: '1s', warn_duration: '200ms', error_duration: '400ms' } };
    const a = await machine(folder, 'a', { more: { ...keys, health } });
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await syncer.says(/Stored snapshot/);
    expect((await get('healthz')).status).toBe(200);
    renameSync(bucket, `${bucket}.away`);
    await eventually(async () => expect((await get('healthz')).status).toBe(503));
    const failed = (await (await get('healthz')).json()) as Record<string, unknown>;
    expect(failed).toMatchObject({ ok: false, failures: { main_storage_list_failed_duration: expect.any(String) } });
    expect((await get('livez')).status).toBe(200);
    expect((await get('storage')).status).toBe(500);
    expect((await statusOf(get)).databases[0]!.problems).toMatchObject([{ severity: 'error', over: false }]);
    expect(existsSync(bucket)).toBe(false);
    renameSync(`${bucket}.away`, bucket);
    await eventually(async () => expect((await get('healthz')).status).toBe(200));
    expect((await statusOf(get)).databases[0]!.problems).toMatchObject([{ severity: 'error', over: true }]);
  });

  it('is 503 while a bucket cannot be opened at start; the LMDB is open meanwhile, and joins when it can', async () => {
    const folder = temporaryFolder();
    const proxy = await FaultProxy.start(seaweedfs.endpointUrl);
    onTestFinished(() => proxy.stop());
    const { keys, get } = await serverAt();
    const health = { storage_list: { interval: '1s', warn_duration: '100ms', error_duration: '200ms' } };
    const place = s3Place(seaweedfs, { endpoint_url: proxy.url });
    const a = await Machine.create(folder, 'a', { place, more: { ...keys, health } });
    await a.application.put('data', 'k', '1');
    proxy.set({ kind: 'status', status: 503 });
    const syncer = a.start();
    await syncer.says(/Opened LMDB/);
    await syncer.complains(/storage cannot be opened/);
    await eventually(async () => expect((await get('healthz')).status).toBe(503));
    expect((await statusOf(get)).databases[0]).toMatchObject({ phase: 'listing', published: { objects: 0 } });
    proxy.set();
    await eventually(async () => expect((await get('healthz')).status).toBe(200));
    await syncer.says(/Stored snapshot/);
  });

  it('and all the others answer while a worker waits for the write lock, and say so', async () => {
    const folder = temporaryFolder();
    const { keys, get } = await serverAt();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b', { more: keys });
    await b.application.put('data', 'b', '1');
    const syncer = b.start();
    await syncer.says(/Stored snapshot/);
    await b.application.begin();
    await b.application.batch({ op: 'put', dbi: 'data', key: 'held', value: '1' });
    await a.application.put('data', 'a', '1');
    a.start();
    const main = async () => (await statusOf(get)).databases[0]!;
    await eventually(async () => expect((await main()).lockWaitingSeconds).toBeGreaterThanOrEqual(1));
    expect(await textOf(get, '')).toContain('waiting for the write lock for');
    expect(sampleOf(await textOf(get, 'metrics'), 'lmdbstream_lock_waiting_seconds{lmdb="main"}')).toBeGreaterThan(0);
    for (const path of PATHS) expect((await get(path)).status, path).toBe(200);
    await b.application.commit();
    await texts(b.application, 'data', { a: '1', b: '1', held: '1' });
    await eventually(async () => expect((await main()).lockWaitingSeconds).toBeNull());
  });

  it('answers from the first moment on, whoever asks how often, while many databases start (W10)', async () => {
    const folder = temporaryFolder();
    const { keys, get } = await serverAt();
    const a = await machine(folder, 'a');
    const names = Array.from({ length: 12 }, (_, index) => `shard-${index}`);
    const lmdbs = Object.fromEntries(
      names.map((name) => [name, { path: join(folder, `${name}.lmdb`), options: { no_subdir: true, create: true } }]),
    );
    const bucket = join(folder, 'bucket');
    const health = { start: { report_healthz: true, report_metadata: true } };
    const config = writeConfig(folder, 'shards', { lmdbs, bucket, more: { ...keys, health } });
    const statuses: number[] = [];
    let isRunning = false;
    let refusedAfterAnswer = 0;
    const hammer = async (): Promise<void> => {
      while (!isRunning) {
        const answer = await get('healthz').catch(() => undefined);
        if (answer === undefined && statuses.length > 0) refusedAfterAnswer++;
        if (answer === undefined) continue;
        statuses.push(answer.status);
        const { metadata } = (await answer.json()) as { metadata: Record<string, unknown> };
        isRunning ||= names.every((name) => metadata[`startup_${name}`] === true);
      }
    };
    const syncer = a.start({ config });
    await Promise.all(Array.from({ length: 6 }, hammer));
    expect([...new Set(statuses)]).toEqual([200]);
    expect(refusedAfterAnswer).toBe(0);
    expect(await syncer.stop()).toBe(0);
    expect(objectsOf(bucket)).toEqual([]);
  });
});

describe('http.address', () => {
  it('with only_once: no server', async () => {
    const folder = temporaryFolder();
    const { keys } = await serverAt();
    const a = await machine(folder, 'a', { more: keys });
    const syncer = a.start({ args: ['--only-once'] });
    expect(await syncer.ended()).toBe(0);
    expect(syncer.output).not.toContain('HTTP server');
  });

  it('that is in use ends the start with one line and a hint, before any LMDB is opened', async () => {
    const folder = temporaryFolder();
    const { keys, get } = await serverAt();
    const a = await machine(folder, 'a', { more: keys });
    const b = await machine(folder, 'b', { more: keys });
    await a.start().says(/HTTP server is listening/);
    const other = b.start();
    expect(await other.ended()).toBe(1);
    expect(other.output).toMatch(/another process listens there.*address already in use/);
    expect(other.output).not.toMatch(/Opened LMDB|^ +at /m);
    expect((await get('livez')).status).toBe(200);
  });
});
