import { describe, expect, it, onTestFinished } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { MemoryStorage } from '../../src/storage/index.ts';
import { type Clock, systemClock } from '../../src/sync/index.ts';
import { decode } from '../snapshot/support.ts';
import { Gate, Instance, kindsOf, namesOf, objectsOf } from '../support/fleet/instance.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';

/** The machine's clock, which a test can move forward. Timers are the machine's own. */
class MovedClock {
  movedMs = 0;
  readonly clock: Clock = {
    ...systemClock,
    nowNano: () => systemClock.nowNano() + BigInt(this.movedMs) * 1_000_000n,
    monotonicMs: () => systemClock.monotonicMs() + this.movedMs,
  };
}

/** A reader of the reference's kind, that writes nothing: the newest `.pb.gz` of each instance, merged, and nothing else. */
async function readAsLegacy(bucket: MemoryStorage): Promise<Record<string, string>> {
  const newest = new Map<string, Buffer>();
  for (const [name, bytes] of await objectsOf(bucket, 'main__')) {
    // By the second part of the name alone: what follows the generation, and `.delta.`, is nothing that it knows.
    if (name.slice(name.indexOf('.')) === '.pb.gz') newest.set(name.split('__')[1]!, bytes);
  }
  const entries = new Map<string, { value: string; nano: bigint; isDeleted: boolean }>();
  for (const bytes of newest.values()) {
    const { snapshot } = await decode(bytes);
    for (const { key, value, timestampNano, flags } of snapshot.dbis.flatMap((dbi) => dbi.entries)) {
      const known = entries.get(key);
      if (!known || timestampNano > known.nano)
        entries.set(key, { value, nano: timestampNano, isDeleted: flags === 1 });
    }
  }
  const live = [...entries].filter(([, { isDeleted }]) => !isDeleted);
  const text = (hex: string): string => Buffer.from(hex, 'hex').toString();
  return Object.fromEntries(live.map(([key, { value }]) => [text(key), text(value)]).sort());
}

/** What an instance of the reference's kind stores: no `D1`, nothing after the generation. */
async function storeAsLegacy(bucket: MemoryStorage, nowNano: bigint, key: string, value: string): Promise<string> {
  const parts = { databaseName: 'main', instanceId: 'legacy', generationId: 'GL', kind: 'snapshot' } as const;
  const name = buildSnapshotName({ ...parts, timestampNano: toTimestampNano(nowNano) });
  await bucket.store(name, objectOf([dbiOf('d', [{ key, value, nano: nowNano }])]));
  return name;
}

describe('a fleet in which an instance of the reference’s kind comes and goes', () => {
  it('gets every change while it is there; without it, deltas alone', async () => {
    const bucket = new MemoryStorage();
    const time = new MovedClock();
    const config = { storageForceSnapshotIntervalMs: 0 };
    const a = new Instance({ name: 'a', bucket, clock: time.clock, config });
    const b = new Instance({ name: 'b', bucket, clock: time.clock, config });
    a.put('k', '0');
    a.start();
    await a.until('stored', () => a.storage.stored.length === 1);
    b.start();
    const expected: Record<string, string> = { k: '0' };
    const bothHave = async (): Promise<void> => {
      for (const one of [a, b])
        await one.until('has all', () => JSON.stringify(one.texts()) === JSON.stringify(expected));
    };
    await bothHave();
    for (const visit of [1, 2]) {
      // Alone: deltas.
      const before = a.storage.stored.length;
      for (let n = 0; n < 2; n++) {
        expected.k = `alone ${visit}.${n}`;
        a.put('k', expected.k);
        await bothHave();
      }
      expect(kindsOf(a.storage.stored.slice(before)), `visit ${visit}`).toEqual(['delta', 'delta']);
      // It comes: what was published as deltas reaches it with the next change.
      expected[`legacy-${visit}`] = 'here';
      await storeAsLegacy(bucket, time.clock.nowNano(), `legacy-${visit}`, 'here');
      await bothHave();
      for (let n = 0; n < 3; n++) {
        const [writer, other] = n === 1 ? [b, a] : [a, b];
        expected.k = `visited ${visit}.${n}`;
        writer.put('k', expected.k);
        await other.until('has it', () => other.texts().k === expected.k);
        await writer.until('the reader has it', async () => (await readAsLegacy(bucket)).k === expected.k);
      }
      // It goes, and is forgotten after a week.
      time.movedMs += 8 * 86_400_000;
    }
    const fulls = namesOf([...a.storage.stored, ...b.storage.stored]).filter(({ kind }) => kind === 'snapshot');
    expect(fulls.every(({ readsDeltas }) => readsDeltas)).toBe(true);
    await bothHave();
  });
});

describe('a slow joiner beside compaction and cleaning', () => {
  it('finds objects gone that it was about to load, and ends with everything, as does whoever follows', async () => {
    const bucket = new MemoryStorage();
    const time = new MovedClock();
    const cleanup = {
      enabled: true,
      intervalMs: 20,
      mustKeepIntervalMs: 1000,
      removeOldInstancesIntervalMs: 7 * 86_400_000,
    };
    const config = { deltaBurst: 1, deltaIntervalMs: 0, storageForceSnapshotIntervalMs: 60_000 };
    const make = (name: string): Instance => new Instance({ name, bucket, clock: time.clock, config });
    const [a, b, slow] = [make('a'), make('b'), make('slow')];
    a.put('k0', '0');
    a.start({ storage: { type: 'memory', options: {}, cleanup } });
    b.start();
    const change = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) {
        a.put(`k${n}`, `${n}`);
        await b.until(`has ${n}`, () => b.texts()[`k${n}`] === `${n}`);
      }
    };
    await change(0, 12);
    // It lists, and then waits with each load.
    const gate = new Gate();
    onTestFinished(() => gate.open());
    slow.storage.beforeLoad = () => gate.pass();
    slow.start();
    await slow.until('about to load', () => gate.waiting > 0);
    // Meanwhile deltas are compacted twice over, and what is replaced goes. Full snapshots are forced, and old ones go.
    const deleted = (): string[] =>
      [...a.storage.calls, ...b.storage.calls].filter((call) => call.startsWith('delete'));
    for (let from = 12; from < 84; from += 12) {
      await change(from, from + 12);
      time.movedMs += 30_000;
      const before = a.storage.calls.length;
      await a.until('listed since', () => a.storage.calls.slice(before).filter((call) => call === 'list').length > 4);
    }
    const stored = namesOf(a.storage.stored);
    expect(stored.filter(({ level }) => level > 0).length).toBeGreaterThanOrEqual(6);
    expect(stored.filter(({ kind }) => kind === 'snapshot').length).toBeGreaterThanOrEqual(2);
    await a.until('cleaned', () => deleted().some((call) => call.endsWith('.pb.gz') && !call.includes('.delta.')));
    expect(deleted().length).toBeGreaterThan(40);
    gate.open();
    slow.storage.beforeLoad = () => {};
    await slow.until('has all', () => Object.keys(slow.texts()).length === 84);
    expect(slow.texts()).toEqual(a.texts());
    expect(slow.told('error', '')).toEqual([]);
    expect(slow.told('warn', 'Refused')).toEqual([]);
    // What is left is enough for the next one, and little.
    expect((await objectsOf(bucket, 'main__a__')).size).toBeLessThan(100);
    const next = make('next');
    next.start();
    await next.until('has all', () => Object.keys(next.texts()).length === 84);
    expect(next.texts()).toEqual(a.texts());
  });
});
