import { type DiffSink, diffDbis, diffTrees } from '../btree/index.ts';
import { DbiFlag } from '../lmdb/index.ts';
import { detachedMarks, isDetached, UNKNOWN_FLAGS } from './detached.ts';
import {
  dbiKindChanged,
  dbiNameTooLong,
  dupfixedWithoutDupsort,
  dupsortWithoutHack,
  unnamedDbiFlags,
  unnamedDbiHoldsData,
} from './errors.ts';
import type { Filling } from './filling.ts';
import { KeySet } from './key-set.ts';
import { LocalComparer, type LocalKeys, type LocalTimes } from './local.ts';
import { collectOwnWrites, lookAgain } from './pending.ts';
import { WritePlan } from './plan.ts';
import type { WriteSink } from './planned.ts';
import type { Schema } from './schema.ts';
import { isPrivate, storeOf } from './store/index.ts';
import type { DatabaseView, Snapshotted } from './view.ts';

export interface LocalScope extends LocalKeys {
  readonly schema: Schema;
  readonly times: LocalTimes;
  /** Flags of DBIs as last seen, for those that were dropped since. */
  readonly knownFlags: ReadonlyMap<string, number>;
  /** Keys noticed in earlier rounds that failed; looked at again. */
  readonly pending?: KeySet | undefined;
  /** The base was taken before our own last commit: what we wrote since is looked at again. */
  readonly isBaseBehind?: boolean | undefined;
  /** DBIs of which part is in the shadow: what is ahead is not looked at, but remembered. */
  readonly filling?: Filling | undefined;
}

/** Everything of the application's that cannot be carried is refused before anything is written. */
export function assertSupported(view: DatabaseView, schema: Schema): void {
  const { flags, plainKey } = view.unnamed;
  if (plainKey) throw unnamedDbiHoldsData(plainKey);
  if (flags & (DbiFlag.dupSort | DbiFlag.integerKey)) throw unnamedDbiFlags(flags);
  const store = storeOf(schema.native);
  for (const dbi of view.dbis.values()) {
    if (isPrivate(dbi.name)) continue;
    if ((dbi.flags & (DbiFlag.dupSort | DbiFlag.dupFixed)) === DbiFlag.dupFixed) throw dupfixedWithoutDupsort(dbi.name);
    if (dbi.flags & DbiFlag.dupSort && (schema.native || !schema.dupsortHack)) {
      throw dupsortWithoutHack(dbi.name, schema.native);
    }
    if (!store.canName(dbi.name)) throw dbiNameTooLong(dbi.name);
    if (!store.canTakeKeysOf(dbi, view)) throw dbiKindChanged(dbi.name);
  }
}

/** Shadow mode: compares all of main with all of the shadow. */
export function compareEverything(now: Snapshotted, scope: LocalScope): WritePlan {
  const plan = new WritePlan();
  return disposeOnError(plan, () => {
    const marks = detachedMarks(now.view);
    for (const name of trackedNames(now.view)) {
      if (!isDetached(name, now.view, scope.schema)) compareWhole(name, now.view, scope, plan, marks.has(name));
      else if (!marks.has(name)) plan.mark(name, scope.knownFlags.get(name) ?? UNKNOWN_FLAGS);
    }
  });
}

/** Shadow mode: looks only at what changed since `base`, by page number (decision 3). */
export function compareChanged(base: Snapshotted, now: Snapshotted, scope: LocalScope): WritePlan {
  if (!base.pages || !now.pages) return compareEverything(now, scope);
  const plan = new WritePlan();
  return disposeOnError(plan, () => {
    const whole = new Set<string>();
    for (const change of diffDbis(base.pages, now.pages!)) {
      if (isPrivate(change.name)) continue;
      if (!change.oldTree || !change.newTree || change.flagsChanged) {
        // Created, dropped or of another kind: what the shadow still holds of an earlier life counts too.
        scope.filling?.forget(change.name);
        whole.add(change.name);
        if (isDetached(change.name, now.view, scope.schema)) {
          scope.touched?.addWhole(change.name);
          plan.mark(change.name, scope.knownFlags.get(change.name) ?? UNKNOWN_FLAGS);
        } else {
          const wasDropped = !change.oldTree && storeOf(false).entries(base.view, change.name) !== undefined;
          compareWhole(change.name, now.view, scope, plan, wasDropped);
        }
      } else {
        const ahead = scope.filling?.aheadIn(change.name, now.view);
        const into = comparer(change.name, now.view, scope, plan);
        if (!ahead) into.ensureShadow();
        diffTrees(
          change.oldTree,
          change.newTree,
          ahead ? withoutAhead(into, change.name, ahead, scope.filling!) : into,
        );
        plan.noteDeletions(change.name, into.deletions);
      }
    }
    const again = (keys: KeySet): void =>
      lookAgain(keys, now.view, (name) =>
        whole.has(name) || isDetached(name, now.view, scope.schema) ? undefined : comparer(name, now.view, scope, plan),
      );
    if (scope.pending) again(scope.pending);
    if (!scope.isBaseBehind) return;
    // As many as one transaction of ours took.
    const written = new KeySet(Number.POSITIVE_INFINITY);
    collectOwnWrites(base, now, written);
    again(written);
  });
}

/** @param wasDropped the application had dropped the DBI: what one that was made again lacks comes from the shadow (decision 9) */
function compareWhole(name: string, view: DatabaseView, scope: LocalScope, plan: WritePlan, wasDropped: boolean): void {
  const main = view.dbis.get(name);
  main?.assertOrdered();
  const into = comparer(name, view, scope, plan);
  if (wasDropped === (main !== undefined)) plan.mark(name, scope.knownFlags.get(name) ?? UNKNOWN_FLAGS);
  if (wasDropped && main && scope.schema.droppedDbis === 'keep') {
    into.refill();
    if (into.hasBroughtBack) plan.refills.add(name);
    scope.unpublished?.addWhole(name);
    return;
  }
  const copiedUpTo = into.isFill ? undefined : scope.filling?.copiedUpTo(name);
  if (!into.isFill) into.compareAll(copiedUpTo);
  plan.noteDeletions(name, into.deletions);
  if (!into.isFill && !copiedUpTo) return;
  scope.touched?.addWhole(name);
  scope.unpublished?.addWhole(name);
  plan.addFill(name, main?.entries ?? 0);
}

/**
 * Compares DBIs with their shadows and gives a sink what must be written.
 * @throws UnsupportedDbiError
 */
export function compareInto(names: readonly string[], view: DatabaseView, scope: LocalScope, sink: WriteSink): void {
  const { schema, times, knownFlags } = scope;
  for (const name of names) comparer(name, view, { schema, times, knownFlags }, sink).compareAll();
}

/** Passes on what was copied already; of the rest the keys are remembered. */
function withoutAhead(
  into: LocalComparer,
  name: string,
  isAhead: (key: Buffer, start: number, end: number) => boolean,
  { changed }: Filling,
): DiffSink {
  return {
    candidate: (key, keyStart, keyEnd, value, valueStart, valueEnd) => {
      if (isAhead(key, keyStart, keyEnd)) changed.add(name, key, keyStart, keyEnd);
      else into.candidate(key, keyStart, keyEnd, value, valueStart, valueEnd);
    },
    pair: (key, keyStart, keyEnd, value, valueStart, valueEnd, present) => {
      if (isAhead(key, keyStart, keyEnd)) changed.add(name, key, keyStart, keyEnd);
      else into.pair(key, keyStart, keyEnd, value, valueStart, valueEnd, present);
    },
  };
}

function disposeOnError(plan: WritePlan, work: () => void): WritePlan {
  try {
    work();
    return plan;
  } catch (error) {
    plan.dispose();
    throw error;
  }
}

function comparer(name: string, view: DatabaseView, scope: LocalScope, sink: WriteSink): LocalComparer {
  const main = view.dbis.get(name);
  const flags = main?.flags ?? scope.knownFlags.get(name) ?? 0;
  const stored = storeOf(scope.schema.native).entries(view, name);
  return new LocalComparer({ name, flags, main, stored }, scope.times, sink, scope);
}

/** The application's DBIs, and those that only their shadow remembers. */
function trackedNames(view: DatabaseView): Set<string> {
  const own = [...view.dbis.keys()].filter((name) => !isPrivate(name));
  return new Set([...own, ...storeOf(false).dbiNames(view)]);
}
