import { compareDbiNames, DbiFlag } from '../lmdb/index.ts';
import { Entry } from '../merge/index.ts';
import { type DbiSource, DUPSORT_TRANSFORM, type EntryCursor, type PackedEntries } from '../snapshot/index.ts';
import type { KeyList } from './dbi-keys.ts';
import type { KeySet } from './key-set.ts';
import { isPrivate, type ShadowStore, type StoredReader, storeOf } from './store/index.ts';
import type { DatabaseView } from './view.ts';

/**
 * What a full snapshot is made of: the entries with their times, from the shadows or, in native mode, from the DBIs
 * themselves; flags and transform always those of the application's DBI.
 *
 * @param knownFlags flags of DBIs that the application dropped; one whose flags nobody remembers is left out
 * @param packed what is packed of the view already, by DBI
 */
export function snapshotSources(
  view: DatabaseView,
  native: boolean,
  knownFlags: ReadonlyMap<string, number>,
  packed?: ReadonlyMap<string, PackedEntries>,
): DbiSource[] {
  const store = storeOf(native);
  const names = new Set([...view.dbis.keys()].filter((name) => !isPrivate(name)));
  if (store.isCopy) for (const name of knownFlags.keys()) if (store.entries(view, name)) names.add(name);
  return [...names].sort(compareDbiNames).map((name) => {
    const stored = store.entries(view, name);
    const source = sourceOf(name, view, knownFlags, (wanted) => (stored ? stored.walk(wanted) : new NoEntry()));
    const ready = packed?.get(name);
    return ready && ready.entries === stored?.count ? { ...source, packed: ready } : source;
  });
}

/**
 * What a delta is made of: exactly the entries of these keys, as the view has them. Keys that it does not have are left out, and so
 * are DBIs of which nothing remains, or whose flags nobody remembers.
 *
 * @param keys keys of the shadow or, in native mode, of the DBIs themselves, as the comparers collect them (`unpublished`)
 * @throws TypeError when the set has overflowed: only a full snapshot has everything then
 */
export function deltaSources(
  view: DatabaseView,
  native: boolean,
  knownFlags: ReadonlyMap<string, number>,
  keys: KeySet,
): DbiSource[] {
  if (keys.hasOverflowed) throw new TypeError('a set of keys that has overflowed is no delta');
  const store = storeOf(native);
  const sources: DbiSource[] = [];
  for (const name of keys.dbiNames) {
    const open = isPrivate(name) ? undefined : openKeys(store, view, name, keys);
    if (open && (view.dbis.has(name) || knownFlags.has(name))) sources.push(sourceOf(name, view, knownFlags, open));
  }
  return sources;
}

/** How many entries `deltaSources` gives, at most. */
export function entryCount(view: DatabaseView, native: boolean, keys: KeySet): number {
  const store = storeOf(native);
  const whole = keys.wholeDbiNames.reduce((sum, name) => sum + (store.entries(view, name)?.count ?? 0), 0);
  return whole + keys.count;
}

function sourceOf(
  name: string,
  view: DatabaseView,
  knownFlags: ReadonlyMap<string, number>,
  open: DbiSource['open'],
): DbiSource {
  const flags = view.dbis.get(name)?.flags ?? knownFlags.get(name)!;
  return { name, flags, transform: flags & DbiFlag.dupSort ? DUPSORT_TRANSFORM : '', open };
}

/** @returns undefined when the view has none of the keys */
function openKeys(store: ShadowStore, view: DatabaseView, name: string, keys: KeySet): DbiSource['open'] | undefined {
  const stored = store.entries(view, name);
  // A DBI that was made, and holds nothing yet, is news all the same.
  if (keys.isWhole(name)) return (wanted) => (stored ? stored.walk(wanted) : new NoEntry());
  if (!stored || stored.count === 0) return undefined;
  const list = keys.sorted(name, stored.order);
  return new SomeEntries(stored.reader(), list).next() ? () => new SomeEntries(stored.reader(), list) : undefined;
}

class NoEntry extends Entry implements EntryCursor {
  next(): boolean {
    return false;
  }
}

/** The entries of some keys, in order. */
class SomeEntries extends Entry implements EntryCursor {
  readonly #reader: StoredReader;
  readonly #keys: KeyList;
  #index = 0;

  constructor(reader: StoredReader, keys: KeyList) {
    super();
    this.#reader = reader;
    this.#keys = keys;
  }

  next(): boolean {
    const keys = this.#keys;
    while (this.#index < keys.length) {
      const index = this.#index++;
      if (!this.#reader.find(keys.buffer, keys.startOf(index), keys.endOf(index))) continue;
      this.copyFrom(this.#reader.entry);
      return true;
    }
    return false;
  }
}
