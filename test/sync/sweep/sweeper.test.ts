import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { Bench, CUTOFF, entry, fill, HOUR_NANO, key, keysOf, NOW_MS, OLD, openEnvironment, SHADOW } from './support.ts';

const FRESH = BigInt(NOW_MS) * 1_000_000n - HOUR_NANO;

/** A third live and old, a third fresh marks, a third old marks. */
function thirds(index: number): Buffer {
  if (index % 3 === 0) return entry(OLD, 'value');
  return entry(index % 3 === 1 ? FRESH : OLD);
}

describe('one sweep', () => {
  it('removes old marks and nothing else (SWP-05)', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3000, thirds);
    const bench = new Bench(environment);
    const report = await bench.sweep();
    expect(report).toMatchObject({ totalEntries: 2000, deletedEntries: 1000, cleanedEntries: 1000, badEntries: 0 });
    expect(keysOf(environment, SHADOW)).toEqual(
      Array.from({ length: 3000 }, (_, index) => index)
        .filter((index) => index % 3 !== 2)
        .map((index) => key(index).toString()),
    );
    expect(bench.reports).toEqual([report]);
    expect(bench.lines.join()).toContain('"deleted_fraction":"0.500","cleaned_entries":1000');
    expect(await bench.sweep()).toMatchObject({ totalEntries: 2000, cleanedEntries: 0, transactions: 0 });
  });

  it('an empty LMDB and an empty DBI need no lock (SWP-06)', async () => {
    const environment = openEnvironment();
    const bench = new Bench(environment);
    const nothing = { totalEntries: 0, deletedEntries: 0, cleanedEntries: 0, transactions: 0 };
    expect(await bench.sweep()).toMatchObject(nothing);
    environment.write((transaction) => transaction.openOrCreateDbi(SHADOW, 0));
    expect(await bench.sweep()).toMatchObject(nothing);
    expect(bench.lines.join()).toContain('"deleted_fraction":"0.000"');
  });

  it('keeps a mark of exactly the cut-off; one nanosecond less is old (SWP-02)', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3, (index) => entry(CUTOFF - 1n + BigInt(index)));
    expect(await new Bench(environment).sweep()).toMatchObject({ cleanedEntries: 1, deletedEntries: 2 });
    expect(keysOf(environment, SHADOW)).toEqual([key(1).toString(), key(2).toString()]);
  });

  it('shadow: only the shadows; native: all but our own (SWP-03)', async () => {
    const names = ['app', '_sync', '_sync_other', SHADOW];
    const swept = async (mode: 'native' | 'shadow'): Promise<string[]> => {
      const environment = openEnvironment();
      for (const name of names) fill(environment, name, 1, () => entry(OLD));
      await new Bench(environment, { mode }).sweep();
      return names.filter((name) => keysOf(environment, name).length === 0);
    };
    expect(await swept('shadow')).toEqual([SHADOW]);
    expect(await swept('native')).toEqual(['app']);
  });

  it('a DUPSORT DBI is left alone, with one warning', async () => {
    const environment = openEnvironment();
    fill(environment, 'dups', 2, () => entry(OLD), DbiFlag.dupSort);
    fill(environment, 'plain', 2, () => entry(OLD));
    const bench = new Bench(environment, { mode: 'native' });
    expect(await bench.sweep()).toMatchObject({ totalEntries: 0, cleanedEntries: 2 });
    await bench.sweep();
    expect(bench.problems()).toEqual([expect.stringMatching(/^warn.*DUPSORT.*"dbi":"dups"/)]);
    expect(keysOf(environment, 'dups')).toHaveLength(2);
  });

  it('integer keys, in their own order, and the mark at the end', async () => {
    const environment = openEnvironment();
    const integer = (index: number): Buffer => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(index * 200);
      return bytes;
    };
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi(SHADOW, DbiFlag.integerKey);
      for (let index = 0; index < 50; index++) transaction.put(dbi, integer(index), entry(OLD));
    });
    const bench = new Bench(environment, { findLimits: { keys: 7, keyBytes: 1000, durationMs: 50 } });
    expect(await bench.sweep()).toMatchObject({ cleanedEntries: 50, totalEntries: 0, transactions: 8 });
  });
});

describe('entries without a valid header (SWP-07, SWP-08)', () => {
  const bad = (): Buffer => Buffer.from('no header');

  it.each([0, 500, 2999])('at %d: named once, kept, and in nobody’s way', async (at) => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3000, (index) => (index === at ? bad() : entry(OLD)));
    fill(environment, `${SHADOW}2`, 5, () => entry(OLD));
    const bench = new Bench(environment, { findLimits: { keys: 1000, keyBytes: 1e6, durationMs: 50 } });
    expect(await bench.sweep()).toMatchObject({ totalEntries: 1, badEntries: 1, cleanedEntries: 3004 });
    await bench.sweep();
    expect(keysOf(environment, SHADOW)).toEqual([key(at).toString()]);
    const named = bench.problems();
    expect(named).toHaveLength(1);
    expect(named[0]).toContain(SHADOW);
    expect(named[0]).toContain(key(at).toString('hex'));
  });

  it('a DBI full of them does not flood the log', async () => {
    const environment = openEnvironment();
    fill(environment, 'raw', 1000, bad);
    const bench = new Bench(environment, { mode: 'native' });
    expect(await bench.sweep()).toMatchObject({ totalEntries: 1000, badEntries: 1000, transactions: 0 });
    await bench.sweep();
    expect(bench.problems()).toHaveLength(101);
  });
});

describe('slices', () => {
  it('hold the lock for lock_duration and one check at most, and pause in between', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3000, () => entry(OLD));
    const bench = new Bench(environment);
    bench.tickMs = 20;
    const report = await bench.sweep();
    expect(report.cleanedEntries).toBe(3000);
    // The clock moves 20 ms at each look: 3 looks reach 50 ms, so a slice is 3 * 64 keys.
    expect(report.transactions).toBe(Math.ceil(3000 / (3 * 64)));
    expect(Math.max(...bench.heldMs)).toBeLessThanOrEqual(50 + 20 + 20);
    expect(bench.pauses.filter((ms) => ms === 70)).toHaveLength(report.transactions - 1);
    expect(report.durationMs).toBeGreaterThan(0);
  });

  it('make progress with a lock_duration of nothing', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 200, () => entry(OLD));
    const bench = new Bench(environment);
    bench.tickMs = 1_000_000;
    expect(await bench.sweep()).toMatchObject({ cleanedEntries: 200, transactions: 4 });
  });

  it('a look that takes too long is cut short as well, without losing its place', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3000, thirds);
    const bench = new Bench(environment);
    bench.tickMs = 60;
    expect(await bench.sweep()).toMatchObject({ totalEntries: 2000, deletedEntries: 1000, cleanedEntries: 1000 });
    expect(bench.pauses.filter((ms) => ms === 0)).toHaveLength(Math.floor(3000 / 256));
  });

  it('looks again under the lock: what was written meanwhile stays', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 6, () => entry(OLD));
    const bench = new Bench(environment);
    bench.beforeWrite = () => {
      environment.write((transaction) => {
        const dbi = transaction.openDbi(SHADOW)!;
        transaction.put(dbi, key(0), entry(FRESH, 'again'));
        transaction.put(dbi, key(1), entry(FRESH));
        transaction.delete(dbi, key(2));
        transaction.put(dbi, key(3), Buffer.from('bad'));
      });
    };
    expect(await bench.sweep()).toEqual({
      totalEntries: 3,
      deletedEntries: 1,
      cleanedEntries: 2,
      badEntries: 1,
      transactions: 1,
      durationMs: 0,
    });
    expect(keysOf(environment, SHADOW)).toEqual([0, 1, 3].map((index) => key(index).toString()));
  });

  it('go on after the last key, or at the next one when it is gone (SWP-10)', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 250, (index) => entry(OLD, index % 2 === 0 ? undefined : 'live'));
    const bench = new Bench(environment, { findLimits: { keys: 10, keyBytes: 1e6, durationMs: 50 } });
    const seen: number[] = [];
    bench.onPause = (ms) => {
      if (ms !== 0) return;
      // The last key of the look is a mark, and has just been swept: there is nothing to come back to.
      seen.push(keysOf(environment, SHADOW).length);
    };
    expect(await bench.sweep()).toMatchObject({ totalEntries: 125, cleanedEntries: 125, transactions: 13 });
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => 250 - 10 * (index + 1)));
  });

  it('keep no more keys in memory than the limit in bytes allows', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 100, () => entry(OLD));
    const bench = new Bench(environment, { findLimits: { keys: 1e6, keyBytes: 20 * 10, durationMs: 50 } });
    expect(await bench.sweep()).toMatchObject({ cleanedEntries: 100, transactions: 5 });
  });

  it('a DBI that is dropped on the way ends its part, not the sweep', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 100, () => entry(OLD));
    fill(environment, `${SHADOW}2`, 5, () => entry(OLD));
    const bench = new Bench(environment, { findLimits: { keys: 10, keyBytes: 1e6, durationMs: 50 } });
    let writes = 0;
    bench.beforeWrite = () => {
      if (++writes !== 2) return;
      environment.write((transaction) => transaction.drop(transaction.openDbi(SHADOW)!, true));
    };
    expect(await bench.sweep()).toMatchObject({ cleanedEntries: 15, totalEntries: 0 });
    expect(bench.problems()).toEqual([]);
  });

  it('100,000 entries, the longest keys among them', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 100_000, thirds);
    environment.write((transaction) => {
      const dbi = transaction.openDbi(SHADOW)!;
      for (let index = 0; index < 300; index++) {
        transaction.put(dbi, Buffer.alloc(511, `z${String(index).padStart(4, '0')}`), entry(OLD));
      }
    });
    const bench = new Bench(environment);
    expect(await bench.sweep()).toMatchObject({
      totalEntries: 66_667,
      deletedEntries: 33_333,
      cleanedEntries: 33_633,
      transactions: 4,
    });
    expect(keysOf(environment, SHADOW)).toHaveLength(66_667);
  });
});

describe('the sweeper as a service', () => {
  it('waits first_interval, then interval, goes on after a failure, and ends with its signal', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 1, () => entry(OLD));
    const abort = new AbortController();
    let broken = true;
    const bench = new Bench(environment);
    bench.beforeWrite = () => {
      if (broken) throw new Error('no room');
    };
    bench.onPause = () => {
      if (bench.pauses.length === 3) broken = false;
      if (bench.pauses.length === 4) abort.abort();
    };
    await bench.run(abort.signal);
    expect(bench.pauses).toEqual([600_000, 21_600_000, 21_600_000, 21_600_000]);
    expect(bench.problems()).toEqual([expect.stringContaining('no room'), expect.stringContaining('no room')]);
    expect(bench.reports).toMatchObject([{ cleanedEntries: 1 }]);
    expect(environment.openTransactions).toBe(0);
  });

  it('stops between two slices; what was swept stays swept', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 1000, () => entry(OLD));
    const abort = new AbortController();
    const bench = new Bench(environment);
    bench.tickMs = 60;
    bench.onPause = (ms) => {
      if (ms === 70) abort.abort();
    };
    await bench.run(abort.signal);
    expect(keysOf(environment, SHADOW)).toHaveLength(1000 - 64);
    expect(bench.problems()).toEqual([]);
    expect(bench.reports).toEqual([]);
  });

  it('sweeps nothing where it is switched off', async () => {
    const environment = openEnvironment();
    fill(environment, SHADOW, 3, () => entry(1n));
    const config = { enabled: false, retentionDays: 2, intervalMs: 1, firstIntervalMs: 1, lockDurationMs: 1 };
    const bench = new Bench(environment, {
      config: { ...config, releaseDurationMs: 1, retentionLoadCutoffDurationMs: 0 },
    });
    expect(await bench.sweep()).toMatchObject({ totalEntries: 3, deletedEntries: 3, cleanedEntries: 0 });
  });
});
