/**
 * Reads the keys of PowerDNS's DBIs, schemas 4 to 6. Keys only: they name every zone and record set that changed, and unlike
 * the values (serialised C++ objects, which differ between releases) they have kept their form.
 *
 * - `records`, `records_v5`: zone id (u32 big-endian), relative name, 0, type (u16 big-endian).
 * - `domains_0`, `metadata_0`, `keydata_0` (schema 4, MDB_DUPSORT): zone name → id (u32 little-endian).
 * - `domains_v5_0`, `metadata_v5_0`, `keydata_v5_0`: length of the name (u16 big-endian), zone name, id (u32 big-endian).
 * - `domains`, `metadata`, `keydata`, `tsig` and their `_v5`: an id; the index beside them changes with them.
 *
 * A name is its labels in reverse order, lower case, each followed by a zero byte; the root is one zero byte.
 */
export type PdnsTable = 'records' | 'domains' | 'metadata' | 'keydata';

export type PdnsChange =
  /** A record set of a zone that is known by its id only. `name`: relative to the zone, `''` for its apex. */
  | { readonly table: 'records'; readonly zoneId: number; readonly name: string; readonly type: number }
  /** A zone, its metadata or its keys. */
  | { readonly table: 'domains' | 'metadata' | 'keydata'; readonly zone: string; readonly id: number };

const RECORDS = new Set(['records', 'records_v5']);
const INDEX = /^(domains|metadata|keydata)(_v5)?_0$/;
const ID_SIZE = 4;
const TYPE_SIZE = 2;
/** Separator and type behind a record's name. */
const RECORD_TAIL = 1 + TYPE_SIZE;

/** Whether `pdnsChangeOf` can tell something of keys of this DBI. */
export function isPdnsIndex(dbiName: string): boolean {
  return RECORDS.has(dbiName) || INDEX.test(dbiName);
}

/**
 * What a changed key of PowerDNS speaks of.
 *
 * @param value of a DUPSORT index (schema 4): the duplicate, which is the id
 * @returns undefined for a DBI that tells nothing, or a key of another form
 */
export function pdnsChangeOf(dbiName: string, key: Buffer, value?: Buffer): PdnsChange | undefined {
  if (RECORDS.has(dbiName)) return recordOf(key);
  const [, table, v5] = INDEX.exec(dbiName) ?? [];
  if (table === undefined) return undefined;
  const entry = v5 === undefined ? duplicateIndexOf(key, value) : indexOf(key);
  return entry && { table: table as 'domains' | 'metadata' | 'keydata', ...entry };
}

function recordOf(key: Buffer): PdnsChange | undefined {
  const nameEnd = key.length - RECORD_TAIL;
  if (nameEnd <= ID_SIZE || key[nameEnd] !== 0) return undefined;
  const name = nameOf(key.subarray(ID_SIZE, nameEnd));
  if (name === undefined) return undefined;
  return { table: 'records', zoneId: key.readUInt32BE(0), name, type: key.readUInt16BE(nameEnd + 1) };
}

function indexOf(key: Buffer): { zone: string; id: number } | undefined {
  if (key.length < TYPE_SIZE + ID_SIZE) return undefined;
  const length = key.readUInt16BE(0);
  if (key.length !== TYPE_SIZE + length + ID_SIZE) return undefined;
  const zone = nameOf(key.subarray(TYPE_SIZE, TYPE_SIZE + length));
  return zone === undefined ? undefined : { zone, id: key.readUInt32BE(TYPE_SIZE + length) };
}

function duplicateIndexOf(key: Buffer, value: Buffer | undefined): { zone: string; id: number } | undefined {
  if (value?.length !== ID_SIZE) return undefined;
  const zone = nameOf(key);
  return zone === undefined ? undefined : { zone, id: value.readUInt32LE(0) };
}

/** @returns labels joined by dots without a final one, `''` for the root; special bytes escaped as DNS does (`\046`) */
function nameOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0 || bytes[bytes.length - 1] !== 0) return undefined;
  if (bytes.length === 1) return '';
  const labels: string[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0) continue;
    if (at === start || at - start > 63) return undefined;
    labels.push(escapeLabel(bytes.subarray(start, at)));
    start = at + 1;
  }
  return labels.reverse().join('.');
}

function escapeLabel(label: Buffer): string {
  let text = '';
  for (const byte of label) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\${byte.toString().padStart(3, '0')}`;
  }
  return text;
}

/** The whole name of a record set. */
export function fullName(relativeName: string, zone: string): string {
  if (relativeName === '') return zone;
  return zone === '' ? relativeName : `${relativeName}.${zone}`;
}
