import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../../src/storage/index.ts';
import { type Clock, systemClock } from '../../src/sync/index.ts';
import { decode } from '../snapshot/support.ts';
import { Instance, objectsOf } from '../support/fleet/instance.ts';

const DAY_NANO = 86_400_000_000_000n;

describe('the sweeper beside the loop', () => {
  it('takes its turn, and a change of the application that it comes upon is published', async () => {
    const bucket = new MemoryStorage();
    let offNano = 0n;
    const clock: Clock = { ...systemClock, nowNano: () => systemClock.nowNano() + offNano };
    const a = new Instance({ name: 'a', bucket, clock });
    const sweeper = {
      enabled: true,
      retentionDays: 10,
      intervalMs: 20,
      firstIntervalMs: 20,
      lockDurationMs: 50,
      releaseDurationMs: 0,
      retentionLoadCutoffDurationMs: 0,
    };
    a.put('dead', '1');
    a.put('alive', '1');
    a.start({ sweeper });
    await a.until('stored', () => a.storage.stored.length === 1);
    a.application.del('d', 'dead');
    await a.until('stored the deletion', () => a.storage.stored.length === 2);
    // Nothing but the sweeper asks for a lock from here on, and the application commits just before it gets it.
    let isWritten = false;
    a.beforeLock = () => {
      if (!isWritten) a.put('during', 'the sweep');
      isWritten = true;
    };
    offNano = 20n * DAY_NANO;
    await a.until('swept', () => isWritten);
    await a.until('stored the change', () => a.storage.stored.length === 3);
    await a.stop();
    const object = [...(await objectsOf(bucket, 'main__a__')).values()].at(-1)!;
    const { snapshot } = await decode(object);
    const keys = snapshot.dbis[0]!.entries.map(({ key }) => Buffer.from(key, 'hex').toString());
    expect(keys).toEqual(['during']);
    expect(a.texts()).toEqual({ alive: '1', during: 'the sweep' });
  });
});

describe('the check on ourselves beside the loop', () => {
  it('a difference that was planted is found, told, repaired and published', async () => {
    const bucket = new MemoryStorage();
    const a = new Instance({ name: 'a', bucket });
    a.put('k', 'v');
    a.start({ fullScanIntervalMs: 30 });
    await a.until('stored', () => a.storage.stored.length === 1);
    expect(a.status.fullScanDifferences).toBe(0);
    a.application.del('_sync_shadow_d', 'k');
    await a.until('found', () => a.status.fullScanDifferences === 1);
    await a.until('stored', () => a.storage.stored.length === 2);
    const scans = a.status.fullScans;
    await a.until('scanned again', () => a.status.fullScans > scans + 1);
    expect(a.status.fullScanDifferences).toBe(1);
    expect(a.told('error', 'A full scan found changes')).toHaveLength(1);
  });
});
