import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { toTimestampNano } from '../../src/snapshot/index.ts';
import type { PlainSnapshot } from './support.ts';

const golden = resolve(import.meta.dirname, '../golden/data');

export interface GoldenObject {
  /** `CASE/folder/NAME` */
  readonly path: string;
  readonly name: string;
  readonly bytes: Buffer;
  /** Whether the reference wrote it (not a fixture's writer). */
  readonly byReference: boolean;
  /** What `case.json` says is in it; null: nothing, it is broken; undefined: there is no case.json. */
  readonly decoded: PlainSnapshot | null | undefined;
}

interface JsonObject {
  file: string;
  decoded: JsonSnapshot | null;
}

interface JsonSnapshot {
  formatVersion: number;
  compatVersion: number;
  meta: Record<string, string>;
  dbis: {
    name: string;
    flags: number;
    transform: string;
    entries: { key: string; value: string; timestampNano: string; flags: number }[];
  }[];
}

function plain(json: JsonSnapshot): PlainSnapshot {
  const { meta } = json;
  return {
    formatVersion: json.formatVersion,
    compatVersion: json.compatVersion,
    meta: {
      generationId: meta.generationID ?? '',
      instanceId: meta.instanceID ?? '',
      hostname: meta.hostname ?? '',
      databaseName: meta.databaseName ?? '',
      lmdbTxnId: BigInt(meta.lmdbTxnID ?? 0),
      timestampNano: toTimestampNano(BigInt(meta.timestampNano ?? 0)),
      fromLmdbTxnId: BigInt(meta.fromLmdbTxnID ?? 0),
    },
    dbis: json.dbis.map((dbi) => ({
      ...dbi,
      entries: dbi.entries.map((entry) => ({ ...entry, timestampNano: BigInt(entry.timestampNano) })),
    })),
  };
}

/** Every object in the golden folders, remote and uploaded, with what `case.json` says of it. */
export function goldenObjects(): GoldenObject[] {
  const objects: GoldenObject[] = [];
  for (const name of readdirSync(join(golden, 'cases')).sort()) {
    const json = JSON.parse(readFileSync(join(golden, 'cases', name, 'case.json'), 'utf8')) as {
      remote: JsonObject[];
      uploaded: JsonObject[];
    };
    for (const folder of ['remote', 'uploaded'] as const) {
      for (const { file, decoded } of json[folder]) {
        objects.push({
          path: `${name}/${folder}/${file}`,
          name: file,
          bytes: readFileSync(join(golden, 'cases', name, folder, file)),
          byReference: folder === 'uploaded',
          decoded: decoded && plain(decoded),
        });
      }
    }
  }
  const pdns = join(golden, 'pdns-4.7.3', 'uploaded');
  for (const file of readdirSync(pdns).sort()) {
    const bytes = readFileSync(join(pdns, file));
    objects.push({ path: `pdns-4.7.3/uploaded/${file}`, name: file, bytes, byReference: true, decoded: undefined });
  }
  return objects;
}
