import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/log/index.ts';
import { MemoryStorage, StorageError } from '../../../src/storage/index.ts';
import { Cleaner, type CleanerOptions, type CleanReason } from '../../../src/sync/clean/index.ts';
import { systemClock } from '../../../src/sync/time/index.ts';
import { at, CONFIG, fullName, MINUTE_MS, nano } from './support.ts';

const BODY = Buffer.from('any');

async function setUp(names: readonly string[], change: Partial<CleanerOptions> = {}) {
  const storage = new MemoryStorage();
  for (const name of names) await storage.store(name, BODY);
  const clock = { nowMs: at('10:00') };
  const seen = { lists: 0, listsFailed: 0, deleted: [] as CleanReason[], deletesFailed: 0 };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
  const cleaner = new Cleaner({
    storage,
    databaseName: 'test',
    instanceId: 'a',
    config: { enabled: true, intervalMs: 5 * MINUTE_MS, ...CONFIG },
    included: () => new Map(),
    log,
    now: () => clock.nowMs,
    random: Math.random,
    sleep: systemClock.sleep,
    observer: {
      listCalled: () => void seen.lists++,
      listFailed: () => void seen.listsFailed++,
      deleted: (reason) => void seen.deleted.push(reason),
      deleteFailed: () => void seen.deletesFailed++,
    },
    ...change,
  });
  return { storage, clock, seen, warnings, cleaner };
}

async function namesIn(storage: MemoryStorage): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list('')) names.push(name);
  return names;
}

const refusal = (operation: 'list' | 'delete') => new StorageError('out of order', { operation, retryable: true });

describe('a run over a bucket', () => {
  it('removes objects of its database only, and no foreign ones', async () => {
    const superseded = [at('08:00'), at('08:01')].map((time) => fullName('a', time));
    const others = ['test__notes.txt', 'test2__a__20200130-080000-000000000__GX.pb.gz', 'unrelated'];
    const { storage, clock, seen, cleaner } = await setUp([...superseded, fullName('a', at('08:02')), ...others]);
    expect(await cleaner.runOnce()).toEqual({ listed: 3, deleted: [], failed: [], listFailed: false });
    clock.nowMs = at('10:11');
    const report = await cleaner.runOnce();
    expect(report.deleted.map(({ name }) => name)).toEqual(superseded.toReversed());
    expect(await namesIn(storage)).toEqual([fullName('a', at('08:02')), ...others].sort());
    expect(seen).toEqual({
      lists: 2,
      listsFailed: 0,
      deleted: ['newer snapshot', 'newer snapshot'],
      deletesFailed: 0,
    });
  });

  it('asks anew what is committed, and what was refused', async () => {
    const lastWord = at('09:00', 1);
    let included = new Map<string, bigint>();
    let refused = new Set<string>();
    const names = [fullName('old', lastWord), fullName('a', at('09:00')), fullName('a', at('08:00'))];
    const { clock, cleaner } = await setUp(names, { included: () => included, isProven: (full) => !refused.has(full) });
    refused = new Set([fullName('a', at('09:00'))]);
    await cleaner.runOnce();
    clock.nowMs = at('11:00');
    expect((await cleaner.runOnce()).deleted).toEqual([]);
    refused = new Set();
    included = new Map([
      ['old', nano(lastWord)],
      ['a', nano(at('09:00'))],
    ]);
    expect((await cleaner.runOnce()).deleted).toEqual([
      { name: fullName('a', at('08:00')), reason: 'newer snapshot' },
      { name: fullName('old', lastWord), reason: 'stale instance' },
    ]);
  });

  it('counts and logs a delete that fails, does the others, and tries again', async () => {
    const names = Array.from({ length: 30 }, (_, minute) => fullName('a', at('08:00') + minute * MINUTE_MS));
    const stubborn = names[7]!;
    const inner = new MemoryStorage();
    for (const name of names) await inner.store(name, BODY);
    let broken = true;
    const storage: CleanerOptions['storage'] = {
      list: (prefix, options) => inner.list(prefix, options),
      delete: (name, options) =>
        broken && name === stubborn ? Promise.reject(refusal('delete')) : inner.delete(name, options),
    };
    const { clock, seen, warnings, cleaner } = await setUp([], { storage });
    await cleaner.runOnce();
    clock.nowMs = at('10:11');
    const report = await cleaner.runOnce();
    expect(report.deleted).toHaveLength(28);
    expect(report.failed).toEqual([{ name: stubborn, reason: 'newer snapshot' }]);
    expect(await namesIn(inner)).toEqual([stubborn, names[29]]);
    expect([seen.deletesFailed, seen.deleted.length, warnings.length]).toEqual([1, 28, 1]);
    broken = false;
    expect((await cleaner.runOnce()).deleted).toEqual([{ name: stubborn, reason: 'newer snapshot' }]);
  });

  it('does nothing when the bucket cannot be listed to its end, and forgets nothing', async () => {
    const inner = new MemoryStorage();
    for (const time of ['08:00', '08:01']) await inner.store(fullName('a', at(time)), BODY);
    let broken = false;
    const storage: CleanerOptions['storage'] = {
      async *list(prefix, options) {
        for await (const info of inner.list(prefix, options)) {
          yield info;
          if (broken) throw refusal('list');
        }
      },
      delete: (name, options) => inner.delete(name, options),
    };
    const { clock, seen, warnings, cleaner } = await setUp([], { storage });
    await cleaner.runOnce();
    broken = true;
    clock.nowMs = at('10:05');
    expect(await cleaner.runOnce()).toEqual({ listed: 0, deleted: [], failed: [], listFailed: true });
    expect([seen.listsFailed, warnings.length]).toEqual([1, 1]);
    broken = false;
    clock.nowMs = at('10:10:01');
    expect((await cleaner.runOnce()).deleted).toHaveLength(1);
  });
});

describe('the cleaner as a service', () => {
  it('runs at once, then every interval times 0.8 to 1.2, failures or not, until aborted', async () => {
    const abort = new AbortController();
    const pauses: number[] = [];
    const rolls = [0, 0.5, 0.999];
    const storage: CleanerOptions['storage'] = {
      // biome-ignore lint/correctness/useYield: fails before its first object
      async *list() {
        throw refusal('list');
      },
      delete: () => Promise.resolve(),
    };
    const { seen, cleaner } = await setUp([], {
      storage,
      random: () => rolls[pauses.length]!,
      sleep: async (ms) => {
        pauses.push(ms);
        if (pauses.length === 3) abort.abort();
      },
    });
    await cleaner.run(abort.signal);
    expect(pauses.map((ms) => Math.round(ms / 1000))).toEqual([240, 300, 360]);
    expect([seen.lists, seen.listsFailed]).toEqual([3, 3]);
  });

  it('ends quietly when it is aborted in the middle of a run', async () => {
    const abort = new AbortController();
    const inner = new MemoryStorage();
    for (let minute = 0; minute < 20; minute++)
      await inner.store(fullName('a', at('08:00') + minute * MINUTE_MS), BODY);
    const clock = { nowMs: at('10:00') };
    const storage: CleanerOptions['storage'] = {
      list: (prefix, options) => inner.list(prefix, options),
      delete: async () => {
        abort.abort();
        abort.signal.throwIfAborted();
      },
    };
    const { seen, warnings, cleaner } = await setUp([], {
      storage,
      now: () => clock.nowMs,
      sleep: async () => {
        clock.nowMs += 11 * MINUTE_MS;
      },
    });
    await cleaner.run(abort.signal);
    expect([seen.lists, seen.deletesFailed, warnings.length]).toEqual([2, 0, 0]);
    await cleaner.run(abort.signal);
    expect(seen.lists).toBe(2);
  });
});

describe('sleep', () => {
  const { sleep } = systemClock;

  it('ends with its signal, also when that is aborted already or the time is longer than a timer holds', async () => {
    const abort = new AbortController();
    let ended = false;
    const sleeping = sleep(400 * 24 * 3600 * 1000, abort.signal).then(() => {
      ended = true;
    });
    await sleep(1, new AbortController().signal);
    expect(ended).toBe(false);
    abort.abort();
    await sleeping;
    await sleep(1e9, abort.signal);
  });
});
