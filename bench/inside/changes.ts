import { performance } from 'node:perf_hooks';
import { Bare, type Layout } from '../bare.ts';
import { median } from '../statistics.ts';
import { cpuMsSince, openDatabase, rssAnonKb } from './database.ts';

export interface ChangesInput {
  /** A filled LMDB. */
  readonly path: string;
  readonly layout: Layout;
  /** Data file of a sidecar; undefined: entries go into the LMDB itself. */
  readonly sidecarPath?: string | undefined;
  readonly count: number;
  readonly rounds: number;
  /** Where the bare program is, or is compiled to. */
  readonly folder: string;
}

export interface ChangesResult {
  /** The first round, which fills the shadow. */
  readonly firstMs: number;
  readonly firstLockMs: number;
  /** Medians over the rounds. */
  readonly cpuMs: number;
  readonly noticedToCommittedMs: number;
  readonly lockMs: number;
  readonly putMs: number;
  /** A comparison of everything, as a system that scans pays it for every change; once. */
  readonly fullScanMs: number;
  /** How often the application's write lock was taken: for the first round, and for the others, those that warm up included. */
  readonly firstLocks: number;
  readonly locks: number;
  /** RssAnon after the first round. */
  readonly firstRssKb: number;
  readonly rounds: number;
}

/** Before the figures count: the compiler of the JavaScript engine has then seen every path. */
const WARM_UP_ROUNDS = 100;

/** One changed record a round: the application commits it, then the tracker notices it and writes it to the shadow. */
export async function measureChanges(input: ChangesInput): Promise<ChangesResult> {
  const { path, layout, sidecarPath, count, rounds, folder } = input;
  const database = openDatabase(path, layout, { sidecarPath });
  const { tracker } = database;
  const startedMs = performance.now();
  tracker.localRound();
  const firstMs = performance.now() - startedMs;
  const { lockHeldMs: firstLockMs, locks: firstLocks } = database.status;
  const firstRssKb = rssAnonKb();
  const application = await Bare.build(folder).application(path, count, layout);
  const cpu: number[] = [];
  const noticed: number[] = [];
  const lock: number[] = [];
  const put: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const { putUs } = await application.put();
    const heldBefore = database.status.lockHeldMs;
    const cpuBefore = process.cpuUsage();
    const before = performance.now();
    if (!tracker.localRound()) throw new Error('a change was not noticed');
    const tookMs = performance.now() - before;
    const cpuMs = cpuMsSince(cpuBefore);
    if (round < 0) continue;
    cpu.push(cpuMs);
    noticed.push(tookMs);
    lock.push(database.status.lockHeldMs - heldBefore);
    put.push(putUs[0]! / 1000);
  }
  await application.stop();
  const locks = database.status.locks - firstLocks;
  const scanStartMs = performance.now();
  tracker.fullScan();
  const fullScanMs = performance.now() - scanStartMs;
  database.close();
  return {
    firstMs,
    firstLockMs,
    cpuMs: median(cpu),
    noticedToCommittedMs: median(noticed),
    lockMs: median(lock),
    putMs: median(put),
    fullScanMs,
    firstLocks,
    locks,
    firstRssKb,
    rounds,
  };
}
