import { performance } from 'node:perf_hooks';
import { TIME_ZERO } from '../../src/merge/index.ts';
import { snapshotSources } from '../../src/shadow/index.ts';
import { DEFAULT_LIMITS, encodeSnapshot, readSnapshot, toTimestampNano } from '../../src/snapshot/index.ts';
import { Spool } from '../../src/storage/index.ts';
import { mergeObjects } from '../../src/sync/local/merge-object.ts';
import { systemClock } from '../../src/sync/time/index.ts';
import { Bare } from '../bare.ts';
import { median } from '../statistics.ts';
import { type Database, LOCK_MAX_MS, openDatabase } from './database.ts';
import { differing } from './differing.ts';

export interface MergeInput {
  /** A filled LMDB. */
  readonly path: string;
  /** A folder for an empty instance that joins. */
  readonly joinPath: string;
  readonly count: number;
  /** Entries of the remote snapshot that differ. */
  readonly differing: number;
  readonly runs: number;
  readonly folder: string;
}

export interface MergeResult {
  /** Medians: reading the snapshot and doing nothing with it, merging it, and the lock of that. */
  readonly decodeMs: number;
  readonly mergeMs: number;
  readonly mergeLockMs: number;
  /** Merging against decoding the same object just before, median of the runs. */
  readonly mergeRatio: number;
  readonly putMs: number;
  /** Merging all of it into an empty database. */
  readonly joinMs: number;
  readonly joinLockMs: number;
}

/** A remote snapshot as large as the database here, in which a few entries are newer; and the same one by a joining instance. */
export async function measureMerge(input: MergeInput): Promise<MergeResult> {
  const database = openDatabase(input.path, 'plain');
  database.tracker.localRound();
  const decode: number[] = [];
  const merge: number[] = [];
  const lock: number[] = [];
  let body: Spool | undefined;
  // The first run warms up and does not count.
  for (let run = 0; run <= input.runs; run++) {
    body?.dispose();
    body = await remoteSnapshot(database, input, run + 1);
    const decodeMs = await decodeOnly(body);
    const merged = await mergeInto(database, body);
    if (merged.written !== input.differing) throw new Error(`${merged.written} of ${input.differing} entries won`);
    if (run === 0) continue;
    decode.push(decodeMs);
    merge.push(merged.ms);
    lock.push(merged.lockMs);
  }
  const application = await Bare.build(input.folder).application(input.path, input.count, 'plain');
  const { putUs } = await application.put(100);
  await application.stop();
  database.close();
  const joining = openDatabase(input.joinPath, 'plain', { create: true });
  const join = await mergeInto(joining, body!);
  if (join.written !== input.count) throw new Error(`${join.written} of ${input.count} entries joined`);
  body!.dispose();
  joining.close();
  return {
    decodeMs: median(decode),
    mergeMs: median(merge),
    mergeLockMs: median(lock),
    mergeRatio: median(merge.map((ms, run) => ms / decode[run]!)),
    putMs: median(putUs) / 1000,
    joinMs: join.ms,
    joinLockMs: join.lockMs,
  };
}

async function remoteSnapshot({ tracker }: Database, input: MergeInput, generation: number): Promise<Spool> {
  const sources = snapshotSources(tracker.base.view, false, tracker.knownFlags);
  const meta = {
    generationId: 'GX',
    instanceId: 'remote',
    hostname: 'remote',
    databaseName: 'bench',
    lmdbTxnId: 1n,
    timestampNano: toTimestampNano(systemClock.nowNano()),
    fromLmdbTxnId: 0n,
  };
  const body = new Spool();
  const every = Math.floor(input.count / input.differing);
  for await (const member of encodeSnapshot(
    meta,
    sources.map((source) => differing(source, every, generation)),
  )) {
    body.append(member);
  }
  return body.finish();
}

async function decodeOnly(body: Spool): Promise<number> {
  const ignore = (): void => undefined;
  const start = performance.now();
  await readSnapshot(
    () => body.open(),
    { header: ignore, dbi: ignore, entry: ignore, restart: ignore },
    { objectName: 'decode' },
  );
  return performance.now() - start;
}

async function mergeInto(database: Database, body: Spool): Promise<{ ms: number; lockMs: number; written: number }> {
  const { tracker, schema, log, report } = database;
  const { maxDecompressedBytes } = DEFAULT_LIMITS;
  const settings = {
    schema,
    extraBlocks: 0,
    lockMaxMs: LOCK_MAX_MS,
    wholeUpTo: 10_000,
    maxDecompressedBytes,
    cutoff: () => TIME_ZERO,
  };
  const { signal } = new AbortController();
  const collectGarbage = (): void => {};
  const options = { ...settings, read: readSnapshot, collectGarbage, clock: systemClock, log, report, signal };
  const heldBefore = database.status.lockHeldMs;
  const start = performance.now();
  const batch = { kind: 'snapshot', objects: [{ name: 'remote', body }] } as const;
  const [result] = await mergeObjects(tracker, batch, options);
  const ms = performance.now() - start;
  return { ms, lockMs: database.status.lockHeldMs - heldBefore, written: result!.written };
}
