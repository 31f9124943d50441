import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkTransform,
  checkVersions,
  type DbiHeader,
  readSnapshot,
  type SnapshotHeader,
  toTimestampNano,
} from '../../src/snapshot/index.ts';
import { VarintReader, varintSize, writeVarint } from '../../src/snapshot/varint.ts';
import { readWithLibrary, writeWithLibrary } from './second-codec.ts';
import {
  Collector,
  chunksOf,
  decode,
  decodeRaw,
  encode,
  failureOf,
  type PlainEntry,
  type PlainSnapshot,
} from './support.ts';

const u64 = fc.oneof(fc.constantFrom(0n, 1n, 1n << 32n, (1n << 64n) - 1n), fc.bigInt(0n, (1n << 64n) - 1n));
const u32 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat());
const i64 = fc.oneof(fc.constantFrom(0n, (1n << 63n) - 1n), fc.bigInt(0n, (1n << 63n) - 1n));
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array).toString('hex'));
const value = fc.oneof({ weight: 5, arbitrary: bytes(0, 40) }, { weight: 1, arbitrary: bytes(120, 20_000) });
const text = fc.string({ unit: 'binary', maxLength: 20 });

const entryArbitrary: fc.Arbitrary<PlainEntry> = fc.record({
  key: fc.oneof(bytes(1, 12), bytes(120, 511)),
  value,
  timestampNano: u64,
  flags: u32,
});

const snapshotArbitrary: fc.Arbitrary<PlainSnapshot> = fc.record({
  formatVersion: fc.constant(3),
  compatVersion: fc.constant(1),
  meta: fc.record({
    generationId: text,
    instanceId: text,
    hostname: text,
    databaseName: text,
    lmdbTxnId: i64,
    timestampNano: u64.map(toTimestampNano),
    fromLmdbTxnId: i64,
  }),
  dbis: fc.array(
    fc.record({
      name: fc.string({ minLength: 1, maxLength: 20 }),
      flags: u32,
      transform: fc.constantFrom('', 'dupsort_hack_v1', 'other'),
      entries: fc.array(entryArbitrary, { maxLength: 12 }),
    }),
    { maxLength: 4 },
  ),
});

/** Fisher-Yates with a generator of its own, so that a failing case replays from its seed. */
function shuffler(seed: number): <T>(fields: T[]) => T[] {
  let state = seed | 1;
  return (fields) => {
    const result = [...fields];
    for (let index = result.length - 1; index > 0; index--) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const other = (state >>> 8) % (index + 1);
      [result[index], result[other]] = [result[other]!, result[index]!];
    }
    return result;
  };
}

describe('against a second codec', () => {
  it('reads what we wrote: identical', async () => {
    await fc.assert(
      fc.asyncProperty(snapshotArbitrary, async (snapshot) => {
        const object = await encode(snapshot.meta, snapshot.dbis, { memberSizeBytes: 4096 });
        expect(readWithLibrary(gunzipSync(object))).toEqual(snapshot);
      }),
      { numRuns: 150 },
    );
  });

  it('writes what we read, fields in any order, unknown fields among them: identical', async () => {
    let restarts = 0;
    await fc.assert(
      fc.asyncProperty(snapshotArbitrary, fc.nat(), fc.boolean(), fc.nat(60), async (snapshot, seed, unknown, cut) => {
        const raw = writeWithLibrary(snapshot, shuffler(seed), unknown);
        expect(readWithLibrary(raw)).toEqual(snapshot);
        // Two members, cut anywhere; compressed chunks of 1 to 61 bytes.
        const middle = Math.floor((raw.length * cut) / 60);
        const object = Buffer.concat([gzipSync(raw.subarray(0, middle)), gzipSync(raw.subarray(middle), { level: 9 })]);
        const { snapshot: found, summary, restarts: seen } = await decode(object, { chunkBytes: cut + 1 });
        expect(found).toEqual(snapshot);
        expect(summary.passes).toBe(1 + 2 * seen);
        restarts += seen;
      }),
      { numRuns: 200 },
    );
    expect(restarts).toBeGreaterThan(20);
  });

  it('reads what we wrote ourselves', async () => {
    await fc.assert(
      fc.asyncProperty(snapshotArbitrary, async (snapshot) => {
        const { snapshot: found, restarts } = await decode(await encode(snapshot.meta, snapshot.dbis));
        expect(found).toEqual(snapshot);
        expect(restarts).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('varints of all sizes round-trip, and are as long as varintSize says', () => {
    const number = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(300),
      fc.integer({ min: 0, max: 52 }).map((bits) => 2 ** bits),
    );
    const reader = new VarintReader();
    fc.assert(
      fc.property(number, (value) => {
        const buffer = Buffer.alloc(10);
        const end = writeVarint(buffer, 0, value);
        expect(end).toBe(varintSize(value));
        expect(reader.read(buffer, 0, end)).toBe(end);
        expect(reader.toNumber()).toBe(value);
      }),
    );
  });
});

describe('order of fields', () => {
  const dbi = '1a 0b 0a 01 64 12 06 0a 01 6b 12 01 76';

  it('restarts once when a header field with another value stands behind the entries', async () => {
    const { snapshot, restarts, summary } = await decodeRaw(`08 02 ${dbi} 08 03 20 01`);
    expect([snapshot.formatVersion, snapshot.compatVersion, restarts, summary.passes]).toEqual([3, 1, 1, 3]);
    expect(snapshot.dbis[0]!.entries.length).toBe(1);
  });

  it('does not restart for a repeated field of the same value', async () => {
    const { snapshot, restarts } = await decodeRaw(`08 03 20 01 ${dbi} 20 01 08 03 ${dbi}`);
    expect([snapshot.formatVersion, snapshot.dbis.length, restarts]).toEqual([3, 2, 0]);
  });

  it('takes name, flags and transform from behind the entries', async () => {
    const { snapshot, restarts } = await decodeRaw('08 03 1a 10 12 06 0a 01 6b 12 01 76 0a 01 64 18 04 22 01 74');
    expect(restarts).toBe(1);
    expect(snapshot.dbis).toEqual([
      { name: 'd', flags: 4, transform: 't', entries: [{ key: '6b', value: '76', timestampNano: 0n, flags: 0 }] },
    ]);
  });

  /** Refuses what the header and the DBIs say, as a loader in shadow mode does. */
  class Loader extends Collector {
    override header(header: SnapshotHeader): void {
      const error = checkVersions(header, 'object');
      if (error) throw error;
      super.header(header);
    }
    override dbi(dbi: DbiHeader): void {
      const { formatVersion } = this.snapshot!;
      const error = checkTransform(dbi, { formatVersion, nativeMode: false, dupsortHack: true, objectName: 'object' });
      if (error) throw error;
      super.dbi(dbi);
    }
  }
  const load = async (raw: string): Promise<[Loader, number]> => {
    const loader = new Loader();
    let opened = 0;
    const object = gzipSync(Buffer.from(raw.replaceAll(' ', ''), 'hex'));
    const open = (): AsyncIterable<Buffer> => {
      opened++;
      return chunksOf(object);
    };
    await readSnapshot(open, loader, { objectName: 'object' });
    return [loader, opened];
  };

  it.each([
    ['formatVersion', `${dbi} 08 03`, 1],
    [
      'the transform of dupsort',
      '08 03 1a 1e 0a 01 64 18 04 12 06 0a 01 6b 12 01 76 22 0f 64 75 70 73 6f 72 74 5f 68 61 63 6b 5f 76 31',
      1,
    ],
    ['an acceptable compatVersion behind a bad one', `08 03 20 04 ${dbi} 20 03`, 1],
  ])('a refusal counts only when all is known: %s comes late', async (_, raw, entries) => {
    const [loader, opened] = await load(raw);
    expect(loader.snapshot!.dbis[0]!.entries.length).toBe(entries);
    expect([loader.restarts, opened]).toEqual([1, 3]);
  });

  it.each([
    ['no formatVersion at all', dbi, 'format-version'],
    ['a bad compatVersion at the front', `08 03 20 04 ${dbi}`, 'compat-version'],
    ['a bad compatVersion at the end', `08 03 ${dbi} 20 04`, 'compat-version'],
    [
      'a bad transform at the end of the second DBI',
      `08 03 ${dbi} 1a 0e 0a 01 64 12 06 0a 01 6b 12 01 76 22 01 74`,
      'transform',
    ],
  ])('and then it stands: %s', async (_, raw, reason) => {
    expect(await failureOf(load(raw))).toMatchObject({ code: 'SNAPSHOT_REFUSED', reason });
  });

  it('an object that changes between the passes is not mixed up', async () => {
    const late = gzipSync(Buffer.from(`${dbi}${dbi}0803`.replaceAll(' ', ''), 'hex'));
    const other = gzipSync(Buffer.from(`${dbi}0803`.replaceAll(' ', ''), 'hex'));
    let opened = 0;
    const open = (): AsyncIterable<Buffer> => chunksOf(opened++ === 1 ? other : late);
    const error = await failureOf(readSnapshot(open, new Collector(), { objectName: 'object' }));
    expect(error).toMatchObject({ code: 'SNAPSHOT_CORRUPT', reason: 'changed' });
  });

  it('keeps the last of repeated fields, and merges a repeated Meta (SNP-08)', async () => {
    const { snapshot } = await decodeRaw(
      '08 01 08 03 12 03 0a 01 61 12 06 0a 01 62 12 01 63 1a 13 0a 01 64 0a 01 65 18 01 18 02 12 07 0a 01 6b 20 01 20 02',
    );
    expect(snapshot.formatVersion).toBe(3);
    expect([snapshot.meta.generationId, snapshot.meta.instanceId]).toEqual(['b', 'c']);
    expect(snapshot.dbis).toEqual([
      { name: 'e', flags: 2, transform: '', entries: [{ key: '6b', value: '', timestampNano: 0n, flags: 2 }] },
    ]);
  });
});
