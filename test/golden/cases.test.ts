import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Environment } from '../../src/lmdb/index.ts';
import { moveInline, moveToSidecar } from '../../src/shadow/index.ts';
import { buildLmdb, type DbiDump, dumpLmdb } from '../support/application/lmdb-dump.ts';
import { runOnce } from '../support/fleet/run-once.ts';
import { type DecodedObject, decodeObject } from '../support/objects/decode-object.ts';
import { copyGoldenFile } from '../support/objects/golden-files.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { offlineNano, offlineWinners, uploadWithOfflineWinners, withOfflineWinners } from './offline-model.ts';

const CASES = resolve(import.meta.dirname, 'data/cases');

interface GoldenCase {
  about: string;
  command: string;
  instance: string;
  database: string;
  settings: Record<string, unknown>;
  ran: { fromNano: string; toNano: string };
  exitCode: number;
  before: Record<string, DbiDump>;
  after: Record<string, DbiDump>;
  remote: { file: string; decoded: DecodedObject | null }[];
  uploaded: { file: string; decoded: DecodedObject }[];
}

/** Wanted (decision 11): the object is refused whole, and the rest of the run is done; the reference ended before its upload. */
const UPLOADS_ALL_THE_SAME = new Set(['error-snapshot-too-new', 'error-transform-missing', 'error-v2-cannot-create']);

const BESIDE = { shadow: 'sidecar' };

/** When `before` was last written: before and after every remote entry, so that offline changes lose and win. */
const MTIMES_S = [1_600_000_000, 1_790_000_000];

describe('what the reference did', () => {
  for (const name of readdirSync(CASES).sort()) {
    const golden = JSON.parse(readFileSync(join(CASES, name, 'case.json'), 'utf8')) as GoldenCase;
    for (const mtimeS of name.startsWith('shadow-merge') ? MTIMES_S : MTIMES_S.slice(1)) {
      it(`${name} (written ${mtimeS}): ${golden.about}`, () => check(name, golden, mtimeS));
      if (golden.settings.schema_tracks_changes === true) continue;
      it(`${name} (written ${mtimeS}), beside a sidecar`, () => check(name, golden, mtimeS, true));
    }
  }
});

/** @param isBeside the shadow is moved into a sidecar for the run, and back for the comparison */
async function check(name: string, golden: GoldenCase, mtimeS: number, isBeside = false): Promise<void> {
  const folder = temporaryFolder();
  const bucket = join(folder, 'bucket');
  const path = join(folder, 'lmdb');
  mkdirSync(bucket);
  mkdirSync(path);
  const remote = join(CASES, name, 'remote');
  if (golden.remote.length > 0)
    for (const file of readdirSync(remote)) copyGoldenFile(join(remote, file), join(bucket, file));
  const given = new Set(readdirSync(bucket));
  const hasData = Object.keys(golden.before).length > 0;
  if (hasData) {
    buildLmdb(path, golden.before);
    if (isBeside) moveOut(path);
    utimesSync(join(path, 'data.mdb'), mtimeS, mtimeS);
  }

  const fromNano = BigInt(Date.now()) * 1_000_000n;
  const { database, instance } = golden;
  const settings = isBeside ? { ...golden.settings, ...BESIDE } : golden.settings;
  const mode = golden.command.startsWith('receive') ? 'receive' : 'sync';
  expect(await runOnce({ path, bucket, database, instance, mode, settings })).toBe(golden.exitCode);
  if (isBeside) moveIn(path);
  const ours = { fromNano, toNano: BigInt(Date.now() + 1000) * 1_000_000n };
  const theirs = { fromNano: BigInt(golden.ran.fromNano), toNano: BigInt(golden.ran.toNano) };

  const remotes = golden.remote.flatMap(({ decoded }) => decoded ?? []);
  const winners = offlineWinners(golden.before, remotes, offlineNano(golden.before, BigInt(mtimeS) * 1_000_000_000n));
  const native = settings.schema_tracks_changes === true;
  const after = withOfflineWinners(golden.after, winners);
  expect(comparable(dumpLmdb(path), ours, native)).toEqual(wanted(name, comparable(after, theirs, native)));

  const uploads = readdirSync(bucket).filter((file) => !given.has(file) && !file.startsWith('.'));
  if (UPLOADS_ALL_THE_SAME.has(name)) {
    expect(golden.uploaded).toEqual([]);
    expect(uploads).toHaveLength(hasData ? 1 : 0);
    return;
  }
  expect(uploads).toHaveLength(golden.uploaded.length);
  for (const [index, file] of uploads.entries()) {
    const decoded = await decodeObject(join(bucket, file));
    const theirUpload = golden.uploaded[index]!.decoded;
    const expected = native ? uploadOf(golden.after, theirUpload) : uploadWithOfflineWinners(theirUpload, winners);
    expect(withoutMeta(decoded, ours)).toEqual(wantedUpload(name, withoutMeta(expected, theirs)));
    expect(decoded.meta).toMatchObject({ instanceID: instance, databaseName: database, generationID: 'GX' });
  }
}

interface Times {
  fromNano: bigint;
  toNano: bigint;
}

function timeText(nano: bigint, { fromNano, toNano }: Times): string {
  return nano >= fromNano && nano <= toNano ? 'now' : nano.toString();
}

type Entries = Record<string, { flags: string[]; entries: string[][] }>;

/** Leaves out the transaction ids of headers; times of the run become `now`. */
function comparable(dbis: Record<string, DbiDump>, times: Times, native: boolean): Entries {
  const result: Entries = {};
  for (const [name, { flags, entries }] of Object.entries(dbis)) {
    const hasHeaders = native || name.startsWith('_sync_shadow_');
    result[name] = {
      flags: [...flags].sort(),
      entries: entries.map(([key, value]) => {
        if (!hasHeaders || value.length < 48) return [key, value];
        return [key, timeText(BigInt(`0x${value.slice(0, 16)}`), times), value.slice(32)];
      }),
    };
  }
  return result;
}

const ALICE = Buffer.from('alice').toString('hex');

/** I8: the reference loses an empty value when it loads a snapshot, and tells everybody; here it stays, live, at 1 ns. */
function wanted(name: string, after: Entries): Entries {
  if (name !== 'shadow-empty-value') return after;
  const shadow = after._sync_shadow_people!;
  const main = after.people!;
  const [first, ...others] = shadow.entries;
  expect(first, 'the reference deleted the key').toEqual([ALICE, 'now', '0001000000000000']);
  return {
    _sync_shadow_people: { ...shadow, entries: [[ALICE, '1', '0000000000000000'], ...others] },
    people: { ...main, entries: [[ALICE, ''], ...main.entries] },
  };
}

/**
 * In native mode the reference uploaded before it had merged the peer's object, and again later; we upload once, after it:
 * what the DBIs hold then.
 */
function uploadOf(after: Record<string, DbiDump>, upload: DecodedObject): DecodedObject {
  const dbis = upload.dbis.map((dbi) => ({
    ...dbi,
    entries: after[dbi.name]!.entries.map(([key, stored]) => {
      const extraBlocks = Number.parseInt(stored.slice(44, 48), 16);
      return {
        key,
        value: stored.slice(48 + extraBlocks * 16),
        timestampNano: BigInt(`0x${stored.slice(0, 16)}`).toString(),
        flags: Number.parseInt(stored.slice(34, 36), 16) & 1,
      };
    }),
  }));
  return { ...upload, dbis };
}

type Upload = Pick<DecodedObject, 'formatVersion' | 'compatVersion' | 'dbis'>;

function wantedUpload(name: string, upload: Upload): Upload {
  if (name !== 'shadow-empty-value') return upload;
  const [people] = upload.dbis;
  const [first, ...others] = people!.entries;
  expect(first).toEqual({ key: ALICE, value: '', timestampNano: 'now', flags: 1 });
  return { ...upload, dbis: [{ ...people!, entries: [{ ...first!, timestampNano: '1', flags: 0 }, ...others] }] };
}

function withoutMeta({ formatVersion, compatVersion, dbis }: DecodedObject, times: Times): Upload {
  return {
    formatVersion,
    compatVersion,
    dbis: dbis.map((dbi) => ({
      ...dbi,
      entries: dbi.entries.map((entry) => ({ ...entry, timestampNano: timeText(BigInt(entry.timestampNano), times) })),
    })),
  };
}

const sidecarOf = (path: string): string => join(path, 'data.mdb.lmdbstream-shadow');

function moveOut(path: string): void {
  const environment = Environment.open(path);
  // Those of a first start have none.
  const isFirst = environment.read((txn) => !txn.dbiNames().some((name) => name.startsWith('_sync')));
  if (isFirst) {
    environment.close();
    return;
  }
  const sidecar = Environment.open(sidecarOf(path), { noSubdir: true, create: true });
  try {
    const { dataFileIdentity: dataFile } = environment;
    environment.write((main) => sidecar.write((beside) => moveToSidecar(main, beside, { dataFile, nowNano: 0n })));
  } finally {
    sidecar.close();
    environment.close();
  }
}

function moveIn(path: string): void {
  if (!existsSync(sidecarOf(path))) return;
  const environment = Environment.open(path);
  const sidecar = Environment.open(sidecarOf(path), { noSubdir: true });
  try {
    // The application's LMDB holds nothing of ours.
    expect(environment.read((txn) => txn.dbiNames().filter((name) => name.startsWith('_sync')))).toEqual([]);
    environment.write((main) => sidecar.write((beside) => moveInline(main, beside)));
  } finally {
    sidecar.close();
    environment.close();
  }
}
