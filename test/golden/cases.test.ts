import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeObject } from '../support/decode-object.ts';
import { buildLmdb, type DbiDump, dumpLmdb } from '../support/lmdb-dump.ts';
import { runOnce } from '../support/run-once.ts';

const CASES = resolve(import.meta.dirname, '../../../shared/golden/cases');

interface GoldenCase {
  about: string;
  command: string;
  instance: string;
  database: string;
  settings: {
    schema_tracks_changes: boolean;
    dupsort_hack: boolean;
    header_extra_padding_block?: boolean;
    dbi_options?: Record<string, { override_create_flags: string }>;
  };
  ran: { fromNano: string; toNano: string };
  exitCode: number;
  before: Record<string, DbiDump>;
  after: Record<string, DbiDump>;
  remote: { file: string; decoded: unknown }[];
  uploaded: { file: string; decoded: unknown }[];
}

/** What we do better than the reference: the object is refused whole, the rest of the run is done. */
const UPLOADS_ALL_THE_SAME = new Set(['error-snapshot-too-new', 'error-transform-missing', 'error-v2-cannot-create']);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** When the `before` data was last changed, as far as our run can know: a whole second, long before now. */
const MTIME_S = 1_790_000_000;

describe('what the reference did', () => {
  for (const name of readdirSync(CASES).sort()) {
    const golden = JSON.parse(readFileSync(join(CASES, name, 'case.json'), 'utf8')) as GoldenCase;
    it(`${name}: ${golden.about}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-golden-'));
      folders.push(folder);
      const bucket = join(folder, 'bucket');
      mkdirSync(bucket);
      const remote = join(CASES, name, 'remote');
      if (golden.remote.length > 0)
        for (const file of readdirSync(remote)) copyFileSync(join(remote, file), join(bucket, file));
      const before = new Set(readdirSync(bucket));
      const path = join(folder, 'lmdb');
      mkdirSync(path);
      if (Object.keys(golden.before).length > 0) {
        buildLmdb(path, golden.before);
        utimesSync(join(path, 'data.mdb'), MTIME_S, MTIME_S);
      }
      const fromNano = BigInt(Date.now()) * 1_000_000n;
      const exitCode = await runOnce({
        path,
        bucket,
        database: golden.database,
        instance: golden.instance,
        mode: golden.command.startsWith('receive') ? 'receive' : 'sync',
        settings: golden.settings,
      });
      const toNano = BigInt(Date.now() + 1000) * 1_000_000n;
      const ours: Times = { fromNano, toNano };
      const theirs: Times = { fromNano: BigInt(golden.ran.fromNano), toNano: BigInt(golden.ran.toNano) };
      expect(exitCode).toBe(golden.exitCode);

      const offline = offlineChanges(golden);
      expect(normalised(dumpLmdb(path), ours, new Map())).toEqual(
        wanted(name, normalised(golden.after, theirs, offline)),
      );

      const uploads = readdirSync(bucket).filter((file) => !before.has(file) && !file.startsWith('.'));
      if (UPLOADS_ALL_THE_SAME.has(name)) {
        // Decision 11: the reference ended before its upload.
        expect(golden.uploaded).toEqual([]);
        expect(uploads).toHaveLength(Object.keys(golden.before).length > 0 ? 1 : 0);
        return;
      }
      expect(uploads).toHaveLength(golden.uploaded.length);
      for (const [index, file] of uploads.entries()) {
        const decoded = await decodeObject(join(bucket, file));
        expect(statSync(join(bucket, file)).size).toBeGreaterThan(0);
        expect(withoutMeta(decoded, ours, new Map())).toEqual(
          withoutMeta(golden.uploaded[index]!.decoded as Decoded, theirs, offline),
        );
        expect(decoded.meta).toMatchObject({
          instanceID: golden.instance,
          databaseName: golden.database,
          generationID: 'GX',
        });
      }
    });
  }
});

interface Times {
  fromNano: bigint;
  toNano: bigint;
}

/** A local change made while the syncer was stopped; by DBI and key. */
type Offline = Map<string, 'added' | 'changed' | 'deleted'>;

const MTIME_NANO = BigInt(MTIME_S) * 1_000_000_000n;

/**
 * Keys in which main and shadow differ in `before`: decision 5 stamps them with the file's mtime; the reference stamped
 * additions and deletions with 1 ns, updates with now.
 */
function offlineChanges(golden: GoldenCase): Offline {
  const found: Offline = new Map();
  for (const [name, dbi] of Object.entries(golden.before)) {
    if (!name.startsWith('_sync_shadow_')) continue;
    const dbiName = name.slice('_sync_shadow_'.length);
    const isDupSort = golden.before[dbiName]?.flags.includes('dupsort') ?? false;
    const main = new Map(
      (golden.before[dbiName]?.entries ?? []).map(([key, value]) => [shadowKey(key, value, isDupSort), value]),
    );
    const shadow = new Map(dbi.entries);
    for (const [key, value] of main) {
      const entry = shadow.get(key);
      if (!entry) found.set(`${dbiName}/${key}`, 'added');
      else if (isDead(entry) || entry.slice(48) !== value) found.set(`${dbiName}/${key}`, 'changed');
    }
    for (const [key, entry] of shadow) if (!isDead(entry) && !main.has(key)) found.set(`${dbiName}/${key}`, 'deleted');
  }
  return found;
}

function shadowKey(key: string, value: string, isDupSort: boolean): string {
  if (!isDupSort) return key;
  const length = key.length / 2;
  return `${key}00000000${value.slice(0, (506 - length) * 2)}${length.toString(16).padStart(2, '0')}`;
}

function isDead(entry: string): boolean {
  return (Number.parseInt(entry.slice(34, 36), 16) & 1) === 1;
}

type Entries = Record<string, unknown>;

/** Leaves out transaction ids; times of the run become `now`. */
function normalised(dbis: Record<string, DbiDump>, times: Times, offline: Offline): Entries {
  const result: Entries = {};
  for (const [name, dbi] of Object.entries(dbis)) {
    const headers = name.startsWith('_sync_shadow_') || looksNative(dbi);
    const dbiName = name.replace('_sync_shadow_', '');
    result[name] = {
      flags: [...dbi.flags].sort(),
      entries: dbi.entries.map(([key, value]) => {
        if (!headers) return [key, value];
        const nano = BigInt(`0x${value.slice(0, 16)}`);
        return [key, timeText(nano, times, offline.get(`${dbiName}/${key}`)), value.slice(32)];
      }),
    };
  }
  return result;
}

function looksNative(dbi: DbiDump): boolean {
  return (
    dbi.entries.length > 0 &&
    dbi.entries.every(([, value]) => value.length >= 48 && value.slice(32, 34) === '00' && value.startsWith('1'))
  );
}

function timeText(nano: bigint, times: Times, offline: string | undefined): string {
  const isNow = nano >= times.fromNano && nano <= times.toNano;
  // The wanted difference: where the reference stamped an offline change itself, we expect the file's mtime.
  if (offline && (nano === 1n || isNow)) return MTIME_NANO.toString();
  return isNow ? 'now' : nano.toString();
}

/** I8: the reference loses an empty value in main when it loads a snapshot. */
function wanted(name: string, after: Entries): Entries {
  if (name !== 'shadow-empty-value') return after;
  const shadow = after._sync_shadow_people as { entries: [string, string, string][] } | undefined;
  const main = after.people as { entries: [string, string][] };
  expect(shadow).toBeDefined();
  const live = shadow!.entries.filter(([, , rest]) => (Number.parseInt(rest.slice(2, 4), 16) & 1) === 0);
  const missing = live.filter(([key]) => !main.entries.some(([mainKey]) => mainKey === key));
  expect(missing.length, 'the reference is expected to have lost an empty value here').toBeGreaterThan(0);
  const entries = live.map(([key, , rest]) => [key, rest.slice(16)]);
  return { ...after, people: { ...main, entries } };
}

interface Decoded {
  formatVersion: number;
  compatVersion: number;
  meta: Record<string, unknown>;
  dbis: {
    name: string;
    flags: number;
    transform: string;
    entries: { key: string; value: string; timestampNano: string; flags: number }[];
  }[];
}

function withoutMeta(decoded: Decoded, times: Times, offline: Offline): unknown {
  return {
    formatVersion: decoded.formatVersion,
    compatVersion: decoded.compatVersion,
    dbis: decoded.dbis.map((dbi) => ({
      ...dbi,
      entries: dbi.entries.map((entry) => ({
        ...entry,
        timestampNano: timeText(BigInt(entry.timestampNano), times, offline.get(`${dbi.name}/${entry.key}`)),
      })),
    })),
  };
}
