import { dbiNameBytes, dbiNameOf, PRIVATE_DBI_PREFIX, type WriteTransaction } from '../../lmdb/index.ts';
import { HeaderWriter, timeOf } from '../../merge/index.ts';
import type { DatabaseView } from '../view.ts';

/**
 * Names of the DBIs that the application dropped and that wait in their shadows (decision 9). A private DBI, which no program of the
 * fleet publishes; each value is a header like any other, since Lightning Stream's sweeper looks at it. Key: the bytes of the name.
 */
const MARK_DBI = `${PRIVATE_DBI_PREFIX}_lmdbstream_detached`;

export function detachedMarks(view: DatabaseView): ReadonlySet<string> {
  const names = new Set<string>();
  const walker = view.dbis.get(MARK_DBI)?.walk();
  while (walker?.next()) names.add(dbiNameOf(walker.keyBuffer, walker.keyStart, walker.keyEnd));
  return names;
}

/** Sets or removes the mark of a DBI. */
export function writeDetachedMark(transaction: WriteTransaction, dbiName: string, isDetached: boolean): void {
  const key = dbiNameBytes(dbiName);
  if (isDetached) {
    const first = timeOf(1n);
    const header = new HeaderWriter(transaction.id).set(first.hi, first.lo, 0);
    transaction.put(transaction.openOrCreateDbi(MARK_DBI, 0), key, header);
    return;
  }
  const dbi = transaction.openDbi(MARK_DBI);
  if (dbi !== undefined) transaction.delete(dbi, key);
}
