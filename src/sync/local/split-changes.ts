import { DbiFlag } from '../../lmdb/index.ts';
import { type DatabaseView, storeOf } from '../../shadow/index.ts';
import type { ChangedDbi, ChangedKey } from '../status/index.ts';

export interface SplitChanges {
  /** Keys that are as our commit left them: it recorded them in the shadow at the same moment. */
  readonly ours: readonly ChangedDbi[];
  /** Keys that somebody else has changed since, and that no shadow knows yet. */
  readonly others: readonly ChangedDbi[];
}

/**
 * Tells apart what our last commit changed and what the application changed right after it, before anybody could look: the shadow
 * has the first, and not yet the second. What cannot be told apart is in both: keys that are not known, and pairs of a DUPSORT DBI.
 * @throws HeaderError, or an error in a page
 */
export function splitChanges(dbis: readonly ChangedDbi[], view: DatabaseView): SplitChanges {
  const ours: ChangedDbi[] = [];
  const others: ChangedDbi[] = [];
  for (const dbi of dbis) {
    const { name, keys } = dbi;
    const main = view.dbis.get(name);
    if (!keys || (main && (main.flags & DbiFlag.dupSort) !== 0)) {
      ours.push(dbi);
      others.push(dbi);
      continue;
    }
    const isRecorded = comparison(view, name);
    const parts: [ChangedKey[], ChangedKey[]] = [[], []];
    for (const key of keys) parts[isRecorded(key.key) ? 0 : 1].push(key);
    if (parts[0].length > 0) ours.push({ name, keys: parts[0] });
    if (parts[1].length > 0) others.push({ name, keys: parts[1] });
  }
  return { ours, others };
}

/** @returns whether main has of a key what its shadow has */
function comparison(view: DatabaseView, name: string): (key: Uint8Array) => boolean {
  const main = view.dbis.get(name)?.reader();
  // What main has is to be told from what the entry says, so nothing is fetched from main.
  const stored = storeOf(false).entries(view, name)?.reader('none');
  return (bytes) => {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isThere = main?.get(key, 0, key.length) === true;
    if (!stored?.find(key, 0, key.length)) return !isThere;
    const { entry } = stored;
    if (!isThere) return entry.deleted;
    return !entry.deleted && stored.hasValue(main.valueBuffer, main.valueStart, main.valueEnd);
  };
}
