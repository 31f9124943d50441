import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Place } from '../e2e/buckets-machine.ts';
import type { Syncer } from '../e2e/product.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { BucketCheck } from './bucket-check.ts';
import type { Schema } from './content.ts';
import { assertNothingReverted, CrashMachine, errorsOf, preload, untilEqual } from './crash-machine.ts';
import type { Run } from './scenario.ts';
import { assertTimesAcknowledged, untilSameVersions } from './versions.ts';

/** How long a life may take to come by its point, once the LMDB is open; some never do. */
const POINT_DEADLINE_MS = 3_000;
const LONGEST_LIFE_MS = 1_200;
const BEGIN_DEADLINE_MS = 60_000;

export interface KillOptions {
  readonly place: Place;
  /** Points of `crash-points.mjs`, with how often one life comes by. None: all lives end at random times. */
  readonly calls: readonly (readonly [point: string, most: number])[];
  /** Points that each machine comes by once, at its beginning, in this order. */
  readonly first: readonly string[];
  /** Lives. */
  readonly count: number;
  /** Of all three. */
  readonly schema?: Schema;
  /** Of the two machines; who joins has none of it. */
  readonly lmdb?: Readonly<Record<string, unknown>>;
  /** Names of points that the last lives, which are not killed, must have passed. */
  readonly passed: readonly string[];
}

/** After it was started, or has done that for the first time, on however slow a machine. */
const BEGINS = [undefined, /Opened LMDB/, /Stored snapshot/];

type End = { readonly at: string } | { readonly afterMs: number; readonly begin: RegExp | undefined };

/** Every named point in a random order, again and again, and random moments between them. */
function* ends(calls: KillOptions['calls'], { random }: Run): Generator<End, never> {
  const moment = (): End => ({ afterMs: random() * LONGEST_LIFE_MS, begin: BEGINS[Math.floor(random() * 3)] });
  for (;;) {
    const points = calls.map(([name, most]) => ({ at: `${name} ${1 + Math.floor(random() ** 2 * most)}` }));
    if (points.length === 0) yield moment();
    for (let left = points.length; left > 0; left--) {
      const [point] = points.splice(Math.floor(random() * left), 1);
      yield point!;
      if (random() < 0.3) yield moment();
    }
  }
}

interface Tally {
  atPoints: number;
  atRandom: number;
  readonly points: Set<string>;
  readonly errors: string[];
}

/** How long a start takes is the machine's; only from then on it is a point that does not come. */
async function lastUntilPoint(syncer: Syncer): Promise<void> {
  const isOver = () => !syncer.isRunning;
  const isOpen = () => isOver() || syncer.output.includes('Opened LMDB');
  await eventually(isOpen, { deadlineMs: BEGIN_DEADLINE_MS, intervalMs: 20, what: 'a start' });
  await eventually(isOver, { deadlineMs: POINT_DEADLINE_MS, intervalMs: 20 }).catch(() => {});
}

/** One life: started, ended by SIGKILL, and what it left looked at. */
async function live(machine: CrashMachine, end: End, tally: Tally): Promise<void> {
  const isPoint = 'at' in end;
  const syncer = machine.start(isPoint ? { env: { ...preload('crash-points'), CRASH_AT: end.at } } : {});
  if (isPoint) await lastUntilPoint(syncer);
  else {
    if (end.begin) await syncer.says(end.begin, BEGIN_DEADLINE_MS);
    // Any moment is as good as another: nothing is waited for.
    await sleep(end.afterMs);
  }
  if (!isPoint || syncer.isRunning) tally.atRandom++;
  else {
    tally.atPoints++;
    tally.points.add(end.at.replace(/ \d+$/, ''));
  }
  await syncer.kill();
  expect([end, await syncer.ended(), syncer.output]).toEqual([end, 'SIGKILL', expect.anything()]);
  tally.errors.push(...errorsOf(syncer));
  await machine.opensClean();
  await assertReaders(machine, syncer);
  assertNothingReverted(await machine.writer!.report());
}

/** Nobody who died before holds a reader once a process of ours has opened the LMDB. */
async function assertReaders({ reader, writer }: CrashMachine, syncer: Syncer): Promise<void> {
  if (!syncer.output.includes('Opened LMDB')) return;
  const alive = [reader.pid, writer!.pid, syncer.pid];
  expect((await reader.readers()).filter((pid) => !alive.includes(pid))).toEqual([]);
}

/** Two machines whose applications write all the while, and whose instances are killed again and again; at the end a third one joins. */
export async function kills(options: KillOptions, run: Run): Promise<void> {
  const { place, calls, first, count, schema = {}, lmdb = {}, passed } = options;
  const folder = temporaryFolder();
  const cleanup = { enabled: true, interval: '500ms', must_keep_interval: '2s', remove_old_instances_interval: '1h' };
  const ofMachine = {
    place: { ...place, cleanup },
    entries: 1_500,
    more: { lmdb_lock_max: '1ms' },
    schema,
    lmdb,
  };
  const machines = await Promise.all(['a', 'b'].map((name) => CrashMachine.create(folder, name, ofMachine)));
  if (place.type === 'fs') mkdirSync(String(place.options.root_path));
  const bucket = await BucketCheck.of(place);
  for (const [index, machine] of machines.entries()) await machine.write({ seed: run.seed + index });
  const tally: Tally = { atPoints: 0, atRandom: 0, points: new Set(), errors: [] };
  const next = ends(calls, run);
  let left = count;
  const story = async (machine: CrashMachine): Promise<void> => {
    const begin = first.map((at): End => ({ at }));
    while (left-- > 0) {
      await live(machine, begin.shift() ?? next.next().value, tally);
      await bucket.look();
      run.round();
    }
  };
  await Promise.all(machines.map(story));
  const record = join(folder, 'passed');
  const syncers = machines.map((machine) =>
    machine.start({ env: { ...preload('crash-points'), CRASH_RECORD: record } }),
  );
  const reports = await Promise.all(machines.map(({ writer }) => writer!.stop()));
  for (const report of reports) assertNothingReverted(report);
  run.figure('equal after ms', await untilEqual(machines, reports));
  await bucket.look();
  // What the bucket holds is complete: whoever joins with nothing has it all.
  const joiner = await CrashMachine.create(folder, 'joiner', { place, schema });
  syncers.push(joiner.start());
  for (const machine of machines) await machine.lookBeside();
  const all = [...machines, joiner];
  await untilEqual(all, reports);
  const agreed = await untilSameVersions(all);
  if (schema.schema_tracks_changes) assertTimesAcknowledged(agreed, reports);
  await bucket.look();
  bucket.versions.add('in all LMDBs', agreed);
  expect(bucket.versions.restamped(reports).slice(0, 3)).toEqual([]);
  for (const syncer of syncers) {
    expect(await syncer.stop()).toBe(0);
    tally.errors.push(...errorsOf(syncer));
  }
  for (const { reader } of machines) expect((await reader.readers()).filter((pid) => pid !== reader.pid)).toEqual([]);
  expect(tally.errors).toEqual([]);
  run.figure('at points', tally.atPoints);
  run.figure('different points', tally.points.size);
  run.figure('at random times', tally.atRandom);
  run.figure(
    'commits',
    reports.reduce((sum, { commits }) => sum + commits, 0),
  );
  run.figure('objects', bucket.objects);
  run.figure('versions', bucket.versions.size);
  // The points are where they are said to be.
  const text = readFileSync(record, 'utf8');
  for (const name of passed) expect(text).toContain(`"${name}"`);
}
