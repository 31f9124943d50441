import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { fsPlace } from '../e2e/buckets-machine.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { assertNothingReverted, CrashMachine, errorsOf, untilEqual } from './crash-machine.ts';
import { scenario, sized } from './scenario.ts';

describe('races for the write lock', () => {
  scenario(
    'an application that commits as fast as it can: nothing reverted, nothing unnoticed',
    async (run) => {
      const folder = temporaryFolder();
      // Compared whole all the time: what the incremental way had missed would be an error line.
      const more = { full_scan_interval: '2s' };
      // Pages that were freed while we hold a reader are not used again: at this pace a file grows by much before the next look.
      const options = { place: fsPlace(join(folder, 'bucket')), more, mapSizeBytes: 2 ** 33 };
      const [a, b] = await Promise.all(['a', 'b'].map((name) => CrashMachine.create(folder, name, options)));
      for (const { name, reader } of [a!, b!]) await reader.put('data', `${name}:`, 'start');
      const syncers = [a!.start(), b!.start()];
      for (const syncer of syncers) await syncer.says(/Loaded remote update/);
      // Each transaction has a key of its own, so that a single one that nobody noticed is missing at the other.
      const fast = await a!.write({
        seed: run.seed,
        rate: 0,
        count: sized(100_000, 400_000),
        distinct: true,
        deletions: 0,
      });
      // What b writes is merged into a meanwhile: the lock is taken again and again.
      const slow = await b!.write({ seed: run.seed + 1, rate: 100 });
      const { commits, reverted } = await fast.written();
      const merges = syncers[0]!.output.match(/Loaded remote update/g)?.length ?? 0;
      expect(reverted.slice(0, 5)).toEqual([]);
      const report = await slow.stop();
      assertNothingReverted(report);
      await eventually(async () => expect(await countOf(b!, 'a-')).toBe(commits), { deadlineMs: 120_000 });
      run.figure('equal after ms', await untilEqual([a!, b!], [report], 120_000));
      expect(await countOf(a!, 'a-')).toBe(commits);
      run.round(commits);
      run.figure('merges meanwhile', merges);
      run.figure('file MiB', Math.round(statSync(a!.path).size / 2 ** 20));
      // Otherwise nothing raced.
      expect(merges).toBeGreaterThan(1);
      for (const syncer of syncers) {
        expect(await syncer.stop()).toBe(0);
        expect(errorsOf(syncer)).toEqual([]);
      }
    },
    300_000,
  );
});

async function countOf({ reader }: CrashMachine, prefix: string): Promise<number> {
  const hex = Buffer.from(prefix).toString('hex');
  return (await reader.scan('data')).filter(([key]) => key.startsWith(hex)).length;
}
