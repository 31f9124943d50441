import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRIC_GROUPS, type MetricDefinition, metricsAsMarkdown } from '../../src/server/index.ts';
import { LMDBSTREAM } from '../../src/server/metrics/definitions.ts';
import { Metrics } from '../../src/server/metrics/index.ts';
import type { SyncEvent } from '../../src/sync/index.ts';
import { parseExposition } from '../support/exposition.ts';
import { errorOf, FakeSource, LMDB_STATS, NOW_MS, objectOf } from './fake-source.ts';

const root = join(import.meta.dirname, '../..');
const SMAPS = `
7f0000000000-7f0004000000 r--s 00000000 fe:01 1234                       /var/lib/app/data.mdb
Size:              65536 kB
KernelPageSize:        4 kB
Rss:                  44 kB
VmFlags: rd sh mr me
7f0005000000-7f0006000000 r-xp 00000000 fe:01 99                         /usr/lib/libc.so.6
Size:               9999 kB
`;

function create(): { source: FakeSource; text: () => Promise<string> } {
  const source = new FakeSource();
  const metrics = new Metrics({
    databases: source.databases,
    version: '1.2.3',
    instance: 'local',
    instanceId: 'local',
    now: () => NOW_MS,
    readSmaps: async () => SMAPS,
    eventsWaiting: () => new Map(),
    lockWaitingSinceMs: (db) => source.lockWaitingSinceMs(db),
  });
  source.subscribe((event: SyncEvent) => metrics.apply(event));
  return { source, text: () => metrics.text() };
}

function postGoldenRun(source: FakeSource): void {
  source.post({ type: 'cleanerListed', failed: false });
  source.post({ type: 'cleaned', reason: 'newer snapshot', failed: false });
  source.post({ type: 'limit', limit: 'download', max: 2, active: 0, waiting: 0 });
  source.post({ type: 'listed', objects: 1, sizeBytes: 107, instances: 1, durationMs: 1, recovered: false });
  source.post({
    type: 'swept',
    totalEntries: 2,
    deletedEntries: 0,
    cleanedEntries: 0,
    badEntries: 0,
    transactions: 0,
    durationMs: 0.1,
  });
  const stored = { type: 'stored', sizeBytes: 107, txnId: 5, encodeMs: 1, storeMs: 2 } as const;
  source.post({ ...stored, object: objectOf('local', NOW_MS) });
  source.post({ type: 'lmdbStats', stats: LMDB_STATS });
  for (const method of ['create-bucket', 'delete', 'list', 'store']) {
    source.post({ type: 'storageCall', storage: 's3', method, errorLabel: undefined, durationMs: 3, bytes: 0 });
  }
}

const loadedFrom = (instanceId: string, timeMs: number) =>
  ({
    type: 'loaded',
    object: objectOf(instanceId, timeMs),
    shortHash: 'abc1234',
    sizeBytes: 500,
    entries: 9,
    written: 7,
    downloadMs: 1,
    mergeMs: 1,
  }) as const;

describe('names, labels and types', () => {
  it('are those that Lightning Stream answered', async () => {
    const golden = parseExposition(readFileSync(join(root, 'test/golden/data/http/metrics.txt'), 'utf8'));
    const { source, text } = create();
    postGoldenRun(source);
    const ours = parseExposition(await text());
    expect(golden.size).toBeGreaterThan(30);
    for (const [name, { type, labels }] of golden) {
      expect(ours.get(name)?.type, name).toBe(type);
      for (const set of labels) expect([...ours.get(name)!.labels], name).toContain(set);
    }
  });

  it('hold every name of its code, also those that the recorded run did not show', () => {
    const names = new Set(
      Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group).map(({ name }) => name)),
    );
    const wanted: Readonly<Record<string, string>> = {
      lightningstream_syncer_snapshots_:
        'generated_total generated_last_unix_seconds generated_last_size_bytes store_failed_attempts_total store_failed_permanently_total store_calls_total store_bytes_total load_calls_total load_failed_total load_bytes_total list_calls_total list_failed_total',
      lightningstream_receiver_snapshots_:
        'last_received_seconds last_received_age_seconds in_storage_count in_storage_bytes',
      lightningstream_cleaner_: 'list_calls_total list_failed_total delete_total delete_failed_total',
      lightningstream_sweeper_:
        'cleaned_total stats_available stats_total_entries stats_deleted_entries duration_seconds',
      lightningstream_climit_: 'limit waiting active acquired_total active_seconds waiting_seconds',
      lmdb_:
        'mapsize_bytes env_readers_current env_readers_max env_last_tnx_id filesize_bytes db_usage_bytes total_usage_bytes total_usage_fraction stat_entries stat_pages stat_depth smaps_bytes',
      storage_s3_: 'call_timestamp_seconds call_total call_error_total call_error_by_type_total call_duration_seconds',
      storage_azure_:
        'call_timestamp_seconds call_total call_error_total call_error_by_type_total call_duration_seconds',
    };
    const all = Object.entries(wanted).flatMap(([prefix, list]) => list.split(' ').map((name) => prefix + name));
    expect(all.filter((name) => !names.has(name))).toEqual([]);
  });

  it('are unique, told in one line, and ours begin with lmdbstream_', () => {
    const all: MetricDefinition[] = Object.values(METRIC_GROUPS).flatMap((group) => Object.values(group));
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, help, type } of all) {
      expect(help, name).toMatch(/^[A-Z1-9][^|\n]+[^.]$/);
      if (type === 'counter') expect(name).toMatch(/_total$/);
    }
    for (const { name } of Object.values(LMDBSTREAM)) expect(name).toMatch(/^lmdbstream_/);
  });

  it('stand in docs/metrics.md', () => {
    const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
    expect(page).toContain(metricsAsMarkdown());
  });
});

describe('values', () => {
  it('come from the events', async () => {
    const { source, text } = create();
    postGoldenRun(source);
    source.post(loadedFrom('peer', NOW_MS - 1500));
    source.post({ type: 'localChange', entries: 3, txnId: 6 });
    source.post({ type: 'lock', waitMs: 2, heldMs: 40 });
    source.post({ type: 'refused', object: objectOf('peer', NOW_MS), error: errorOf('bad gzip') });
    source.post({ type: 'storeFailed', name: 'x', error: errorOf('no'), failures: 1, retryMs: 5000 });
    source.post({ type: 'storeFailed', name: 'x', error: errorOf('no'), failures: 2, retryMs: undefined });
    source.post({ type: 'fullScan', differences: 4, dbis: ['people'] });
    source.post({ type: 'chain', length: 12 });
    source.post({ type: 'detached', dbis: ['old'] });
    source.post({
      type: 'storageCall',
      storage: 'azure',
      method: 'list',
      errorLabel: 'Timeout',
      durationMs: 9,
      bytes: 0,
    });
    source.lockWaits.set('main', NOW_MS - 12_000);
    const lines = (await text()).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'lightningstream_syncer_snapshots_load_bytes_total 500',
        `lightningstream_receiver_snapshots_last_received_seconds{lmdb="main",syncer_instance="peer"} ${(NOW_MS - 1500) / 1000}`,
        'lightningstream_syncer_snapshots_load_failed_total{lmdb="main",syncer_instance="peer"} 1',
        'lightningstream_syncer_snapshots_store_failed_attempts_total{lmdb="main"} 2',
        'lightningstream_syncer_snapshots_store_failed_permanently_total{lmdb="main"} 1',
        'lightningstream_sweeper_duration_seconds_count{lmdb="main"} 1',
        'lmdb_total_usage_bytes{lmdb="main"} 8192',
        'lmdb_total_usage_fraction{lmdb="main"} 0.0001220703125',
        'lmdb_smaps_bytes{lmdb="main",database_path="/var/lib/app/data.mdb",smap="size"} 67108864',
        'lmdb_smaps_bytes{lmdb="main",database_path="/var/lib/app/data.mdb",smap="rss"} 45056',
        'lmdbstream_peer_lag_seconds{lmdb="main",syncer_instance="peer"} 1.5',
        'lmdbstream_changes_recorded_total{lmdb="main"} 3',
        'lmdbstream_changes_merged_total{lmdb="main"} 7',
        'lmdbstream_lock_held_seconds_sum{lmdb="main"} 0.04',
        'lmdbstream_lock_waiting_seconds{lmdb="main"} 12',
        'lmdbstream_refused_objects_total{lmdb="main",syncer_instance="peer"} 1',
        'lmdbstream_full_scan_differences_total{lmdb="main"} 4',
        'lmdbstream_chain_length{lmdb="main"} 12',
        'lmdbstream_detached_dbis{lmdb="main"} 1',
        'storage_azure_call_error_by_type_total{method="list",error="Timeout"} 1',
        'lmdbstream_info{version="1.2.3",instance="local"} 1',
      ]),
    );
  });

  it('of a sidecar are there where there is one', async () => {
    const { source, text } = create();
    source.post({ type: 'lmdbStats', stats: LMDB_STATS });
    expect(await text()).not.toMatch(/^lmdbstream_sidecar_\w+\{/m);
    const sidecar = { path: '/var/lib/app/data.mdb.lmdbstream-shadow', fileSizeBytes: 32_768, entries: 2 };
    source.post({ type: 'lmdbStats', stats: { ...LMDB_STATS, sidecar } });
    const lines = (await text()).split('\n');
    expect(lines).toContain('lmdbstream_sidecar_filesize_bytes{lmdb="main"} 32768');
    expect(lines).toContain('lmdbstream_sidecar_entries{lmdb="main"} 2');
  });

  it('of a DBI that is gone are gone', async () => {
    const { source, text } = create();
    source.post({ type: 'lmdbStats', stats: LMDB_STATS });
    source.post({ type: 'lmdbStats', stats: { ...LMDB_STATS, dbis: LMDB_STATS.dbis.slice(0, 1) } });
    expect(await text()).not.toContain('db="people"');
  });

  it('of a peer that has left the bucket are gone, and those of the others stay', async () => {
    const { source, text } = create();
    source.post(loadedFrom('old', NOW_MS - 1500));
    source.post(loadedFrom('new', NOW_MS - 500));
    source.post({ type: 'instances', instanceIds: ['new'] });
    const lags = (await text()).match(
      /^(?:lmdbstream_peer_lag|lightningstream_receiver_snapshots_last_received)_seconds\{.*/gm,
    );
    expect(lags).toHaveLength(2);
    expect(lags!.every((line) => line.includes('"new"'))).toBe(true);
  });

  it('our own newest object is no peer', async () => {
    const { source, text } = create();
    source.post(loadedFrom('local', NOW_MS - 1500));
    expect(await text()).not.toMatch(/^lmdbstream_peer_lag_seconds\{/m);
  });

  it('of two databases do not mix, and time in the future is told', async () => {
    const { source, text } = create();
    source.post(loadedFrom('peer', NOW_MS + 90_000));
    source.post({ type: 'localChange', entries: 5, txnId: 1 }, { db: 'shard-0' });
    const answer = await text();
    expect(answer).toContain('lmdbstream_clock_ahead_seconds{lmdb="main",syncer_instance="peer"} 90');
    expect(answer).toContain('lmdbstream_changes_recorded_total{lmdb="shard-0"} 5');
    expect(answer).toContain('lmdbstream_changes_recorded_total{lmdb="main"} 0');
  });
});
