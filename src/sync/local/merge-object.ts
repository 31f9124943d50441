import { MapFullError, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { compareTimes, type Time, timeOf } from '../../merge/index.ts';
import {
  type DatabaseView,
  DirectWinners,
  PlanWriter,
  type PostponedEmpty,
  RemoteComparer,
  type RemoteOptions,
  type Schema,
  WritePlan,
} from '../../shadow/index.ts';
import type { DbiHeader, readSnapshot } from '../../snapshot/index.ts';
import type { ObjectBody } from '../../storage/index.ts';
import type { Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import { collectGarbage } from './garbage.ts';
import type { MergeResult } from './local-database.ts';
import type { Tracker } from './tracker.ts';

export interface MergeOptions {
  readonly schema: Schema;
  /** `header_extra_padding_block`. */
  readonly extraBlocks: number;
  /** `lmdb_lock_max`; 0: one transaction, all or nothing. */
  readonly lockMaxMs: number;
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
/** The clock is looked at once in so many puts. */
const LOCK_CHECK_EVERY = 64;

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
  const { schema, lockMaxMs, maxDecompressedBytes, log, signal } = options;
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
  const read = (comparer: RemoteComparer) => options.read(() => body.open(), comparer, { objectName, limits, signal });
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
    if (!plan.isEmpty) writeWinners(tracker, plan, options);
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

function writeWinners(tracker: Tracker, plan: WritePlan, options: MergeOptions): void {
  const { schema, extraBlocks, lockMaxMs, clock } = options;
  const { native } = schema;
  if (lockMaxMs <= 0) {
    tracker.write((transaction, { touched, recheckAll }) => {
      const how = { native, extraBlocks, touched, recheckAll, ifTouched: 'decide-again' } as const;
      const writer = new PlanWriter(transaction, plan, how);
      writer.openDbis();
      plan.replay((record) => writer.write(record));
      writer.finish();
    });
    return;
  }
  // In slices: after the first one the base is no longer what the plan was made against, and the application may have
  // changed any key between two of them, so every record is decided again by what is stored.
  const records = plan.reader();
  const postponed: PostponedEmpty[] = [];
  for (let more = true, first = true; more; first = false) {
    const start = records.position;
    more = tracker.write((transaction, { touched, recheckAll }) => {
      // Runs again in a new transaction when the map was full.
      records.seek(start);
      const startedMs = clock.monotonicMs();
      const writer = new PlanWriter(transaction, plan, {
        native,
        extraBlocks,
        touched,
        recheckAll: recheckAll || !first,
        ifTouched: 'decide-again',
        postponed,
      });
      if (first) writer.openDbis();
      for (let count = 1; ; count++) {
        const record = records.next();
        if (!record) {
          writer.finish();
          return false;
        }
        writer.write(record);
        if (count % LOCK_CHECK_EVERY === 0 && clock.monotonicMs() - startedMs >= lockMaxMs) return true;
      }
    });
  }
}

function noteFuture(comparer: RemoteComparer, name: string, { clock, report }: MergeOptions): void {
  const limit = timeOf(clock.nowNano() + FAR_FUTURE_NANO);
  const { newestHi, newestLo } = comparer;
  if (compareTimes(newestHi, newestLo, limit.hi, limit.lo) <= 0) return;
  report({ type: 'futureTimestamps', name, newestNano: (BigInt(newestHi) << 32n) | BigInt(newestLo) });
}
