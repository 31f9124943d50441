import { type Cursor, type Dbi, type ReadTransaction, showDbiName } from '../lmdb/index.ts';
import {
  applicationStart,
  compareTimes,
  HeaderWriter,
  headerProblem,
  isDeleted,
  type Time,
  timestampHiOf,
  timestampLoOf,
} from '../merge/index.ts';
import { MigrationEntryError, MissingSourceError } from './errors.ts';

const TIMESTAMP_SIZE = 8;
const TXN_AT = 8;

export interface TimestampsOptions {
  readonly srcDbi: string;
  readonly dstDbi: string;
  /** Also make deletion marks for keys that are deleted in the source and missing in the destination. */
  readonly addDeleteEntries: boolean;
  /** The destination's form of a source's key; the default is the same bytes. Undefined: it has none. */
  readonly keyOf?: ((key: Buffer) => Buffer | undefined) | undefined;
}

export interface TimestampsResult {
  readonly updated: number;
  readonly addedDeletes: number;
}

/** Takes what is to be written, as a write transaction does; the bytes are valid during the call. */
export interface TimesSink {
  put(dbi: Dbi, key: Buffer, value: Buffer): unknown;
}

/** Only counts: for `--dry-run`, in a read transaction. */
export const countOnly: TimesSink = { put() {} };

/**
 * Copies times of change from one DBI to the entries of another that have the same key (CLI-14). An entry of the destination that is as new
 * stays as it is; its header keeps everything but time and transaction id.
 *
 * The source is a shadow, a native DBI, or one whose values merely start with a timestamp (8 bytes alone are a deletion mark there, as
 * version 0.2 of the reference wrote them).
 *
 * @param sink what writes; `countOnly` writes nothing
 * @throws MissingSourceError, MigrationEntryError
 */
export function migrateTimestamps(
  transaction: ReadTransaction,
  { srcDbi, dstDbi, addDeleteEntries, keyOf = (key) => key }: TimestampsOptions,
  sink: TimesSink,
): TimestampsResult {
  const src = transaction.openDbi(srcDbi);
  if (src === undefined) throw new MissingSourceError('source', showDbiName(srcDbi));
  const dst = transaction.openDbi(dstDbi);
  if (dst === undefined) throw new MissingSourceError('destination', showDbiName(dstDbi));
  assertHeaders(transaction.cursor(dst), dstDbi);
  const header = new HeaderWriter(transaction.id);
  const from = transaction.cursor(src);
  let updated = 0;
  let addedDeletes = 0;
  while (from.next()) {
    const { time, deleted } = readSource(from, srcDbi);
    const key = keyOf(from.key());
    if (key === undefined)
      throw new MigrationEntryError('source', showDbiName(srcDbi), from.key(), 'unknown form of key');
    const present: Buffer | undefined = transaction.get(dst, key);
    if (present) {
      if (compareTimes(timestampHiOf(present, 0), timestampLoOf(present, 0), time.hi, time.lo) >= 0) continue;
      present.writeUInt32BE(time.hi, 0);
      present.writeUInt32BE(time.lo, 4);
      present.writeBigUInt64BE(BigInt(transaction.id), TXN_AT);
      sink.put(dst, key, present);
      updated++;
    } else if (deleted && addDeleteEntries) {
      sink.put(dst, key, header.set(time.hi, time.lo, 1));
      addedDeletes++;
    }
  }
  from.close();
  return { updated, addedDeletes };
}

/** Before anything is written: all values of the destination carry headers. */
function assertHeaders(cursor: Cursor, dbiName: string): void {
  while (cursor.next()) {
    const { valueBuffer, valueStart, valueEnd } = cursor;
    if (applicationStart(valueBuffer, valueStart, valueEnd) >= 0) continue;
    const reason = headerProblem(valueBuffer, valueStart, valueEnd);
    throw new MigrationEntryError('destination', showDbiName(dbiName), cursor.key(), reason);
  }
  cursor.close();
}

function readSource(cursor: Cursor, dbiName: string): { time: Time; deleted: boolean } {
  const { valueBuffer, valueStart, valueEnd } = cursor;
  const fail = (reason: string): Error => new MigrationEntryError('source', showDbiName(dbiName), cursor.key(), reason);
  const size = valueEnd - valueStart;
  if (size < TIMESTAMP_SIZE) throw fail('value too short for a timestamp');
  const time = { hi: timestampHiOf(valueBuffer, valueStart), lo: timestampLoOf(valueBuffer, valueStart) };
  if (size === TIMESTAMP_SIZE) return { time, deleted: true };
  const start = applicationStart(valueBuffer, valueStart, valueEnd);
  if (start < 0) throw fail(headerProblem(valueBuffer, valueStart, valueEnd));
  const deleted = isDeleted(valueBuffer, valueStart);
  if (deleted && start < valueEnd) throw fail('it is marked as deleted and has a value');
  return { time, deleted };
}
