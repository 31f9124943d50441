import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseConfig } from '../../config/index.ts';
import { type PdnsFile, pdnsFileOf, withOpenDatabase } from '../../inspect/index.ts';
import { DbiFlag } from '../../lmdb/index.ts';
import { releasesOf } from '../../powerdns/index.ts';
import { isPrivate } from '../../shadow/index.ts';
import { InitError, LocalFileError } from '../errors.ts';
import { parseBucketUrl } from '../init/bucket-url.ts';
import { configText, type FoundLmdb } from '../init/config-text.ts';
import type { Io } from '../io.ts';
import type { Output } from '../output.ts';

export interface InitFlags {
  readonly bucket: string;
  readonly output?: string;
  readonly name?: string;
  readonly native?: boolean;
  readonly instance?: string;
  readonly endpoint?: string;
  readonly region?: string;
}

const DATA_FILE = 'data.mdb';
const FIRST_NATIVE_SCHEMA = 5;

interface Looked {
  readonly lmdb: FoundLmdb;
  readonly pdns: PdnsFile | undefined;
}

/**
 * Looks at an LMDB and writes a configuration for it: to a file that does not exist yet, or to standard output. Of a main file of PowerDNS
 * the shards are looked for, too.
 * @throws InitError, LocalFileError, LmdbError and its kin
 */
export async function init(out: Output, io: Io, path: string, flags: InitFlags): Promise<void> {
  const bucket = parseBucketUrl(flags.bucket);
  const first = await look(flags.name ?? 'main', path, flags.native ?? false);
  const { pdns } = first;
  const lmdbs = [first.lmdb, ...(pdns?.role === 'main' ? await shardsOf(first.lmdb, pdns) : [])];
  const { instance, endpoint, region } = flags;
  const text = configText({
    lmdbs,
    bucket,
    found: foundText(first),
    isPdns: pdns !== undefined,
    instance,
    endpoint,
    region,
  });
  // What is written must load.
  parseConfig(text, { env: io.env });
  if (flags.output === undefined) {
    out.write(text);
    return;
  }
  try {
    writeFileSync(flags.output, text, { flag: 'wx', mode: 0o640 });
  } catch (error) {
    throw new LocalFileError('write', flags.output, error);
  }
  out.write(`wrote ${flags.output}; next: lmdbstream -c ${flags.output} doctor\n`);
}

async function look(name: string, path: string, native: boolean): Promise<Looked> {
  const absolute = resolve(path);
  if (!existsSync(absolute))
    throw new InitError(`there is no ${absolute}`, 'start the application first: it makes its LMDB');
  const noSubdir = statSync(absolute).isFile();
  if (!noSubdir && !existsSync(join(absolute, DATA_FILE))) {
    throw new InitError(
      `${absolute} is a folder without ${DATA_FILE}`,
      'name the data file, or the folder that holds it',
    );
  }
  const options = { noSubdir, create: false, dirMask: 0, fileMask: 0, mapSizeBytes: 0, maxDbs: 1000 };
  const lmdb = { name, path: absolute, options, schemaTracksChanges: native, dupsortHack: true };
  return withOpenDatabase(
    {
      ...lmdb,
      headerExtraPaddingBlock: false,
      dbiOptions: new Map(),
      droppedDbis: 'keep',
      acceptSchemaChange: false,
      shadow: 'inline',
      shadowPath: '',
    },
    ({ environment, transaction, view }) => {
      const pdns = pdnsFileOf(transaction);
      const dbis = [...view.dbis.values()].filter((dbi) => !isPrivate(dbi.name));
      const isNewPdns = pdns?.role === 'main' && (pdns.schemaVersion ?? 0) >= FIRST_NATIVE_SCHEMA;
      const found: FoundLmdb = {
        name,
        path: absolute,
        noSubdir,
        isNative: native || isNewPdns,
        hasDuplicates: dbis.some(({ flags }) => (flags & DbiFlag.dupSort) !== 0),
        mapSizeBytes: environment.info().mapSizeBytes,
      };
      return { lmdb: found, pdns };
    },
  );
}

/** All shards that the main file speaks of; PowerDNS makes one when it needs it first. */
async function shardsOf(main: FoundLmdb, { shards = 0 }: PdnsFile & { role: 'main' }): Promise<FoundLmdb[]> {
  const found: FoundLmdb[] = [];
  for (let index = 0; index < shards; index++) {
    const name = `shard-${index}`;
    const path = `${main.path}-${index}`;
    const base = existsSync(path) ? (await look(name, path, main.isNative)).lmdb : { ...main, name, path };
    found.push({ ...base, hasDuplicates: main.hasDuplicates, isNative: main.isNative });
  }
  return found;
}

function foundText({ lmdb, pdns }: Looked): string {
  if (pdns?.role === 'shard') {
    throw new InitError(`${lmdb.path} is a shard of PowerDNS`, 'name the main file (lmdb-filename of pdns.conf)');
  }
  if (pdns === undefined) return `For the LMDB ${lmdb.path}.`;
  const { schemaVersion, shards } = pdns;
  const release =
    schemaVersion === undefined ? 'an unknown schema' : `schema ${schemaVersion}, ${releasesOf(schemaVersion)}`;
  return `For the main file of PowerDNS ${lmdb.path}: ${release}, ${shards ?? 0} shards.`;
}
