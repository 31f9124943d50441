import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Config, formatConfig } from '../../src/config/index.ts';
import { parse } from './support.ts';

const root = join(import.meta.dirname, '../..');
const env = { S3_ACCESS_KEY: 'AKIAIOSFODNN7', S3_SECRET_KEY: 'pa$$word', INSTANCE: 'here' };

describe('examples', () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'));
  const load = (name: string): Config => parse(readFileSync(join(root, 'examples', name), 'utf8'), env);

  it('are there', () => {
    expect(files.sort()).toEqual(['azure.yaml', 'folder.yaml', 's3.yaml', 'pdns.yaml'].sort());
  });

  it.each(files)('%s loads without a warning, and loads as itself when written out', (name) => {
    const config = load(name);
    expect(config.warnings).toEqual([]);
    expect(parse(formatConfig(config))).toEqual(config);
  });

  it('pdns.yaml has every shard in shadow mode', () => {
    const lmdbs = [...load('pdns.yaml').lmdbs.values()];
    expect(lmdbs.map(({ name, path }) => [name, path])).toEqual([
      ['main', '/var/lib/powerdns/pdns.lmdb'],
      ['shard-0', '/var/lib/powerdns/pdns.lmdb-0'],
      ['shard-1', '/var/lib/powerdns/pdns.lmdb-1'],
    ]);
    expect(lmdbs.every((lmdb) => lmdb.dupsortHack && !lmdb.schemaTracksChanges && lmdb.options.noSubdir)).toBe(true);
    expect(load('pdns.yaml').storage.options).toMatchObject({ secretKey: 'pa$$word' });
  });
});

interface DocumentedKey {
  /** Heading of the table: `sweeper`, `storage.options of s3`, empty for the top level. */
  readonly section: string;
  readonly key: string;
  /** `undefined`: told in words (`required`, `none`). */
  readonly byDefault: string | undefined;
}

function documentedKeys(): DocumentedKey[] {
  const keys: DocumentedKey[] = [];
  let section = '';
  for (const line of readFileSync(join(root, 'docs/configuration.md'), 'utf8').split('\n')) {
    if (line.startsWith('#')) section = line.replace(/^#+ /, '').replaceAll('`', '').replace('Top level', '');
    const row = /^\| `(\w+)` \| (?:text|bool|number|duration|size|mode|flags|list) \| (.*?) \|/.exec(line);
    if (row !== null) keys.push({ section, key: row[1]!, byDefault: /^`(.*)`$/.exec(row[2]!)?.[1] });
  }
  return keys;
}

/** Files in which a key of the section can stand, as a function of the lines that are put there. */
function filesFor(section: string): ((entry: string) => string)[] {
  const s3 = (entry: string): string => `storage: {type: s3, options: {bucket: b, ${entry}}}`;
  const azure = (entry: string): string => `storage: {type: azure, options: {container: c, account_name: a, ${entry}}}`;
  const database = (keys: string): string => `storage: {type: memory}\nlmdbs: {main: {path: /db, ${keys}}}`;
  const other = (entry: string): string => `${entry}\nlmdbs: {main: {path: /db}}`;
  const memory = (entry: string): string => other(`storage: {type: memory}\n${entry}`);
  switch (section) {
    case '':
      return [memory];
    case 'lmdbs.NAME':
      return [database];
    case 'lmdbs.NAME.options':
      return [(entry) => database(`options: {${entry}}`)];
    case 'lmdbs.NAME.dbi_options.DBI':
      return [(entry) => database(`dbi_options: {x: {${entry}}}`)];
    case 'storage':
      return [(entry) => other(`storage: {type: memory, ${entry}}`)];
    case 'storage.cleanup':
      return [(entry) => other(`storage: {type: memory, cleanup: {${entry}}}`)];
    case 'storage.options of s3':
      return [(entry) => other(s3(entry))];
    case 'storage.options of azure':
      return [(entry) => other(azure(entry))];
    case 'storage.options of s3 and azure':
      return [(entry) => other(s3(entry)), (entry) => other(azure(entry))];
    case 'storage.options.tls of s3 and azure':
      return [(entry) => other(s3(`tls: {${entry}}`)), (entry) => other(azure(`tls: {${entry}}`))];
    case 'storage.options of fs':
      return [(entry) => other(`storage: {type: fs, options: {root_path: /a, ${entry}}}`)];
    case 'health.NAME':
      return ['storage_list', 'storage_load', 'storage_store'].map(
        (name) => (entry: string) => memory(`health: {${name}: {${entry}}}`),
      );
    case 'health.start':
      return [(entry) => memory(`health: {start: {${entry}}}`)];
    default:
      // `events.exec`: a section in a section.
      return [(entry) => memory(section.split('.').reduceRight((inner, key) => `${key}: {${inner}}`, entry))];
  }
}

describe('docs/configuration.md', () => {
  const documented = documentedKeys();

  it.each(documented.filter(({ byDefault }) => byDefault !== undefined))(
    '$section $key: the default is the one that is documented',
    ({ section, key, byDefault }) => {
      for (const file of filesFor(section)) expect(parse(file(`${key}: ${byDefault}`))).toEqual(parse(file('')));
    },
  );

  it('has every key of the reference’s surface, and of ours', () => {
    const named = JSON.parse(readFileSync(join(import.meta.dirname, 'reference-keys.json'), 'utf8')) as string[];
    const sections = ['dbi_options', 'storage_list', 'storage_load', 'storage_store'];
    const ours = ['full_scan_interval', 'lmdb_lock_max', 'workers', 'max_decompressed_size', 'accept_stale'];
    const keys = documented.map(({ key }) => key);
    expect(named.length).toBeGreaterThan(70);
    expect([...named, ...ours].filter((key) => !keys.includes(key) && !sections.includes(key))).toEqual([]);
  });

  it('has every key that the loader knows', () => {
    const everything = ['s3', 'azure'].map((type) =>
      formatConfig(
        parse(
          `lmdbs: {main: {path: /db}}\nstorage: {type: ${type}, options: {bucket: b}}`.replace(
            /bucket: b/,
            type === 's3' ? 'bucket: b' : 'container: c, account_name: a',
          ),
        ),
      ),
    );
    const keys = new Set(
      everything.flatMap((text) => [...text.matchAll(/^ *(\w+): [^{\n]/gm)].map((match) => match[1]!)),
    );
    const known = documented.map(({ key }) => key);
    expect(keys.size).toBeGreaterThan(60);
    expect([...keys].filter((key) => !known.includes(key))).toEqual([]);
  });
});
