import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { s3Place } from '../e2e/buckets-machine.ts';
import type { Syncer } from '../e2e/product.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { assertNothingReverted, CrashMachine, errorsOf, untilEqual } from './crash-machine.ts';
import { isSoak, scenario, secondsOf } from './scenario.ts';

const seaweedfs = await useSeaweedfs();
const INSTANCES = 8;
const WRITERS = 4;
const SAMPLE_MS = 1_000;
/** Of the second half of a long run; a leak of 100 bytes for each of 40 changes a second is 14 MiB an hour. */
const MOST_GROWTH_MIB_PER_HOUR = 24;
/**
 * A heap grows in steps, and none of them is a leak: a larger nursery (three halves of up to 16 MiB), garbage of an old generation that is
 * not collected yet. The longer the run, the less it weighs against the growth of an hour.
 */
const STEPS_MIB = 24;
/** Shorter runs only tell how a heap grows into its first sizes. */
const SLOPE_FROM_SECONDS = 600;

function memoryMib({ pid }: Syncer): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Least squares; MiB an hour. */
function slopeOf(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
  let over = 0;
  let under = 0;
  for (const [at, value] of samples.entries()) {
    over += (at - middle) * (value - mean);
    under += (at - middle) ** 2;
  }
  return ((over / under) * 3_600_000) / SAMPLE_MS;
}

describe('a fleet', () => {
  scenario(
    'of eight on SeaweedFS, four applications write, a fifth of it deletions: equal at the end, no error, no leak',
    async (run) => {
      const folder = temporaryFolder();
      const cleanup = { enabled: true, interval: '5s', must_keep_interval: '15s', remove_old_instances_interval: '1h' };
      const options = {
        place: { ...s3Place(seaweedfs), cleanup },
        more: { delta_interval: '1s', storage_poll_interval: '1s' },
      };
      const names = Array.from({ length: INSTANCES }, (_, index) => `i${index}`);
      const machines = await Promise.all(names.map((name) => CrashMachine.create(folder, name, options)));
      const writers = [];
      for (const [index, machine] of machines.slice(0, WRITERS).entries()) {
        writers.push(await machine.write({ seed: run.seed + index, rate: 10, keys: 500 }));
      }
      const syncers = machines.map((machine) => machine.start());
      const samples: number[][] = syncers.map(() => []);
      const endMs = performance.now() + secondsOf(25) * 1_000;
      while (performance.now() < endMs) {
        await sleep(SAMPLE_MS);
        for (const [index, syncer] of syncers.entries()) {
          expect([syncer.isRunning, errorsOf(syncer)]).toEqual([true, []]);
          samples[index]!.push(memoryMib(syncer));
        }
        run.round();
      }
      const reports = await Promise.all(writers.map((writer) => writer.stop()));
      for (const report of reports) assertNothingReverted(report);
      run.figure(
        'commits',
        reports.reduce((sum, { commits }) => sum + commits, 0),
      );
      run.figure('equal after ms', await untilEqual(machines, reports, 120_000));
      const most = Math.max(...samples.flat());
      run.figure('most memory MiB', Math.round(most));
      const slopes = samples.map((ofOne) => slopeOf(ofOne.slice(ofOne.length >> 1)));
      const steepest = Math.max(...slopes);
      if (isSoak) run.figure('steepest MiB/h', Math.round(steepest));
      for (const syncer of syncers) {
        expect(await syncer.stop()).toBe(0);
        expect(errorsOf(syncer)).toEqual([]);
      }
      expect(most).toBeLessThan(400);
      const hours = secondsOf(25) / 2 / 3_600;
      if (secondsOf(25) >= SLOPE_FROM_SECONDS)
        expect(steepest * hours).toBeLessThan(MOST_GROWTH_MIB_PER_HOUR * hours + STEPS_MIB);
    },
    300_000,
  );
});
