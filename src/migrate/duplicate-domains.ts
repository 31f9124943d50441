import type { ReadTransaction, WriteTransaction } from '../lmdb/index.ts';
import { compareTimes, Entry, HeaderWriter, takeStored, timeOf } from '../merge/index.ts';
import { PDNS_DBI, pdnsChangeOf, SCHEMA_VERSION_KEY, schemaVersionOf } from '../powerdns/index.ts';
import { MigrationEntryError, NotPdnsMainError } from './errors.ts';

const DOMAINS_INDEX = 'domains_v5_0';
const SCHEMAS = [5, 6];
/** Length of the name, u16 big-endian, before it; the zone's id, u32 big-endian, after it. */
const LENGTH_SIZE = 2;
const ID_SIZE = 4;
const RENAMED = /\.dup-\d+\.invalid$/;

export interface DuplicateDomain {
  readonly zone: string;
  /** The older one, which stays. */
  readonly keptId: number;
  readonly renamedId: number;
  /** What the newer one is called afterwards. */
  readonly newName: string;
}

export interface DuplicateDomains {
  readonly duplicates: readonly DuplicateDomain[];
  /** Zones that were renamed earlier or now, and are to be deleted with `pdnsutil delete-zone`. */
  readonly toDelete: readonly string[];
}

interface Zone {
  readonly name: Buffer;
  readonly shown: string;
  readonly id: number;
  readonly time: { readonly hi: number; readonly lo: number };
}

/**
 * Finds zones that two machines have made, and that now exist twice: one name, two ids (CLI-15). Schemas 5 and 6 have the same keys.
 * @throws NotPdnsMainError, HeaderError, MigrationEntryError
 */
export function findDuplicateDomains(transaction: ReadTransaction): DuplicateDomains {
  const { duplicates, shown } = scan(transaction);
  return { duplicates: duplicates.map(({ duplicate }) => duplicate), toDelete: shown.filter(isRenamed) };
}

/**
 * Renames the newer zone of each pair to `NAME.dup-ID.invalid`, as the reference does: a deletion mark for the old key in the index, and
 * an entry under the new name, both at `nowNano`. The zones themselves stay; the operator deletes them.
 */
export function renameDuplicateDomains(transaction: WriteTransaction, nowNano: bigint): DuplicateDomains {
  const { duplicates, shown } = scan(transaction);
  const index = transaction.openDbi(DOMAINS_INDEX)!;
  const header = new HeaderWriter(transaction.id);
  const now = timeOf(nowNano);
  for (const { duplicate, newer } of duplicates) {
    transaction.put(index, indexKey(newer.name, newer.id), header.set(now.hi, now.lo, 1));
    const name = Buffer.concat([Buffer.from(`invalid\0dup-${newer.id}\0`), newer.name]);
    transaction.put(index, indexKey(name, newer.id), header.set(now.hi, now.lo, 0));
    shown.push(duplicate.newName);
  }
  return { duplicates: duplicates.map(({ duplicate }) => duplicate), toDelete: shown.filter(isRenamed) };
}

function isRenamed(zone: string): boolean {
  return RENAMED.test(zone);
}

function scan(transaction: ReadTransaction): {
  duplicates: { duplicate: DuplicateDomain; newer: Zone }[];
  shown: string[];
} {
  assertSchema(transaction);
  const dbi = transaction.openDbi(DOMAINS_INDEX);
  if (dbi === undefined) throw new NotPdnsMainError(`there is no DBI ${DOMAINS_INDEX}`);
  const cursor = transaction.cursor(dbi);
  const entry = new Entry();
  const duplicates: { duplicate: DuplicateDomain; newer: Zone }[] = [];
  const shown: string[] = [];
  let kept: Zone | undefined;
  while (cursor.next()) {
    const { valueBuffer, valueStart, valueEnd } = cursor;
    entry.setKey(cursor.keyBuffer, cursor.keyStart, cursor.keyEnd);
    takeStored(entry, DOMAINS_INDEX, valueBuffer, valueStart, valueEnd);
    if (entry.deleted) continue;
    const zone = zoneOf(cursor.key(), entry);
    shown.push(zone.shown);
    if (!kept?.name.equals(zone.name)) {
      kept = zone;
      continue;
    }
    const isOlder = compareTimes(zone.time.hi, zone.time.lo, kept.time.hi, kept.time.lo) < 0;
    const [older, newer] = isOlder ? [zone, kept] : [kept, zone];
    const newName = `${zone.shown}.dup-${newer.id}.invalid`;
    duplicates.push({ duplicate: { zone: zone.shown, keptId: older.id, renamedId: newer.id, newName }, newer });
    kept = older;
  }
  cursor.close();
  return { duplicates, shown };
}

function zoneOf(key: Buffer, { timestampHi: hi, timestampLo: lo }: Entry): Zone {
  const change = pdnsChangeOf(DOMAINS_INDEX, key);
  if (change?.table !== 'domains') {
    throw new MigrationEntryError('source', DOMAINS_INDEX, key, 'it is no key of a zone');
  }
  return { name: key.subarray(LENGTH_SIZE, -ID_SIZE), shown: change.zone, id: change.id, time: { hi, lo } };
}

function indexKey(name: Buffer, id: number): Buffer {
  const key = Buffer.alloc(LENGTH_SIZE + name.length + ID_SIZE);
  key.writeUInt16BE(name.length, 0);
  name.copy(key, LENGTH_SIZE);
  key.writeUInt32BE(id, LENGTH_SIZE + name.length);
  return key;
}

function assertSchema(transaction: ReadTransaction): void {
  const dbi = transaction.openDbi(PDNS_DBI);
  if (dbi === undefined) throw new NotPdnsMainError(`there is no DBI ${PDNS_DBI}`);
  const value = transaction.get(dbi, SCHEMA_VERSION_KEY);
  const version = value && schemaVersionOf(value as Buffer);
  if (version === undefined) throw new NotPdnsMainError('its schema version cannot be read');
  if (!SCHEMAS.includes(version)) {
    throw new NotPdnsMainError(`its schema version is ${version}; this is for ${SCHEMAS.join(' and ')}`);
  }
}
