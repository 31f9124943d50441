import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  fullName,
  isPdnsIndex,
  PDNS_DBI,
  pdnsChangeOf,
  releasesOf,
  SCHEMA_VERSION_KEY,
  schemaVersionOf,
} from '../../src/powerdns/index.ts';
import { dumpLmdb } from '../support/application/lmdb-dump.ts';
import { copyGoldenFile } from '../support/objects/golden-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const golden = resolve(import.meta.dirname, '../golden/data');

function dump(file: string) {
  const copy = join(temporaryFolder(), 'pdns.lmdb');
  copyGoldenFile(join(golden, file), copy);
  return dumpLmdb(copy, { noSubdir: true });
}

const bytes = (hex: string) => Buffer.from(hex, 'hex');

describe('the schema version in files of real servers', () => {
  it.each([
    ['pdns-4.7.3/before', 4],
    ['pdns-4.9.18/before', 5],
    ['pdns-5.1.5/before', 6],
    ['pdns-4.9.18-from-4.7.3/after', 5],
    ['pdns-5.1.5-from-4.7.3/after', 6],
  ])('%s: %i', (folder, version) => {
    const { entries } = dump(`${folder}/pdns.lmdb`)[PDNS_DBI]!;
    const [, value] = entries.find(([key]) => bytes(key).equals(SCHEMA_VERSION_KEY))!;
    expect(schemaVersionOf(bytes(value))).toBe(version);
  });

  it.each([
    ['nothing', ''],
    ['three bytes', '040000'],
    ['a bare number that is none', '00040400'],
    ['a header alone', '00'.repeat(24)],
    ['a header and two bytes', `${'00'.repeat(24)}0005`],
    ['a header of another version', `${'00'.repeat(16)}01${'00'.repeat(7)}00000005`],
  ])('is undefined for %s', (_, value) => {
    expect(schemaVersionOf(bytes(value))).toBeUndefined();
  });

  it('names the releases that write it', () => {
    expect([4, 5, 6].map(releasesOf)).toEqual([
      'PowerDNS 4.7 or older',
      'PowerDNS 4.8 or 4.9',
      'PowerDNS 5.0 or newer',
    ]);
  });
});

describe('zones and record sets that keys speak of', () => {
  it.each([
    ['pdns-4.7.3/before', 'records', 'domains_0', { 'example.com': 0x41214c5a, 'example.net': 0x259cc347 }],
    ['pdns-4.9.18/before', 'records_v5', 'domains_v5_0', { 'one.example': 0x61acf178, 'two.example': 0x1ae41967 }],
    ['pdns-5.1.5/before', 'records_v5', 'domains_v5_0', { 'one.example': 0x04342367 }],
  ])('%s', (folder, records, index, zones) => {
    const main = dump(`${folder}/pdns.lmdb`);
    const found = Object.fromEntries(
      main[index]!.entries.map(([key, value]) => {
        const change = pdnsChangeOf(index, bytes(key), bytes(value));
        if (change?.table !== 'domains') throw new Error(`not a zone: ${key}`);
        return [change.zone, change.id];
      }),
    );
    for (const [zone, id] of Object.entries(zones)) expect(found[zone]).toBe(id);
    const byId = new Map(Object.entries(found).map(([zone, id]) => [id, zone]));
    const shard = dump(`${folder}/pdns.lmdb-0`)[records]!;
    expect(shard.entries.length).toBeGreaterThan(5);
    for (const [key] of shard.entries) {
      const change = pdnsChangeOf(records, bytes(key));
      if (change?.table !== 'records') throw new Error(`not a record: ${key}`);
      expect(byId.has(change.zoneId)).toBe(true);
      expect(change.type).toBeGreaterThan(0);
    }
  });

  it('a record of a zone, whole name and type', () => {
    const change = pdnsChangeOf('records', Buffer.from('A!LZmail\0in\0\0\0\x0f', 'latin1'));
    expect(change).toEqual({ table: 'records', zoneId: 0x41214c5a, name: 'in.mail', type: 15 });
    expect(fullName('in.mail', 'example.com')).toBe('in.mail.example.com');
    expect(fullName('', 'example.com')).toBe('example.com');
    expect(fullName('com', '')).toBe('com');
  });

  it('escapes what DNS names escape', () => {
    const change = pdnsChangeOf('records_v5', Buffer.from('A!LZa.b\\c \0\0\0\x01', 'latin1'));
    expect(change).toMatchObject({ name: 'a\\046b\\092c\\032' });
  });

  it('keys and metadata of a zone', () => {
    expect(pdnsChangeOf('keydata_v5_0', Buffer.from('\0\x0cexample\0two\x006R\xcb]', 'latin1'))).toEqual({
      table: 'keydata',
      zone: 'two.example',
      id: 0x3652cb5d,
    });
    expect(pdnsChangeOf('metadata_0', Buffer.from('com\0example\0', 'latin1'), bytes('7fdbe275'))).toEqual({
      table: 'metadata',
      zone: 'example.com',
      id: 0x75e2db7f,
    });
  });

  it.each([
    ['records', ''],
    ['records', '41214c5a'],
    ['records', '41214c5a0001'],
    ['records', '41214c5a6162000000ff01'],
    ['records', `41214c5a${'61'.repeat(64)}00000001`],
    ['domains_v5_0', '00'],
    ['domains_v5_0', '00ff61000102030405'],
    ['domains_v5_0', '00026100010203'],
    ['domains_0', '6100'],
    ['domains_v5', '01020304'],
    ['tsig_v5_0', '0002610001020304'],
    ['anything', '0002610001020304'],
  ])('%s %s tells nothing', (dbi, key) => {
    expect(pdnsChangeOf(dbi, bytes(key))).toBeUndefined();
  });

  it('knows which DBIs tell something', () => {
    expect(['records', 'records_v5', 'keydata_v5_0', 'domains_0'].every(isPdnsIndex)).toBe(true);
    expect(['domains', 'domains_v5', 'tsig_0', 'pdns', 'records_v5_0'].some(isPdnsIndex)).toBe(false);
  });
});
