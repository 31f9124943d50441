import { type DiffSink, diffDbis, diffTrees, type View } from '../btree/index.ts';
import { DbiFlag, isDbiName } from '../lmdb/index.ts';
import { applicationStart, HeaderError, headerProblem } from '../merge/index.ts';
import { dbiKindChanged, dbiNameTooLong, dupsortWithoutHack, unnamedDbiFlags, unnamedDbiHoldsData } from './errors.ts';
import { LocalComparer, type LocalTimes } from './local.ts';
import { isPrivate, shadowedName, shadowFlags, shadowName } from './names.ts';
import { WritePlan, type WriteSink } from './plan.ts';
import type { Schema } from './target.ts';
import { TouchedKeys } from './touched.ts';
import type { DatabaseView, DbiView } from './view.ts';

/** A held transaction: what it sees, and its pages where they can be read. */
export interface Snapshotted {
  readonly view: DatabaseView;
  readonly pages: View | undefined;
}

export interface LocalScope {
  readonly schema: Schema;
  readonly times: LocalTimes;
  /** Flags of DBIs as last seen, for those that were dropped since. */
  readonly knownFlags: ReadonlyMap<string, number>;
  /** Keys noticed in earlier rounds that failed; looked at again. */
  readonly pending?: PendingKeys | undefined;
  /** Collects every key looked at. */
  readonly touched?: TouchedKeys | undefined;
}

/** Everything of the application's that cannot be carried is refused before anything is written. */
export function assertSupported(view: DatabaseView, schema: Schema): void {
  const { flags, plainKey } = view.unnamed;
  if (plainKey) throw unnamedDbiHoldsData(plainKey);
  if (flags & (DbiFlag.dupSort | DbiFlag.integerKey)) throw unnamedDbiFlags(flags);
  for (const dbi of view.dbis.values()) {
    if (isPrivate(dbi.name)) continue;
    if (dbi.flags & DbiFlag.dupSort && (schema.native || !schema.dupsortHack)) {
      throw dupsortWithoutHack(dbi.name, schema.native);
    }
    if (schema.native) continue;
    if (!isDbiName(shadowName(dbi.name))) throw dbiNameTooLong(dbi.name);
    const shadow = view.dbis.get(shadowName(dbi.name));
    if (shadow && !canHoldKeys(shadow, dbi)) throw dbiKindChanged(dbi.name);
  }
}

/** A DBI of integer keys orders keys of any other kind or size wrongly, without a word; one of byte strings holds them all. */
function canHoldKeys(shadow: DbiView, main: DbiView): boolean {
  if (!(shadow.flags & DbiFlag.integerKey)) return true;
  if (!(shadowFlags(main.flags) & DbiFlag.integerKey)) return false;
  if (shadow.entries === 0 || main.entries === 0) return true;
  return firstKeySize(shadow) === firstKeySize(main);
}

function firstKeySize(dbi: DbiView): number {
  const walker = dbi.walk();
  return walker.next() ? walker.keyEnd - walker.keyStart : 0;
}

/** Shadow mode: compares all of main with all of the shadow. */
export function compareEverything(now: Snapshotted, scope: LocalScope): WritePlan {
  const plan = new WritePlan();
  return disposeOnError(plan, () => {
    for (const name of trackedNames(now.view)) compareWhole(name, now.view, scope, plan);
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
        compareWhole(change.name, now.view, scope, plan);
        whole.add(change.name);
      } else {
        const into = comparer(change.name, now.view, scope, plan);
        into.ensureShadow();
        diffTrees(change.oldTree, change.newTree, sinkOf(into));
      }
    }
    scope.pending?.each(now.view, (name) => (whole.has(name) ? undefined : comparer(name, now.view, scope, plan)));
  });
}

function compareWhole(name: string, view: DatabaseView, scope: LocalScope, plan: WritePlan): void {
  view.dbis.get(name)?.assertOrdered();
  const into = comparer(name, view, scope, plan);
  if (!into.isFill) {
    into.compareAll();
    return;
  }
  scope.touched?.addWhole(name);
  plan.addFill(name, view.dbis.get(name)!.entries);
}

/**
 * Copies DBIs into their empty shadows, under the lock.
 * @param view what the write transaction builds on
 * @throws UnsupportedDbiError
 */
export function fillShadows(names: readonly string[], view: DatabaseView, scope: LocalScope, sink: WriteSink): void {
  for (const name of names) comparer(name, view, scope, sink).compareAll();
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
  return new LocalComparer(
    { name, flags, main, shadow: view.dbis.get(shadowName(name)) },
    scope.times,
    sink,
    scope.touched,
  );
}

function sinkOf(into: LocalComparer): DiffSink {
  return {
    candidate: (key, ks, ke, value, vs, ve) => into.key(key, ks, ke, value, vs, ve),
    pair: (key, ks, ke, value, vs, ve, present) => into.pair(key, ks, ke, value, vs, ve, present),
  };
}

/** The application's DBIs, and those that only their shadow remembers. */
function trackedNames(view: DatabaseView): Set<string> {
  const names = new Set<string>();
  for (const name of view.dbis.keys()) {
    if (!isPrivate(name)) names.add(name);
    const shadowed = shadowedName(name);
    if (shadowed !== undefined) names.add(shadowed);
  }
  return names;
}

/**
 * Native mode: the keys that changed since `base`; they need no copy, only to be published.
 * @returns undefined where there is no telling; then the order of all DBIs has been looked at instead
 * @throws HeaderError for a new value without header, CustomOrderError
 */
export function nativeChanges(
  base: Snapshotted | undefined,
  now: Snapshotted,
): { count: number; touched: TouchedKeys } | undefined {
  if (!base?.pages || !now.pages) {
    for (const dbi of now.view.dbis.values()) if (!isPrivate(dbi.name)) dbi.assertOrdered();
    return undefined;
  }
  const touched = new TouchedKeys();
  let count = 0;
  for (const change of diffDbis(base.pages, now.pages)) {
    if (isPrivate(change.name)) continue;
    count++;
    diffTrees(change.oldTree, change.newTree, {
      candidate: (key, ks, ke, value, vs, ve) => {
        if (value && applicationStart(value, vs, ve) < 0 && ve > vs) {
          throw new HeaderError(change.name, key.subarray(ks, ke), headerProblem(value, vs, ve));
        }
        touched.add(change.name, key, ks, ke);
      },
      pair: () => {
        throw dupsortWithoutHack(change.name, true);
      },
    });
  }
  return { count, touched };
}

/**
 * Keys that were noticed but could not be written yet (map full, disk full): kept when the held reader is renewed, so that
 * the application's file does not grow without bound. Over the bound everything is compared later instead.
 */
export class PendingKeys {
  readonly #limitBytes: number;
  readonly #keys = new Map<string, Set<string>>();
  #bytes = 0;
  /** Too many: only a full comparison finds them all now. */
  isOverflown = false;

  constructor(limitBytes = 8 * 1024 * 1024) {
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && !this.isOverflown;
  }

  clear(): void {
    this.#keys.clear();
    this.#bytes = 0;
    this.isOverflown = false;
  }

  /** Remembers what changed between two transactions. */
  collect(base: Snapshotted, now: Snapshotted): void {
    if (!base.pages || !now.pages) this.isOverflown = true;
    if (this.isOverflown) return;
    for (const change of diffDbis(base.pages, now.pages!)) {
      if (isPrivate(change.name)) continue;
      if (!change.oldTree || !change.newTree || change.flagsChanged) this.isOverflown = true;
      if (this.isOverflown) return;
      diffTrees(change.oldTree, change.newTree, {
        candidate: (key, ks, ke) => this.#add(change.name, key, ks, ke),
        pair: (key, ks, ke) => this.#add(change.name, key, ks, ke),
      });
    }
  }

  #add(name: string, buffer: Buffer, start: number, end: number): void {
    if (this.isOverflown) return;
    let keys = this.#keys.get(name);
    if (!keys) {
      keys = new Set();
      this.#keys.set(name, keys);
    }
    const key = buffer.toString('latin1', start, end);
    if (keys.has(key)) return;
    keys.add(key);
    this.#bytes += key.length + 64;
    if (this.#bytes > this.#limitBytes) {
      this.clear();
      this.isOverflown = true;
    }
  }

  /** Hands every remembered key, as main has it now, to the comparer of its DBI. */
  each(view: DatabaseView, comparerOf: (name: string) => LocalComparer | undefined): void {
    for (const [name, keys] of this.#keys) {
      const into = comparerOf(name);
      if (!into) continue;
      const main = view.dbis.get(name);
      if (!main || into.isDupSort) {
        // Which pairs of a key went is not remembered; and a dropped DBI is compared whole in any case.
        into.compareAll();
        continue;
      }
      const reader = main.reader();
      for (const text of keys) {
        const key = Buffer.from(text, 'latin1');
        if (reader.get(key, 0, key.length)) {
          into.key(key, 0, key.length, reader.valueBuffer, reader.valueStart, reader.valueEnd);
        } else {
          into.key(key, 0, key.length, undefined, 0, 0);
        }
      }
    }
  }
}
