import { describe, expect, it } from 'vitest';
import { Health, healthAnswer } from '../../src/server/health/index.ts';
import { configOf, errorOf, FakeSource, NOW_MS, objectOf } from './fake-source.ts';

const MINUTE_MS = 60_000;

function create(lines = ''): { source: FakeSource; health: Health } {
  const source = new FakeSource(['main', 'shard-0']);
  const health = new Health(configOf(lines).health, source.databases, NOW_MS);
  source.subscribe((event) => health.apply(event));
  return { source, health };
}

const FAILURES = {
  list: { type: 'listFailed', error: errorOf('no route'), failures: 1 },
  load: { type: 'loadFailed', object: objectOf('peer', NOW_MS), error: errorOf('no route'), cause: 'storage' },
  store: { type: 'storeFailed', name: 'x', error: errorOf('no route'), failures: 1, retryMs: 100 },
} as const;

const SUCCESSES = {
  list: { type: 'listed', objects: 1, sizeBytes: 1, instances: 1, durationMs: 1, recovered: true },
  load: {
    type: 'loaded',
    object: objectOf('peer', NOW_MS),
    shortHash: 'abc1234',
    sizeBytes: 1,
    entries: 1,
    written: 1,
    downloadMs: 1,
    mergeMs: 1,
  },
  store: { type: 'stored', object: objectOf('local', NOW_MS), sizeBytes: 1, txnId: 1, encodeMs: 1, storeMs: 1 },
} as const;

const WORDS = {
  list: 'list snapshots on storage backend',
  load: 'load a snapshot from storage backend',
  store: 'write to storage backend',
} as const;

describe.each(['list', 'load', 'store'] as const)('failing to %s', (activity) => {
  const name = `main_storage_${activity}_failed_duration`;

  it('is a warning after a minute, a failure after five, counted from the first failure in a row', () => {
    const { source, health } = create();
    source.post(FAILURES[activity]);
    source.post(FAILURES[activity], { atMs: NOW_MS + 30_000 });
    expect(health.report(NOW_MS + MINUTE_MS - 1)).toMatchObject({ failures: {}, warnings: {} });
    const text = (duration: string): string => `failed to ${WORDS[activity]} for ${duration} - last error: 'no route'`;
    expect(health.report(NOW_MS + MINUTE_MS).warnings).toEqual({ [name]: text('1m0s') });
    expect(health.report(NOW_MS + 5 * MINUTE_MS)).toMatchObject({ failures: { [name]: text('5m0s') }, warnings: {} });
  });

  it('is over with one success, and counts from the beginning after it', () => {
    const { source, health } = create();
    source.post(FAILURES[activity]);
    source.post(SUCCESSES[activity], { atMs: NOW_MS + MINUTE_MS });
    source.post(FAILURES[activity], { atMs: NOW_MS + 2 * MINUTE_MS });
    expect(health.report(NOW_MS + 3 * MINUTE_MS - 1).warnings).toEqual({});
    expect(health.report(NOW_MS + 3 * MINUTE_MS).warnings).toHaveProperty(name);
  });

  it('follows the durations of the configuration', () => {
    const { source, health } = create(`health: {storage_${activity}: {warn_duration: 2s, error_duration: 4s}}`);
    source.post(FAILURES[activity]);
    expect(Object.keys(health.report(NOW_MS + 2000).warnings)).toEqual([name]);
    expect(Object.keys(health.report(NOW_MS + 4000).failures)).toEqual([name]);
  });
});

describe('the start', () => {
  it('is in the metadata when it has succeeded, each database by itself', () => {
    const { source, health } = create();
    source.post({ type: 'phase', phase: 'joining' });
    expect(health.report(NOW_MS).startup).toEqual({});
    source.post({ type: 'phase', phase: 'running' });
    expect(health.report(NOW_MS).startup).toEqual({ startup_main: true });
  });

  it('is reported by healthz only where that is wanted', () => {
    expect(create().health.report(NOW_MS + 10 * MINUTE_MS).failures).toEqual({});
    const { source, health } = create('health: {start: {report_healthz: true, report_metadata: false}}');
    source.post({ type: 'phase', phase: 'running' });
    const report = health.report(NOW_MS + 10 * MINUTE_MS);
    expect(report.failures).toEqual({ 'shard-0_startup_in_progress': 'successful startup pending after 10m0s' });
    expect(report.startup).toEqual({});
  });
});

describe('the answer', () => {
  const facts = { hostname: 'vm', version: 'dev', startedMs: NOW_MS - 1000 };

  it.each([
    ['OK', {}, {}, true],
    ['Warning', {}, { a: 'b' }, true],
    ['Unavailable', { a: 'b' }, { a: 'b' }, false],
  ] as const)('%s', (status, failures, warnings, ok) => {
    const answer = healthAnswer({ failures, warnings, startup: { startup_main: true } }, facts, NOW_MS);
    expect(answer).toMatchObject({ ok, status, failures, warnings, has_warnings: Object.keys(warnings).length > 0 });
    expect(answer.metadata).toEqual({ hostname: 'vm', version: 'dev', startup_main: true });
    expect(answer).toMatchObject({ time: '2026-11-23T11:50:00.000Z', since: '2026-11-23T11:49:59.000Z' });
    expect(answer.runtime).toMatchObject({ os: 'linux', version: process.version });
  });
});
