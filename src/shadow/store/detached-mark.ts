import { dbiNameBytes, dbiNameOf, PRIVATE_DBI_PREFIX, type WriteTransaction } from '../../lmdb/index.ts';
import { applicationStart, HeaderWriter } from '../../merge/index.ts';
import { type DatabaseView, entriesView } from '../view.ts';

/**
 * The DBIs that the application dropped and of which only the shadow is left (decision 9), with the flags that they had: nothing else
 * tells them after a restart. A private DBI, which no program of the fleet publishes. Key: the bytes of the name. Value: a header like
 * any other, since Lightning Stream's sweeper looks at it, then u16 flags.
 */
const MARK_DBI = `${PRIVATE_DBI_PREFIX}_lmdbstream_detached`;
const FLAGS_BYTES = 2;
/** No DBI has them all. */
export const UNKNOWN_FLAGS = 0xffff;

/** @returns flags by name */
export function detachedMarks(view: DatabaseView): ReadonlyMap<string, number> {
  const marks = new Map<string, number>();
  const walker = entriesView(view).dbis.get(MARK_DBI)?.walk();
  while (walker?.next()) {
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
    const at = applicationStart(valueBuffer, valueStart, valueEnd);
    const flags = at >= 0 && valueEnd - at >= FLAGS_BYTES ? valueBuffer.readUInt16BE(at) : UNKNOWN_FLAGS;
    marks.set(dbiNameOf(keyBuffer, keyStart, keyEnd), flags);
  }
  return marks;
}

/** Sets the mark of a DBI. @param flags what it had; undefined: the DBI is there, and its mark is removed */
export function writeDetachedMark(transaction: WriteTransaction, dbiName: string, flags: number | undefined): void {
  const key = dbiNameBytes(dbiName);
  if (flags !== undefined) {
    const header = new HeaderWriter(transaction.id).set(0, 1, 0);
    const value = Buffer.alloc(header.length + FLAGS_BYTES);
    header.copy(value);
    value.writeUInt16BE(flags, header.length);
    transaction.put(transaction.openOrCreateDbi(MARK_DBI, 0), key, value);
    return;
  }
  const dbi = transaction.openDbi(MARK_DBI);
  if (dbi !== undefined) transaction.delete(dbi, key);
}
