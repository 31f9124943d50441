import { applicationStart } from '../merge/index.ts';

/**
 * What lmdbstream knows of PowerDNS's own bookkeeping. Checked against files that PowerDNS 4.7.3, 4.9.18 and 5.1.5 wrote.
 *
 * The main file has a DBI `pdns` with the keys `schemaversion`, `shards` and `uuid`; shards have none. Schema 4 (4.7) stores
 * a bare little-endian u32. From schema 5 (4.8) on, values start with the 24-byte header, and the number is a big-endian u32; in an
 * object of native mode it comes without the header.
 */
export const PDNS_DBI = 'pdns';
export const SCHEMA_VERSION_KEY = Buffer.from('schemaversion');

/** From it on PowerDNS writes the times of changes itself. */
export const FIRST_NATIVE_SCHEMA = 5;

const BARE_SIZE = 4;

/**
 * The schema version in a value of the key `schemaversion`.
 *
 * @param value the value as it is stored: bare, or header and number
 * @returns undefined for bytes that no known PowerDNS writes
 */
export function schemaVersionOf(value: Buffer): number | undefined {
  if (value.length === BARE_SIZE) {
    return [value.readUInt32LE(0), value.readUInt32BE(0)].find(isPlausible);
  }
  const start = applicationStart(value, 0, value.length);
  if (start < 0 || value.length - start !== BARE_SIZE) return undefined;
  const version = value.readUInt32BE(start);
  return isPlausible(version) ? version : undefined;
}

/** One byte is room for every schema to come, and tells a number from one that was read in the wrong byte order. */
function isPlausible(version: number): boolean {
  return version > 0 && version < 256;
}

/** The PowerDNS releases that write a schema, for messages. */
export function releasesOf(schemaVersion: number): string {
  if (schemaVersion <= 4) return 'PowerDNS 4.7 or older';
  if (schemaVersion === 5) return 'PowerDNS 4.8 or 4.9';
  return 'PowerDNS 5.0 or newer';
}
