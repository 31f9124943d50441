import { MapFullError, type WriteTransaction } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { compareTimes, nanoOf, type Time, timeOf } from '../../merge/index.ts';
import { SchemaGuard, schemaVersionIn } from '../../powerdns/index.ts';
import {
  type DatabaseView,
  DirectWinners,
  RemoteComparer,
  type Schema,
  storeOf,
  type WinnerSink,
  WritePlan,
} from '../../shadow/index.ts';
import { RefusedSnapshotError, type readSnapshot, type SnapshotVisitor } from '../../snapshot/index.ts';
import { ProgressPace, type Report } from '../status/index.ts';
import type { Clock } from '../time/index.ts';
import { readerCleared } from './compare-local.ts';
import type { MergeBatch, MergeObject, MergeResult } from './local-database.ts';
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
  /** Called where much has become garbage at once, before a lock; may do nothing. `minor`: what is young. */
  readonly collectGarbage: (type?: 'minor') => void;
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
/** So often winners are looked for before it is said that somebody clears our reader again and again. */
const READ_ATTEMPTS = 3;

/**
 * Merges objects: the winners are found before the lock, against the held base; under it there are only the difference
 * since then, the puts and the commit (decision 4). Deltas become one transaction, however long it takes (I9). The caller
 * holds the turn (`Exclusive`).
 *
 * @returns what each brought
 * @throws CorruptSnapshotError, RefusedSnapshotError: nothing of any object was used (I7)
 */
export async function mergeObjects(
  tracker: Tracker,
  batch: MergeBatch,
  given: MergeOptions,
  attempts = READ_ATTEMPTS,
): Promise<readonly MergeResult[]> {
  const { kind, objects } = batch;
  const options = kind === 'deltas' ? { ...given, lockMaxMs: 0 } : given;
  const tell = mergeProgress(options);
  tracker.localRound();
  const view = tracker.readable();
  const [first] = objects;
  const mayJoin = tracker.views.canReadBesideWriter && !tracker.isBeside;
  if (mayJoin && options.lockMaxMs <= 0 && objects.length === 1 && !holdsEntries(view.view)) {
    if (first!.body.sizeBytes >= LARGE_BODY_BYTES) options.collectGarbage();
    const joined = await join(tracker, view.view, first!, options, tell);
    if (joined) return [joined];
  }
  const plan = new WritePlan();
  const results: MergeResult[] = [];
  try {
    try {
      // A key may come in several of them, and then each is decided when it is written.
      if (objects.length > 1) plan.noteDisorder();
      for (const object of objects) {
        const before = plan.count;
        const reading = { ...options, tell, isOneOfMany: objects.length > 1 };
        const comparer = await readInto(tracker, plan, view.view, object, reading);
        results.push(resultOf(comparer, plan.count - before, object.name, options));
      }
      if (!tracker.isProtected(view)) {
        if (attempts === 1) throw readerCleared();
        return await mergeObjects(tracker, batch, given, attempts - 1);
      }
    } finally {
      tracker.doneReading(view);
    }
    if (plan.count >= LARGE_MERGE) options.collectGarbage();
    const time = new SliceTime(options.clock, plan.count <= options.wholeUpTo ? 0 : options.lockMaxMs);
    const { native } = options.schema;
    const onWritten = (count: number): void => tell(objects.at(-1)!.name, count, plan.count);
    if (!plan.isEmpty) writeWinners(tracker, plan, { native, extraBlocks: options.extraBlocks }, time, onWritten);
    return results;
  } finally {
    plan.dispose();
  }
}

/** Also deletion marks of what is gone. */
export function holdsEntries(view: DatabaseView): boolean {
  const beside = [...(view.sidecar?.dbis.values() ?? [])].filter(({ name }) => storeOf(false).holdsEntries(name));
  return [...view.dbis.values(), ...beside].some(({ entries }) => entries > 0);
}

type TellProgress = (name: string, done: number, total: number | undefined) => void;

/** Tells how far a merge is, from reading the first entry to writing the last. */
function mergeProgress({ clock, report }: MergeOptions): TellProgress {
  const pace = new ProgressPace(() => clock.monotonicMs());
  return (name, done, total) => {
    const due = pace.due();
    if (due) report({ type: 'merging', name, done, total, ...due });
  };
}

interface ReadOptions extends MergeOptions {
  readonly tell: TellProgress;
  /** What came before it cannot be taken back. */
  readonly isOneOfMany: boolean;
}

async function readInto(
  tracker: Tracker,
  winners: WinnerSink,
  view: DatabaseView,
  { name, body }: MergeObject,
  options: ReadOptions,
): Promise<RemoteComparer> {
  const { schema, log } = options;
  const comparer = new RemoteComparer(
    {
      objectName: name,
      schema,
      view,
      cutoff: options.cutoff(),
      onPrivateDbi: (dbi: string) =>
        log.warn('A remote snapshot holds a private DBI, which is ignored', { object: name, dbi }),
      onDbi: (dbi) => tracker.learnFlags(dbi.name, dbi.flags),
      onProgress: (entries) => options.tell(name, entries, undefined),
    },
    options.isOneOfMany ? withoutRestart(winners, name) : winners,
  );
  await readObject({ name, body }, comparer, view, options);
  return comparer;
}

/** Reads an object to its end. @throws CorruptSnapshotError, RefusedSnapshotError */
export async function readObject(
  { name, body }: MergeObject,
  into: SnapshotVisitor,
  view: DatabaseView,
  {
    schema,
    maxDecompressedBytes,
    signal,
    read,
  }: Pick<MergeOptions, 'schema' | 'maxDecompressedBytes' | 'signal' | 'read'>,
): Promise<void> {
  const ownVersion = schema.acceptSchemaChange ? undefined : schemaVersionIn(view);
  const visitor = ownVersion === undefined ? into : new SchemaGuard(into, name, ownVersion);
  await read(() => body.bytes ?? body.open(), visitor, { objectName: name, limits: { maxDecompressedBytes }, signal });
}

/** A delta of ours names its header and its DBIs before their entries. */
function withoutRestart(winners: WinnerSink, objectName: string): WinnerSink {
  return {
    addDbi: (dbi) => winners.addDbi(dbi),
    add: (write) => winners.add(write),
    noteDisorder: () => winners.noteDisorder(),
    restart: () => {
      throw new RefusedSnapshotError(objectName, 'field-order', 'header fields stand behind entries in a delta');
    },
  };
}

function resultOf(comparer: RemoteComparer, written: number, name: string, options: MergeOptions): MergeResult {
  noteFuture(comparer, name, options);
  return { header: comparer.snapshotHeader, entries: comparer.entries, written };
}

/**
 * The first object of an empty instance is written while it is decoded, all or nothing: there is nothing to compare it with, and
 * a plan of it would only be a second copy.
 * @returns undefined when it has to be done the usual way, and nothing was written
 */
async function join(
  tracker: Tracker,
  view: DatabaseView,
  object: MergeObject,
  options: MergeOptions,
  tell: TellProgress,
): Promise<MergeResult | undefined> {
  const { schema, extraBlocks } = options;
  let joined: MergeResult | undefined;
  const write = async (transaction: WriteTransaction): Promise<boolean> => {
    const tidy = (): void => options.collectGarbage('minor');
    const winners = new DirectWinners(transaction, { native: schema.native, extraBlocks }, tidy);
    const comparer = await readInto(tracker, winners, view, object, { ...options, tell, isOneOfMany: false });
    if (winners.outcome !== 'complete') return false;
    winners.finish();
    joined = resultOf(comparer, winners.count, object.name, options);
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

function noteFuture(comparer: RemoteComparer, name: string, { clock, report }: MergeOptions): void {
  const limit = timeOf(clock.nowNano() + FAR_FUTURE_NANO);
  const { newestHi, newestLo } = comparer;
  if (compareTimes(newestHi, newestLo, limit.hi, limit.lo) <= 0) return;
  report({ type: 'futureTimestamps', name, newestNano: nanoOf({ hi: newestHi, lo: newestLo }) });
}
