import { dbiNameBytes, dbiNameOf, PRIVATE_DBI_PREFIX, type WriteTransaction } from '../../lmdb/index.ts';
import { applicationStart, HeaderWriter, txnIdOf } from '../../merge/index.ts';
import { type DatabaseView, entriesView } from '../view.ts';
import { shadowedName, shadowName } from './names.ts';

/**
 * How far the first filling of all shadows has come, written in each of its transactions but the last, which removes it: what is
 * missing in the shadows after a kill was there before the first start, and is no change (decision 4). A private DBI, which no
 * program of the fleet publishes, with one entry that has a header like any other, since Lightning Stream's sweeper looks at it:
 *
 *     key    "first"
 *     value  header (the transaction's id), u16 length of the DBI's name, name, the last key that is copied (nothing: none is)
 */
const MARKER_DBI = `${PRIVATE_DBI_PREFIX}_lmdbstream_fill`;
const KEY = Buffer.from('first');
const NAME_LENGTH_BYTES = 2;
const NO_KEY = Buffer.alloc(0);

/** A first filling that was cut short. */
export interface FillMarker {
  /** The DBI whose turn it is; those without any entry in their shadow come after it. */
  readonly dbiName: string;
  /** The last key of it that is copied. */
  readonly lastKey: Buffer | undefined;
}

export function hasFillMarker(view: DatabaseView): boolean {
  return entriesView(view).dbis.has(MARKER_DBI);
}

/**
 * @returns undefined: there is none, or it no longer speaks truly, for somebody has written to the shadows since: another program
 * went on with the first filling in its own way, and what is missing now is a change.
 */
export function readFillMarker(view: DatabaseView): FillMarker | undefined {
  const walker = entriesView(view).dbis.get(MARKER_DBI)?.walk();
  if (!walker?.next()) return undefined;
  const value = Buffer.from(walker.valueBuffer.subarray(walker.valueStart, walker.valueEnd));
  const at = applicationStart(value, 0, value.length);
  if (at < 0 || value.length < at + NAME_LENGTH_BYTES) return undefined;
  const nameAt = at + NAME_LENGTH_BYTES;
  const nameEnd = nameAt + value.readUInt16BE(at);
  if (nameEnd > value.length) return undefined;
  const dbiName = dbiNameOf(value, nameAt, nameEnd);
  const lastKey = nameEnd < value.length ? value.subarray(nameEnd) : undefined;
  const isGone = lastKey !== undefined && !entriesView(view).dbis.get(shadowName(dbiName))?.entries;
  return isGone || isWrittenAfter(view, value) ? undefined : { dbiName, lastKey };
}

/** Whether a shadow holds an entry of a later transaction than the marker's. */
function isWrittenAfter(view: DatabaseView, marker: Buffer): boolean {
  const last = txnIdOf(marker, 0);
  for (const dbi of entriesView(view).dbis.values()) {
    if (shadowedName(dbi.name) === undefined) continue;
    const walker = dbi.walk();
    while (walker.next()) {
      if (applicationStart(walker.valueBuffer, walker.valueStart, walker.valueEnd) < 0) continue;
      if (txnIdOf(walker.valueBuffer, walker.valueStart) > last) return true;
    }
  }
  return false;
}

/** @param txnId of the application's transaction, as the entries have it */
export function writeFillMarker(
  transaction: WriteTransaction,
  { dbiName, lastKey }: FillMarker,
  txnId: number = transaction.id,
): void {
  const name = dbiNameBytes(dbiName);
  const length = Buffer.alloc(NAME_LENGTH_BYTES);
  length.writeUInt16BE(name.length);
  const header = new HeaderWriter(txnId).set(0, 1, 0);
  transaction.put(
    transaction.openOrCreateDbi(MARKER_DBI, 0),
    KEY,
    Buffer.concat([header, length, name, lastKey ?? NO_KEY]),
  );
}

export function removeFillMarker(transaction: WriteTransaction): void {
  const dbi = transaction.openDbi(MARKER_DBI);
  if (dbi !== undefined) transaction.drop(dbi, true);
}
