import { DbiFlag, type WriteTransaction } from '../../lmdb/index.ts';
import { HEADER_SIZE } from '../../merge/index.ts';
import { type DatabaseView, entriesView } from '../view.ts';
import { MainValues, mainOf } from './main-values.ts';
import { shadowName } from './names.ts';
import { SidecarEntry, StoredForm } from './sidecar-record.ts';

/** Where the keeping of values stands. */
export interface ValuesKept {
  /** The last key that was looked at; undefined: all were. */
  readonly lastKey: Buffer | undefined;
  readonly entries: number;
  /** Entries whose values nobody has any more: they are forgotten, and come back when an object that holds them is merged. */
  readonly forgotten: number;
}

/** The clock is looked at once in so many records. */
const CHECK_EVERY = 64;

/**
 * The application has dropped a DBI whose entries are kept (decision 9): values take the place of their digests in the sidecar, until the
 * time is up.
 *
 * @param transaction the sidecar's
 * @param before a view in which the application has the DBI; undefined: there is none
 * @param after the last key of the part before
 */
export function keepValues(
  transaction: WriteTransaction,
  dbiName: string,
  before: DatabaseView | undefined,
  after: Buffer | undefined,
  isTimeUp: () => boolean,
): ValuesKept {
  const name = shadowName(dbiName);
  const dbi = transaction.openDbi(name);
  const main = before?.dbis.get(dbiName);
  const isDupSort = main !== undefined && (main.flags & DbiFlag.dupSort) !== 0;
  const values = main && new MainValues(mainOf(main));
  const entry = new SidecarEntry();
  const form = new StoredForm();
  let entries = 0;
  let forgotten = 0;
  if (dbi === undefined) return { lastKey: undefined, entries, forgotten };
  const cursor = transaction.cursor(dbi);
  let lastKey: Buffer | undefined;
  let more = after ? cursor.seek(after) : cursor.next();
  for (let count = 1; more; count++) {
    const key = cursor.key();
    const record = cursor.value();
    entry.setKey(key, 0, key.length);
    entry.takeRecord(name, record, 0, record.length);
    if (!entry.isDigest) more = cursor.next();
    else if (values?.fetch(entry) && entry.hasValue(entry.valueBuffer, entry.valueStart, entry.valueEnd)) {
      form.set(entry, isDupSort, true);
      const header = Buffer.from(record.subarray(0, HEADER_SIZE));
      form.mark(header);
      transaction.put(dbi, key, Buffer.concat([header, form.buffer.subarray(form.start, form.end)]));
      entries++;
      more = cursor.seek(key) && cursor.next();
    } else {
      transaction.delete(dbi, key);
      forgotten++;
      more = cursor.seek(key);
    }
    if (more && count % CHECK_EVERY === 0 && isTimeUp()) {
      lastKey = key;
      break;
    }
  }
  cursor.close();
  return { lastKey, entries, forgotten };
}

/** Whether a view has entries of a DBI that the application has not, without their values. */
export function lacksValues(view: DatabaseView, dbiName: string): boolean {
  const name = shadowName(dbiName);
  if (view.dbis.has(dbiName)) return false;
  const walker = entriesView(view).dbis.get(name)?.walk();
  const entry = new SidecarEntry();
  while (walker?.next()) {
    entry.setKey(walker.keyBuffer, walker.keyStart, walker.keyEnd);
    entry.takeRecord(name, walker.valueBuffer, walker.valueStart, walker.valueEnd);
    if (entry.isDigest) return true;
  }
  return false;
}
