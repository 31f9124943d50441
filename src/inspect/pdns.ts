import type { ReadTransaction } from '../lmdb/index.ts';
import { applicationStart, isDeleted } from '../merge/index.ts';
import { PDNS_DBI, pdnsChangeOf, SCHEMA_VERSION_KEY, schemaVersionOf } from '../powerdns/index.ts';

const SHARDS_KEY = Buffer.from('shards');
const RECORD_DBIS = ['records_v5', 'records'];
const DOMAIN_INDEXES = ['domains_v5_0', 'domains_0'];

/** What an LMDB is to PowerDNS. */
export type PdnsFile =
  | { readonly role: 'main'; readonly schemaVersion: number | undefined; readonly shards: number | undefined }
  | { readonly role: 'shard' };

/** @returns undefined: not a file of PowerDNS */
export function pdnsFileOf(transaction: ReadTransaction): PdnsFile | undefined {
  const dbi = transaction.openDbi(PDNS_DBI);
  if (dbi === undefined) {
    return RECORD_DBIS.some((name) => transaction.openDbi(name) !== undefined) ? { role: 'shard' } : undefined;
  }
  const version = transaction.get(dbi, SCHEMA_VERSION_KEY) as Buffer | undefined;
  const schemaVersion = version && schemaVersionOf(version);
  return { role: 'main', schemaVersion, shards: shardsOf(transaction.get(dbi, SHARDS_KEY) as Buffer | undefined) };
}

/** As the schema version: a bare little-endian u32, or a header and a big-endian one. */
function shardsOf(value: Buffer | undefined): number | undefined {
  if (value?.length === 4) return value.readUInt32LE(0);
  const start = value ? applicationStart(value, 0, value.length) : -1;
  return start >= 0 && value!.length - start === 4 ? value!.readUInt32BE(start) : undefined;
}

export interface PdnsZones {
  readonly count: number;
  readonly largestId: number;
  /** Names that exist more than once. */
  readonly twice: readonly string[];
}

/** The live zones of a main file. */
export function pdnsZonesOf(transaction: ReadTransaction): PdnsZones {
  const name = DOMAIN_INDEXES.find((index) => transaction.openDbi(index) !== undefined);
  if (name === undefined) return { count: 0, largestId: 0, twice: [] };
  const isNative = name === DOMAIN_INDEXES[0];
  const cursor = transaction.cursor(transaction.openDbi(name)!);
  const twice = new Set<string>();
  let last: string | undefined;
  let count = 0;
  let largestId = 0;
  while (cursor.next()) {
    if (isNative && cursor.valueEnd >= 24 && isDeleted(cursor.valueBuffer, 0)) continue;
    const zone = pdnsChangeOf(name, cursor.key(), cursor.value());
    if (zone?.table !== 'domains') continue;
    // The same names follow one another: the name comes first in the key.
    if (zone.zone === last) twice.add(zone.zone);
    last = zone.zone;
    largestId = Math.max(largestId, zone.id);
    count++;
  }
  cursor.close();
  return { count, largestId, twice: [...twice] };
}
