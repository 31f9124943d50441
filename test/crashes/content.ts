import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { shadowKeyOf } from '../golden/offline-model.ts';
import { nativeValue, storedEntry } from '../simulation/oracle/entry.ts';
import type { Application } from '../support/application/application.ts';
import type { WriterReport } from '../support/application/writer.ts';

/** How the application's DBIs are to be understood, as in a configuration. */
export interface Schema {
  readonly schema_tracks_changes?: boolean;
  readonly dupsort_hack?: boolean;
}

/** An LMDB, and where the times of its entries are. */
export interface Contents {
  readonly schema: Schema;
  /** Of the application's LMDB. */
  readonly reader: Application;
  /** Of the sidecar. */
  readonly beside?: Application | undefined;
}

/** Live values by id, which is `<DBI>/<key>`, of a pair with the key of its shadow; everything latin1. */
export type Values = ReadonlyMap<string, string>;

/** What all machines must agree on. */
export interface Version {
  readonly nano: bigint;
  /** What stands for the value; undefined: a deletion mark. */
  readonly digest: string | undefined;
}

const PAIRS = 'pairs';
const SHADOW = '_sync_shadow_';
/** Of a record in a sidecar (decision 16): whether the value is there, or the first half of its SHA-256. */
const FORM_AT = 18;
const HEADER_BYTES = 24;

const latin1 = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');
const hexOf = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

export const digestOf = (value: Uint8Array): string => createHash('sha256').update(value).digest('hex').slice(0, 32);

function pairId(keyHex: string, valueHex: string): string {
  return `${PAIRS}/${latin1(shadowKeyOf(keyHex, valueHex, true))}`;
}

/** @param what as `WriterReport` names it */
export function idOf(what: string): string {
  const [dbi, key, value] = what.split('/');
  return dbi === PAIRS ? pairId(hexOf(key!), hexOf(value!)) : what;
}

/** An application's own entries, and what it wrote last; of pairs each is one. */
export function acknowledgedOf({ acknowledged }: WriterReport): Map<string, string | undefined> {
  const valueIn = (what: string, value: string | null): string | undefined =>
    value === null ? undefined : (what.split('/')[2] ?? value);
  return new Map(Object.entries(acknowledged).map(([what, value]) => [idOf(what), valueIn(what, value)]));
}

async function dbisOf({ reader }: Contents): Promise<string[]> {
  return Object.keys(await reader.dbis()).filter((name) => !name.startsWith('_sync'));
}

/** What the application sees. */
export async function valuesOf(contents: Contents): Promise<Values> {
  const values = new Map<string, string>();
  for (const dbi of await dbisOf(contents)) {
    for (const [keyHex, valueHex] of await contents.reader.scan(dbi)) {
      const [key, value] = [latin1(keyHex), latin1(valueHex)];
      if (dbi === PAIRS) values.set(pairId(keyHex, valueHex), value);
      else if (!contents.schema.schema_tracks_changes) values.set(`${dbi}/${key}`, value);
      else {
        const entry = storedEntry(Buffer.from(valueHex, 'hex'));
        if (!entry.deleted) values.set(`${dbi}/${key}`, latin1(entry.value));
      }
    }
  }
  return values;
}

/** When each entry was changed, deletion marks among them: as the shadow, the sidecar or the values themselves say. */
export async function versionsOf(contents: Contents): Promise<Map<string, Version>> {
  const { schema, reader, beside } = contents;
  const versions = new Map<string, Version>();
  for (const dbi of await dbisOf(contents)) {
    const name = schema.schema_tracks_changes ? dbi : SHADOW + dbi;
    for (const [keyHex, storedHex] of await (beside ?? reader).scan(name)) {
      const stored = Buffer.from(storedHex, 'hex');
      const { nano, deleted, value } = storedEntry(stored);
      const isDigest = beside !== undefined && stored[FORM_AT] === 1;
      const digest = isDigest ? stored.toString('hex', HEADER_BYTES) : digestOf(Buffer.from(value, 'hex'));
      versions.set(`${dbi}/${latin1(keyHex)}`, { nano, digest: deleted ? undefined : digest });
    }
  }
  return versions;
}

/** Every value has an entry that says the same, every other entry is a deletion mark (I4). */
export function assertRecorded(values: Values, versions: ReadonlyMap<string, Version>): void {
  const live = [...versions].filter(([, { digest }]) => digest !== undefined);
  const wrong = live.filter(([id, { digest }]) => {
    const value = values.get(id);
    return value === undefined || digestOf(Buffer.from(value, 'latin1')) !== digest;
  });
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(live).toHaveLength(values.size);
}

/** Shows where two maps differ. */
export function assertSameMap(first: ReadonlyMap<string, string>, second: ReadonlyMap<string, string>): void {
  const different = [...first].filter(([id, value]) => second.get(id) !== value).map(([id]) => id);
  if (second.size > first.size) different.push(...[...second.keys()].filter((id) => !first.has(id)));
  const shown = different.slice(0, 3).map((id) => [id, first.get(id), second.get(id)]);
  expect(shown, `${different.length} of ${first.size} differ`).toEqual([]);
}

/** Puts so many entries there that nobody writes again, into each DBI. */
export async function fill({ schema, reader }: Contents, prefix: string, count: number): Promise<void> {
  const op = { op: 'fill', prefix, from: 0, count, valueBytes: 40 } as const;
  if (schema.dupsort_hack) await reader.batch({ ...op, dbi: PAIRS });
  if (!schema.schema_tracks_changes) await reader.batch({ ...op, dbi: 'data' });
  else {
    const value = nativeValue({ nano: BigInt(Date.now()) * 1_000_000n, deleted: false, value: '55'.repeat(40) });
    const keys = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(8, '0')}`);
    await reader.batch(...keys.map((key) => ({ op: 'put', dbi: 'data', key, value }) as const));
  }
}
