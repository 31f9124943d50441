import { describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../../src/snapshot/index.ts';
import { ChainIndex, cheapestPath, type ListedObject } from '../../../src/sync/chain/index.ts';
import { anHour, HOUR_MS } from './hour.ts';
import { delta, info, modern } from './support.ts';

const RECORD_BYTES = 60;

describe('bounds of an hour with 100,000 single changes', () => {
  const CHANGES = 100_000;
  const even = Array.from({ length: CHANGES }, (_, change) => (change * HOUR_MS) / CHANGES);
  const changedBytes = CHANGES * RECORD_BYTES;

  it.each<[string, (change: number) => number]>([
    ['each another key', (change) => change],
    ['a thousand keys', (change) => change % 1000],
    ['one key', () => 0],
  ])('%s, of a database of 40 MB', (_, keyOf) => {
    const outcome = anHour(even, keyOf, { recordBytes: RECORD_BYTES, fullBytes: 40e6 });
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    expect(outcome.mostListed).toBeLessThan(100);
    // 1 + 7 for each of the levels that 3,620 deltas need.
    expect(outcome.longestJoin).toBeLessThanOrEqual(1 + 7 * Math.ceil(Math.log(outcome.deltas) / Math.log(8)));
    expect(outcome.fulls).toBe(1);
    expect(outcome.longestWaitMs).toBeLessThanOrEqual(1000);
  });

  it('of a small database: full snapshots replace heavy chains, and are few', () => {
    const outcome = anHour(even, (change) => change % 20_000, { recordBytes: RECORD_BYTES, fullBytes: 400e3 });
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    // Each comes after deltas of at least 256 KiB.
    expect(outcome.fulls).toBeLessThanOrEqual(1 + outcome.deltaBytes / (256 * 1024));
    expect(outcome.mostListed - outcome.fulls).toBeLessThan(100);
  });

  it('bursts of 2,000 changes within two seconds', () => {
    const bursts = even.map((_, change) => Math.floor(change / 2000) * 72_000 + (change % 2000));
    const outcome = anHour(bursts, (change) => change, { recordBytes: RECORD_BYTES, fullBytes: 40e6 });
    expect(outcome.deltaBytes).toBeLessThanOrEqual(10 * changedBytes);
    expect(outcome.mostListed).toBeLessThan(100);
    expect(outcome.longestWaitMs).toBeLessThanOrEqual(1000);
  });
});

describe('the price of listings', () => {
  it('each name is parsed once: an unchanged listing of 20,000 keeps what is known, and decides nothing anew', () => {
    const index = new ChainIndex({ databaseName: 'main', ownInstanceId: 'me' });
    const listing = [modern('a', 0), ...Array.from({ length: 20_000 }, (_, at) => delta('a', at, at + 1))].map((name) =>
      info(name),
    );
    index.update(listing, { startedMs: 0, nowMs: 0 });
    index.markMerged(index.due()[0]!.objects[0]!);
    const due = index.due();
    expect(due[0]!.objects).toHaveLength(20_000);
    index.update(listing, { startedMs: 1, nowMs: 1 });
    expect(index.due()).toBe(due);
  });

  it('a path through 20,000 overlapping deltas is found without trying all of them', () => {
    let looks = 0;
    const counted = (at: number): ListedObject => {
      const name = parseSnapshotName(delta('a', Math.max(0, at - 50), at + 1));
      return {
        name,
        modifiedMs: 0,
        get sizeBytes() {
          looks++;
          return 100;
        },
      };
    };
    const { steps } = cheapestPath(
      parseSnapshotName(modern('a', 0)).timestampNano,
      Array.from({ length: 20_000 }, (_, at) => counted(at)),
    );
    expect(steps).toHaveLength(Math.ceil(20_000 / 51));
    expect(looks).toBe(20_000);
  });
});
