import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  checkTransform,
  checkVersions,
  DEFAULT_LIMITS,
  isDeletedEntry,
  type OpenObject,
  readSnapshot,
} from '../../src/snapshot/index.ts';
import { SnapshotParser } from '../../src/snapshot/parser.ts';
import { Collector, chunksOf, decode, decodeRaw, failureOf } from './support.ts';

const MIB = 2 ** 20;
/** 8,000 values of 4,096 bytes, padded with zeros: some 130:1. */
const PADDED = 'main__padded__20261125-180218-179063696__GX.pb.gz';

describe('limits (I7)', () => {
  const key = (bytes: number): string => {
    const body = Buffer.concat([Buffer.from([0x0a, (bytes & 0x7f) | 0x80, bytes >> 7]), Buffer.alloc(bytes, 0x6b)]);
    const kv = Buffer.concat([Buffer.from([0x12, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
    const dbi = Buffer.concat([Buffer.from('0a0164', 'hex'), kv]);
    return Buffer.concat([Buffer.from([0x1a, (dbi.length & 0x7f) | 0x80, dbi.length >> 7]), dbi]).toString('hex');
  };

  it.each<[string, string, string]>([
    ['a key of 512 B', key(512), 'key-size'],
    ['no key', '1a 08 0a 01 64 12 03 12 01 76', 'key-size'],
    ['an empty key', '1a 0a 0a 01 64 12 05 0a 00 12 01 76', 'key-size'],
    ['SNP-36: a DBI without a name', '1a 08 12 06 0a 01 6b 12 01 76', 'dbi-name'],
    ['an empty DBI', '1a 00', 'dbi-name'],
    ['a DBI name with a NUL', '1a 05 0a 03 64 00 64', 'dbi-name'],
    ['a DBI name of 512 B', '1a ff 0f 0a 80 04', 'dbi-name'],
    ['a transform of 1 MiB', '1a ff ff ff 7f 0a 01 64 22 80 80 40', 'transform'],
    ['a Meta of 2^31 B', '12 80 80 80 80 08', 'message-size'],
    ['a DBI of 2^40 B', '1a 80 80 80 80 80 20', 'decompressed-size'],
    ['a DBI of 2^62 B', '1a 80 80 80 80 80 80 80 80 40', 'decompressed-size'],
    ['an unknown field of 2^40 B', '2a 80 80 80 80 80 20', 'decompressed-size'],
    ['an entry of more than 2 GiB', '1a 80 80 80 80 10 0a 01 64 12 80 80 80 80 0c', 'value-size'],
  ])('%s: refused', async (_, hex, reason) => {
    expect(await failureOf(decodeRaw(hex))).toMatchObject({ code: 'SNAPSHOT_REFUSED', objectName: 'object', reason });
  });

  it('a key of 511 B is taken', async () => {
    const { snapshot } = await decodeRaw(key(511));
    expect(snapshot.dbis[0]!.entries[0]!.key.length).toBe(2 * 511);
  });

  it('values and DBIs over a limit of the caller are refused', async () => {
    const value = '1a 0d 0a 01 64 12 08 0a 01 6b 12 03 76 76 76';
    expect(await failureOf(decodeRaw(value, { limits: { maxValueBytes: 2 } }))).toMatchObject({ reason: 'value-size' });
    const dbis = '1a 03 0a 01 64'.repeat(3);
    expect(await failureOf(decodeRaw(dbis, { limits: { maxDbis: 2 } }))).toMatchObject({ reason: 'dbi-count' });
    expect((await decodeRaw(dbis, { limits: { maxDbis: 3 } })).summary.dbis).toBe(3);
  });

  it('nothing is allocated for a length that has not arrived', () => {
    const parser = new SnapshotParser(new Collector(), { objectName: 'object', limits: DEFAULT_LIMITS });
    const before = process.memoryUsage().arrayBuffers;
    // A DBI of 3 GiB, in it an entry of 1.5 GiB, of which 64 KiB arrive in small pieces.
    parser.push(Buffer.from('1a80808080' + '0c' + '0a0164' + '1280808080' + '06', 'hex'));
    for (let index = 0; index < 64; index++) parser.push(Buffer.alloc(1024));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
    expect(() => parser.finish()).toThrow(/ends inside/);
  });

  it('a bomb is refused as soon as it is larger than the limit, in flat memory', async () => {
    const member = gzipSync(Buffer.alloc(8 * MIB), { level: 9 });
    let given = 0;
    const open: OpenObject = async function* () {
      yield gzipSync(Buffer.from('2a80808080f001', 'hex')); // one unknown field of 60 GiB
      for (;;) {
        given += 8 * MIB;
        yield member;
      }
    };
    const before = process.memoryUsage().arrayBuffers;
    const options = { objectName: 'bomb', limits: { maxDecompressedBytes: 64 * MIB } };
    const error = await failureOf(readSnapshot(open, new Collector(), options));
    expect(error).toMatchObject({ code: 'SNAPSHOT_REFUSED', reason: 'decompressed-size', objectName: 'bomb' });
    expect(given).toBeLessThan(200 * MIB);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
  });

  it('what compresses a thousandfold is taken', async () => {
    const bytes = 20 * MIB;
    const length = [0x80 | (bytes & 0x7f), 0x80 | ((bytes >> 7) & 0x7f), 0x80 | ((bytes >> 14) & 0x7f), bytes >> 21];
    const object = gzipSync(Buffer.concat([Buffer.from([0x2a, ...length]), Buffer.alloc(bytes)]), { level: 9 });
    expect(object.length).toBeLessThan(bytes / 900);
    for (const chunkBytes of [65_536, 'none'] as const) {
      expect((await decode(object, { chunkBytes })).summary.decompressedBytes).toBe(bytes + 5);
      for (const maxDecompressedBytes of [1000, 10 * MIB]) {
        const failure = await failureOf(decode(object, { chunkBytes, limits: { maxDecompressedBytes } }));
        expect(failure).toMatchObject({ reason: 'decompressed-size' });
      }
    }
  });

  it('a snapshot of Lightning Stream with values padded by zeros is read whole', async () => {
    const object = await readFile(join(import.meta.dirname, 'data', PADDED));
    const { summary } = await decode(object, { objectName: PADDED });
    expect(summary).toMatchObject({ dbis: 1, entries: 8_000 });
    expect(summary.decompressedBytes / summary.compressedBytes).toBeGreaterThan(100);
  });
});

describe('errors of others are passed on unchanged', () => {
  const bytes = gzipSync(Buffer.from('0803 1a0b 0a0164 12060a016b120176'.replaceAll(' ', ''), 'hex'));
  const options = { objectName: 'object' };

  it.each(['header', 'dbi', 'entry', 'dbiEnd'] as const)('of the visitor: %s', async (method) => {
    const failure = new Error(method);
    const visitor = new Collector();
    visitor[method] = () => {
      throw failure;
    };
    expect(await failureOf(readSnapshot(() => chunksOf(bytes), visitor, options))).toBe(failure);
  });

  it('of the source, which is closed', async () => {
    const failure = new Error('connection reset');
    let closed = false;
    const open: OpenObject = async function* () {
      try {
        yield bytes.subarray(0, 20);
        throw failure;
      } finally {
        closed = true;
      }
    };
    expect(await failureOf(readSnapshot(open, new Collector(), options))).toBe(failure);
    expect(closed).toBe(true);
  });

  it('the source is closed when the object is refused', async () => {
    let closed = false;
    const open: OpenObject = async function* () {
      try {
        for (;;) yield Buffer.from('garbage');
      } finally {
        closed = true;
      }
    };
    expect(await failureOf(readSnapshot(open, new Collector(), options))).toMatchObject({ reason: 'gzip' });
    expect(closed).toBe(true);
  });

  it('an abort ends the reading with its reason, even while the source hangs', async () => {
    const reason = new Error('stop');
    const already = { ...options, signal: AbortSignal.abort(reason) };
    expect(await failureOf(readSnapshot(() => chunksOf(bytes), new Collector(), already))).toBe(reason);
    const controller = new AbortController();
    const open: OpenObject = async function* () {
      yield bytes.subarray(0, 20);
      controller.abort(reason);
      await new Promise(() => {});
    };
    const reading = readSnapshot(open, new Collector(), { ...options, signal: controller.signal });
    expect(await failureOf(reading)).toBe(reason);
  });
});

describe('versions and transforms', () => {
  it.each<[number, number, boolean, string | undefined]>([
    [0, 0, true, 'format-version'],
    [0, 0, false, undefined],
    [3, 4, true, 'compat-version'],
    [99, 3, true, undefined],
    [1, 0, true, undefined],
    [3, 1, true, undefined],
  ])('format %i, compat %i, DBIs %s: %s', (formatVersion, compatVersion, hasDbis, reason) => {
    expect(checkVersions({ formatVersion, compatVersion, hasDbis }, 'object')?.reason).toBe(reason);
  });

  const shadow = { formatVersion: 3, nativeMode: false, dupsortHack: true, objectName: 'object' };
  const hack = 'dupsort_hack_v1';
  it.each<[string, number, string, object, RegExp | undefined]>([
    ['plain', 0, '', {}, undefined],
    ['dupsort', 4, hack, {}, undefined],
    ['SNP-30', 4, 'zip', {}, /"zip" is unknown/],
    ['SNP-31', 4, hack, { nativeMode: true }, /schema tracks changes/],
    ['SNP-32', 4, '', {}, /needs the transform/],
    ['SNP-33', 8, hack, {}, /not those of dupsort/],
    ['SNP-34 without transform', 4, '', { formatVersion: 2 }, undefined],
    ['SNP-34 without dupsort', 0, hack, { formatVersion: 2 }, undefined],
    ['dupsort_hack off', 4, hack, { dupsortHack: false }, /dupsort_hack is off/],
  ])('transform: %s', (_, flags, transform, more, message) => {
    const error = checkTransform({ name: 'd', flags, transform }, { ...shadow, ...more });
    if (message) expect(error).toMatchObject({ reason: 'transform', message: expect.stringMatching(message) });
    else expect(error).toBeUndefined();
  });

  it('LWW-18: before format version 2 an empty value is a deletion', () => {
    expect([isDeletedEntry(1, 0, 0), isDeletedEntry(1, 0, 1), isDeletedEntry(2, 0, 0)]).toEqual([true, false, false]);
    expect([isDeletedEntry(3, 1, 0), isDeletedEntry(3, 3, 5), isDeletedEntry(3, 2, 0)]).toEqual([true, true, false]);
  });
});
