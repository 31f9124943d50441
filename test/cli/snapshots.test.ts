import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../../src/cli/bucket.ts';
import { StorageLimitError } from '../../src/cli/errors.ts';
import { parseConfig } from '../../src/config/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { NOW_MS, run, Workplace } from './harness.ts';

vi.hoisted(() => {
  process.env.TZ = 'UTC';
});

/** docs/format.md, "Snapshot message": the reference's bytes of a snapshot with one deleted entry. */
const REFERENCE = Buffer.from(
  (
    '08 03 20 01 12 1b 0a 02 47 58 12 01 69 1a 01 68 3a 04 6d 61 69 6e 20 05 29 02 01 00 00 00 00 00 00 1a 1a 0a 03 66 6f 6f ' +
    '18 08 12 11 0a 01 6b 12 01 76 20 01 19 07 00 00 00 00 00 00 00'
  ).replaceAll(' ', ''),
  'hex',
);
/** Where its fields formatVersion, compatVersion and meta end, and its DBI begins. */
const HEADER_BYTES = 33;
const NAME = 'main__i__20220102-030405-012345678__GX.pb.gz';
const DUMP = `{
  "FormatVersion": 3,
  "CompatVersion": 1,
  "Meta": {
    "GenerationID": "GX",
    "InstanceID": "i",
    "Hostname": "h",
    "LmdbTxnID": 5,
    "TimestampNano": 258,
    "DatabaseName": "main",
    "FromLmdbTxnID": 0
  }
}

### foo (transform="", flags="MDB_INTEGERKEY")

k [6b]  =  v [76]  (1970-01-01 00:00:00.000000007 +0000 UTC, 498732h0m0s ago; flags=01)
`;

let place: Workplace;
const inBucket = (name: string): string => join(place.bucket, name);
const put = (name: string, bytes: Uint8Array): void => writeFileSync(inBucket(name), bytes);

beforeEach(() => {
  place = new Workplace();
});
afterEach(() => place.remove());

describe('snapshots list', () => {
  beforeEach(() => {
    put('main__b__20220102-030405-000000001__GX.pb.gz', Buffer.alloc(7));
    put('main__a__20220102-030405-000000002__GX.pb.gz', Buffer.alloc(1234));
    put('other__a__20210102-030405-000000000__GX.pb.gz', Buffer.alloc(0));
    put('update-marker', Buffer.alloc(1));
    put('a-note.txt', Buffer.alloc(2));
  });

  it('prints a name a line, by name (CLI-10)', async () => {
    expect(await place.run(['snapshots', 'list'])).toMatchObject({
      code: 0,
      stdout:
        'a-note.txt\nmain__a__20220102-030405-000000002__GX.pb.gz\nmain__b__20220102-030405-000000001__GX.pb.gz\n' +
        'other__a__20210102-030405-000000000__GX.pb.gz\nupdate-marker\n',
    });
  });

  it('filters and shows sizes', async () => {
    expect((await place.run(['snapshots', 'list', '-lp', 'main__'])).stdout).toBe(
      '        1234\tmain__a__20220102-030405-000000002__GX.pb.gz\n           7\tmain__b__20220102-030405-000000001__GX.pb.gz\n',
    );
  });

  it('sorts by time, what has none first', async () => {
    const { stdout } = await place.run(['snapshots', 'list', '-t']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((name) => name.slice(0, 10)),
    ).toEqual(['a-note.txt', 'update-mar', 'other__a__', 'main__b__2', 'main__a__2']);
  });

  it('refuses surplus words', async () => {
    expect(await place.run(['snapshots', 'list', 'main__'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('snapshots dump', () => {
  beforeEach(() => put(NAME, gzipSync(REFERENCE)));

  it('prints what the reference prints (CLI-11)', async () => {
    expect(await place.run(['snapshots', 'dump', NAME])).toMatchObject({ code: 0, stdout: DUMP, stderr: '' });
    expect((await place.run(['snapshots', 'dump', '-f', 'text', NAME])).stdout).toBe(DUMP);
  });

  it('reads a local file, and one DBI', async () => {
    const file = place.file('some file', gzipSync(REFERENCE));
    expect((await place.run(['snapshots', 'dump', '-l', file, '-d', 'foo'])).stdout).toBe(DUMP);
    const header = DUMP.slice(0, DUMP.indexOf('\n\n') + 1);
    expect((await place.run(['snapshots', 'dump', '-l', file, '-d', 'fo'])).stdout).toBe(header);
  });

  it('prints once what a foreign writer put in another order', async () => {
    // The header's fields last: formatVersion, compatVersion and meta behind the DBI.
    const reordered = [REFERENCE.subarray(HEADER_BYTES), REFERENCE.subarray(0, HEADER_BYTES)];
    put(NAME, gzipSync(Buffer.concat(reordered)));
    expect(await place.run(['snapshots', 'dump', NAME])).toMatchObject({ code: 0, stdout: DUMP });
  });

  it('prints nothing of an object that is not whole', async () => {
    put(NAME, gzipSync(REFERENCE).subarray(0, -9));
    const outcome = await place.run(['snapshots', 'dump', NAME]);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toMatch(new RegExp(`^Error: .*${NAME}.*\n`));
  });

  it.each([
    [['dump', NAME, '-f', 'json'], 2, 'output format not supported: json'],
    [['dump', 'missing.pb.gz'], 1, 'missing.pb.gz'],
    [['dump', '-l', '/nonexistent/x.pb.gz'], 1, 'cannot read /nonexistent/x.pb.gz'],
    [['get', 'missing.pb.gz'], 1, 'missing.pb.gz'],
    [['put', '/nonexistent/main__i__20220102-030405-012345678__GX.pb.gz'], 1, 'cannot read /nonexistent/main'],
  ])('%j fails with %d', async (argv, code, message) => {
    const outcome = await place.run(['snapshots', ...argv]);
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(message);
    expect(existsSync('missing.pb.gz')).toBe(false);
  });

  const golden = join(import.meta.dirname, '../golden/data/pdns-4.7.3/uploaded');
  it.each(readdirSync(golden).filter((name) => name.endsWith('.pb.gz')))('prints %s of the reference', async (name) => {
    const { code, stdout } = await run(['-c', place.config, 'snapshots', 'dump', '-l', join(golden, name)]);
    expect(code).toBe(0);
    const header = JSON.parse(stdout.slice(0, stdout.indexOf('\n\n'))) as { Meta: { DatabaseName: string } };
    expect(header.Meta.DatabaseName).toBe(name.split('__')[0]);
    expect(stdout).toMatch(/\n### .* \(transform=".*", flags=".*"\)\n\n.* {2}= {2}.* {2}\(\d{4}-.*; flags=0[01]\)\n/);
  });
});

describe('snapshots get, put and remove', () => {
  it('carry an object out and in again', async () => {
    put(NAME, gzipSync(REFERENCE));
    const file = join(place.folder, 'fetched');
    expect(await place.run(['snapshots', 'get', NAME, '-o', file])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(gunzipSync(readFileSync(file))).toEqual(REFERENCE);
    expect(readdirSync(place.folder).filter((name) => name.endsWith('.part'))).toEqual([]);

    expect(await place.run(['snapshots', 'remove', NAME])).toMatchObject({ code: 0, stdout: '' });
    expect(readdirSync(place.bucket)).toEqual([]);
    expect(await place.run(['snapshots', 'remove', NAME])).toMatchObject({ code: 0 });

    expect(await place.run(['snapshots', 'put', file, '-n', NAME])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(place.bucket)).toEqual([NAME]);
    expect(readFileSync(inBucket(NAME))).toEqual(readFileSync(file));
  });

  it('put takes the name of the file, and refuses one that nobody would read', async () => {
    const file = place.file(NAME, gzipSync(REFERENCE));
    expect(await place.run(['snapshots', 'put', file])).toMatchObject({ code: 0 });
    expect(readdirSync(place.bucket)).toEqual([NAME]);

    const odd = place.file('note.txt', 'x');
    const refused = await place.run(['snapshots', 'put', odd]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^Error: invalid snapshot name: .*note\.txt.*\nHint: .*--force.*\n$/);
    expect(readdirSync(place.bucket)).toEqual([NAME]);

    const forced = await place.run(['snapshots', 'put', '--force', odd]);
    expect(forced).toMatchObject({ code: 0 });
    expect(forced.stderr).toContain('level=warning');
    expect(readFileSync(inBucket('note.txt'), 'utf8')).toBe('x');
  });

  it('remove refuses a path in the bucket (CLI-12)', async () => {
    const outcome = await place.run(['snapshots', 'remove', '../config.yaml']);
    expect(outcome.code).toBe(1);
    expect(existsSync(place.config)).toBe(true);
  });

  it('get leaves an older file alone when it fails', async () => {
    const file = place.file('kept', 'before');
    expect(await place.run(['snapshots', 'get', NAME, '-o', file])).toMatchObject({ code: 1 });
    expect(readFileSync(file, 'utf8')).toBe('before');
    put(NAME, gzipSync(REFERENCE));
    expect(await place.run(['snapshots', 'get', NAME, '-o', join(place.folder, 'no', 'folder')])).toMatchObject({
      code: 1,
    });
    expect(await place.run(['snapshots', 'get', NAME, '-o', '/dev/null'])).toMatchObject({ code: 0 });
  });
});

describe('a storage that does not answer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const config = parseConfig('lmdbs: { main: { path: /x } }\nstorage: { type: memory }\n');
  const session = {
    config,
    log: silentLog,
    signal: new AbortController().signal,
    io: { now: () => NOW_MS },
  } as Parameters<typeof withStorage>[0];

  it('is given a minute for a small request', async () => {
    const waiting = withStorage(
      session,
      async (_storage, signal) => {
        vi.advanceTimersByTime(SMALL_REQUEST_LIMIT_MS - 1);
        signal.throwIfAborted();
        vi.advanceTimersByTime(1);
        throw signal.reason;
      },
      { limitMs: SMALL_REQUEST_LIMIT_MS },
    );
    await expect(waiting).rejects.toBeInstanceOf(StorageLimitError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given any time for a transfer', async () => {
    await withStorage(session, async (_storage, signal) => {
      vi.advanceTimersByTime(10 * SMALL_REQUEST_LIMIT_MS);
      signal.throwIfAborted();
    });
  });
});
