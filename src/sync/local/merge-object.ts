import { MapFullError, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { compareTimes, type Time, timeOf } from '../../merge/index.ts';
import { SchemaGuard, schemaVersionIn } from '../../powerdns/index.ts';
import {
  type DatabaseView,
  DirectWinners,
  RemoteComparer,
  type RemoteOptions,
  type Schema,
  WritePlan,
} from '../../shadow/index.ts';
import { type DbiHeader, parseSnapshotName, type readSnapshot, SnapshotNameError } from '../../snapshot/index.ts';
import type { ObjectBody } from '../../storage/index.ts';
import type { Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import { collectGarbage } from './garbage.ts';
import type { MergeResult } from './local-database.ts';
import { SliceTime } from './slice-time.ts';
import type { Tracker } from './tracker.ts';
import { writeWinners } from './write-winners.ts';

export interface MergeOptions {
  readonly schema: Schema;
  /** `header_extra_padding_block`. */
  readonly extraBlocks: number;
  /** `lmdb_lock_max`, for full snapshots; 0: one transaction, all or nothing. A delta always is one (I9). */
  readonly lockMaxMs: number;
  /** So many winners are written in one transaction whatever `lockMaxMs` says. */
  readonly wholeUpTo: number;
  readonly maxDecompressedBytes: number;
  /** Deletions of unknown keys before this are not added. */
  readonly cutoff: () => Time;
  readonly read: typeof readSnapshot;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** A peer's clock ahead by more than this is told of (decision 10). */
const FAR_FUTURE_NANO = 300n * 1_000_000_000n;
/** From so many writes on it is worth 10 ms to go under the lock with clean memory. */
const LARGE_MERGE = 100_000;
const LARGE_BODY_BYTES = 4 * 1024 * 1024;
/**
 * Merges one object: the winners are found before the lock, against the held base; under it there are only the difference
 * since then, the puts and the commit (decision 4). The caller holds the turn (`Exclusive`).
 *
 * @throws CorruptSnapshotError, RefusedSnapshotError: nothing of the object was used (I7)
 */
export async function mergeObject(
  tracker: Tracker,
  objectName: string,
  body: ObjectBody,
  options: MergeOptions,
): Promise<MergeResult> {
  const { schema, extraBlocks, maxDecompressedBytes, clock, log, signal } = options;
  const { native } = schema;
  const lockMaxMs = isDelta(objectName) ? 0 : options.lockMaxMs;
  tracker.localRound();
  const view = tracker.readable();
  const remote = {
    objectName,
    schema,
    view: view.view,
    cutoff: options.cutoff(),
    onPrivateDbi: (dbi: string) =>
      log.warn('A remote snapshot holds a private DBI, which is ignored', { object: objectName, dbi }),
    onDbi: (dbi: DbiHeader) => tracker.learnFlags(dbi.name, dbi.flags),
  };
  const limits = { maxDecompressedBytes };
  const ownVersion = schema.acceptSchemaChange ? undefined : schemaVersionIn(view.view);
  const read = (comparer: RemoteComparer) => {
    const visitor = ownVersion === undefined ? comparer : new SchemaGuard(comparer, objectName, ownVersion);
    return options.read(() => body.open(), visitor, { objectName, limits, signal });
  };
  const done = (comparer: RemoteComparer, written: number): MergeResult => {
    noteFuture(comparer, objectName, options);
    return { header: comparer.snapshotHeader, entries: comparer.entries, written };
  };
  if (tracker.views.canReadBesideWriter && lockMaxMs <= 0 && holdsNothing(view.view)) {
    if (body.sizeBytes >= LARGE_BODY_BYTES) collectGarbage();
    const joined = await join(tracker, remote, options, read);
    if (joined) return done(joined.comparer, joined.written);
  }
  const plan = new WritePlan();
  const comparer = new RemoteComparer(remote, plan);
  try {
    try {
      await read(comparer);
    } finally {
      tracker.doneReading(view);
    }
    if (plan.count >= LARGE_MERGE) collectGarbage();
    const time = new SliceTime(clock, plan.count <= options.wholeUpTo ? 0 : lockMaxMs);
    if (!plan.isEmpty) writeWinners(tracker, plan, { native, extraBlocks }, time);
    return done(comparer, plan.count);
  } finally {
    plan.dispose();
  }
}

function holdsNothing({ dbis }: DatabaseView): boolean {
  return [...dbis.values()].every(({ entries }) => entries === 0);
}

/**
 * The first object of an empty instance is written while it is decoded, all or nothing: there is nothing to compare it with, and
 * a plan of it would only be a second copy.
 * @returns undefined when it has to be done the usual way, and nothing was written
 */
async function join(
  tracker: Tracker,
  options: RemoteOptions,
  { schema, extraBlocks }: MergeOptions,
  read: (comparer: RemoteComparer) => Promise<unknown>,
): Promise<{ comparer: RemoteComparer; written: number } | undefined> {
  let joined: { comparer: RemoteComparer; written: number } | undefined;
  const write = async (transaction: WriteTransaction): Promise<boolean> => {
    const tidy = (): void => collectGarbage('minor');
    const winners = new DirectWinners(transaction, { native: schema.native, extraBlocks }, tidy);
    const comparer = new RemoteComparer(options, winners);
    await read(comparer);
    if (winners.outcome !== 'complete') return false;
    winners.finish();
    joined = { comparer, written: winners.count };
    return true;
  };
  try {
    return (await tracker.writeAsItComes(write)) ? joined : undefined;
  } catch (error) {
    // The usual way enlarges the map.
    if (error instanceof MapFullError) return undefined;
    throw error;
  }
}

/** A name that is not ours cannot be a delta. */
function isDelta(objectName: string): boolean {
  try {
    return parseSnapshotName(objectName).kind === 'delta';
  } catch (error) {
    if (error instanceof SnapshotNameError) return false;
    throw error;
  }
}

function noteFuture(comparer: RemoteComparer, name: string, { clock, report }: MergeOptions): void {
  const limit = timeOf(clock.nowNano() + FAR_FUTURE_NANO);
  const { newestHi, newestLo } = comparer;
  if (compareTimes(newestHi, newestLo, limit.hi, limit.lo) <= 0) return;
  report({ type: 'futureTimestamps', name, newestNano: (BigInt(newestHi) << 32n) | BigInt(newestLo) });
}
