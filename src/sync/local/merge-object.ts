import { MapFullError, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { compareTimes, type Time, timeOf } from '../../merge/index.ts';
import {
  type ApplyOptions,
  DirectPlan,
  PlanWriter,
  RemoteComparer,
  type RemoteOptions,
  type Schema,
} from '../../shadow/index.ts';
import { type DbiHeader, readSnapshot, type SnapshotHeader } from '../../snapshot/index.ts';
import type { ObjectBody } from '../../storage/index.ts';
import type { DatabaseStatus } from '../status/status.ts';
import type { Clock } from '../time/clock.ts';
import { collectGarbage } from './garbage.ts';
import type { Held } from './held.ts';
import type { Tracker } from './tracker.ts';

export interface MergeSettings {
  readonly schema: Schema;
  /** `header_extra_padding_block`. */
  readonly extraBlocks: number;
  /** `lmdb_lock_max`; 0: one transaction, all or nothing. */
  readonly lockMaxMs: number;
  readonly maxDecompressedBytes: number;
  /** Deletions of unknown keys before this are not added. */
  readonly cutoff: () => Time;
}

export interface MergeContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly status: DatabaseStatus;
  readonly signal: AbortSignal;
  /** Told at once of local changes that came to light: they are to be published also when the object proves bad. */
  readonly onLocalChanges?: () => void;
}

export interface MergeResult {
  readonly header: SnapshotHeader | undefined;
  readonly entries: number;
  /** Entries of the object that won. */
  readonly written: number;
  /** The application had changed something too, which is to be published. */
  readonly hasLocalChanges: boolean;
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
  settings: MergeSettings,
  context: MergeContext,
): Promise<MergeResult> {
  try {
    return await mergeOnce(tracker, objectName, body, settings, context);
  } catch (error) {
    if (!tracker.fallBack(error)) throw error;
    return mergeOnce(tracker, objectName, body, settings, context);
  }
}

async function mergeOnce(
  tracker: Tracker,
  objectName: string,
  body: ObjectBody,
  settings: MergeSettings,
  context: MergeContext,
): Promise<MergeResult> {
  const { clock, log, status, signal, onLocalChanges } = context;
  const changedBefore = tracker.localRound();
  if (changedBefore) onLocalChanges?.();
  const held = tracker.readable();
  const options = {
    objectName,
    schema: settings.schema,
    view: held.view,
    cutoff: settings.cutoff(),
    onPrivateDbi: (dbi: string) =>
      log.warn('A remote snapshot holds a private DBI, which is ignored', { object: objectName, dbi }),
    onDbi: (dbi: DbiHeader) => tracker.learnFlags(dbi.name, dbi.flags),
  };
  const limits = { maxDecompressedBytes: settings.maxDecompressedBytes };
  const read = (comparer: RemoteComparer) => readSnapshot(() => body.open(), comparer, { objectName, limits, signal });
  const done = (comparer: RemoteComparer, hasChanged: boolean): MergeResult => {
    noteFuture(comparer, objectName, clock, log, status);
    const written = comparer.plan.count;
    status.mergedObjects++;
    status.mergedEntries += written;
    const hasLocalChanges = changedBefore || hasChanged;
    return { header: comparer.snapshotHeader, entries: comparer.entries, written, hasLocalChanges };
  };
  if (held.pages && settings.lockMaxMs <= 0 && holdsNothing(held)) {
    if (body.sizeBytes >= LARGE_BODY_BYTES) collectGarbage();
    const comparer = await join(tracker, options, settings, read);
    if (comparer) return done(comparer, false);
  }
  const comparer = new RemoteComparer(options);
  try {
    try {
      await read(comparer);
    } finally {
      tracker.doneReading(held);
    }
    if (comparer.plan.count >= LARGE_MERGE) collectGarbage();
    return done(comparer, comparer.plan.isEmpty ? false : writeWinners(tracker, comparer, settings, context));
  } finally {
    comparer.plan.dispose();
  }
}

function holdsNothing({ view }: Held): boolean {
  return [...view.dbis.values()].every(({ entries }) => entries === 0);
}

/**
 * The first object of an empty instance is written while it is decoded, all or nothing: there is nothing to compare it with, and
 * a plan of it would only be a second copy.
 * @returns undefined when it has to be done the usual way, and nothing was written
 */
async function join(
  tracker: Tracker,
  options: RemoteOptions,
  { schema, extraBlocks }: MergeSettings,
  read: (comparer: RemoteComparer) => Promise<unknown>,
): Promise<RemoteComparer | undefined> {
  let comparer: RemoteComparer | undefined;
  const write = async (transaction: WriteTransaction): Promise<boolean> => {
    const plan = new DirectPlan(transaction, { native: schema.native, extraBlocks }, () => collectGarbage('minor'));
    comparer = new RemoteComparer(options, plan);
    await read(comparer);
    // Header fields behind their entries, or a key that came twice.
    if (comparer.plan !== plan || !plan.isOrdered) return false;
    plan.finish();
    return true;
  };
  try {
    return (await tracker.writeAsItComes(write)) ? comparer : undefined;
  } catch (error) {
    // The usual way enlarges the map.
    if (error instanceof MapFullError) return undefined;
    throw error;
  } finally {
    comparer?.plan.dispose();
  }
}

/** @returns whether local changes came to light under the lock */
function writeWinners(
  tracker: Tracker,
  comparer: RemoteComparer,
  settings: MergeSettings,
  { clock, onLocalChanges }: MergeContext,
): boolean {
  const { plan } = comparer;
  let hasLocalChanges = false;
  if (settings.lockMaxMs <= 0) {
    const done = tracker.write((transaction, { touched, recheckAll }) => {
      const options = { native: settings.schema.native, extraBlocks: settings.extraBlocks, touched, recheckAll };
      const writer = new PlanWriter(transaction, plan, { ...options, ifTouched: 'decide-again' });
      writer.openDbis();
      plan.replay((record) => writer.write(record));
      writer.finish();
    });
    if (done.hasLocalChanges) onLocalChanges?.();
    return done.hasLocalChanges;
  }
  // In slices: after the first one the base is no longer what the plan was made against, and the application may have
  // changed any key between two of them, so every record is decided again by what is stored.
  const records = plan.reader();
  const postponed: NonNullable<ApplyOptions['postponed']> = [];
  for (let more = true, first = true; more; first = false) {
    const start = records.position;
    const slice = tracker.write((transaction, { touched, recheckAll }) => {
      // Runs again in a new transaction when the map was full.
      records.seek(start);
      const startedMs = clock.monotonicMs();
      const options = { native: settings.schema.native, extraBlocks: settings.extraBlocks, touched };
      const writer = new PlanWriter(transaction, plan, {
        ...options,
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
        if (count % LOCK_CHECK_EVERY === 0 && clock.monotonicMs() - startedMs >= settings.lockMaxMs) return true;
      }
    });
    more = slice.result;
    if (slice.hasLocalChanges) onLocalChanges?.();
    hasLocalChanges ||= slice.hasLocalChanges;
  }
  return hasLocalChanges;
}

function noteFuture(
  comparer: RemoteComparer,
  objectName: string,
  clock: Clock,
  log: Log,
  status: DatabaseStatus,
): void {
  const limit = timeOf(clock.nowNano() + FAR_FUTURE_NANO);
  if (compareTimes(comparer.newestHi, comparer.newestLo, limit.hi, limit.lo) <= 0) return;
  status.futureTimestamps++;
  log.warn('A peer stamps its entries far in the future: check its clock', { object: objectName });
}
