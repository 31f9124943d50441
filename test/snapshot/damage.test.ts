import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptSnapshotError, RefusedSnapshotError } from '../../src/snapshot/index.ts';
import { goldenObjects } from './golden-objects.ts';
import { decode, decodeRaw, encode, failureOf, META, type PlainSnapshot } from './support.ts';

const small = goldenObjects()
  .filter(({ decoded, byReference }) => decoded && byReference)
  .sort((a, b) => a.bytes.length - b.bytes.length);
/** Three small files of the reference: the smallest with entries, one with several, one with DUPSORT. */
const files = [
  small.find(({ decoded }) => decoded!.dbis.some(({ entries }) => entries.length > 0))!,
  small.find(({ decoded }) => decoded!.dbis.some(({ entries }) => entries.length > 5))!,
  small.find(({ decoded }) => decoded!.dbis.some(({ transform, entries }) => transform !== '' && entries.length > 1))!,
];

type Outcome = PlainSnapshot | 'corrupt' | 'refused';

/** What reading gives, the same whether it comes in chunks or is in memory. */
async function outcomeOf(bytes: Buffer): Promise<Outcome> {
  const outcome = await outcomeIn(bytes, 65_536);
  expect(await outcomeIn(bytes, 'none')).toEqual(outcome);
  return outcome;
}

/** An error that is not typed and named is a failure of the test. */
async function outcomeIn(bytes: Buffer, chunkBytes: number | 'none'): Promise<Outcome> {
  try {
    return (await decode(bytes, { chunkBytes })).snapshot;
  } catch (error) {
    const typed = error instanceof CorruptSnapshotError || error instanceof RefusedSnapshotError;
    if (!typed || error.objectName !== 'object' || error.reason.length === 0) throw error;
    return error instanceof CorruptSnapshotError ? 'corrupt' : 'refused';
  }
}

describe('I7: a damaged object is refused whole', () => {
  it.each(files.map((file) => [file.path, file] as const))('every truncation of %s', async (_, file) => {
    for (let length = 0; length < file.bytes.length; length++) {
      expect(await outcomeOf(file.bytes.subarray(0, length))).toBe('corrupt');
    }
  });

  it.each(files.map((file) => [file.path, file] as const))('every flipped bit of %s', async (_, file) => {
    let unharmed = 0;
    for (let bit = 0; bit < file.bytes.length * 8; bit++) {
      const flipped = Buffer.from(file.bytes);
      flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
      const outcome = await outcomeOf(flipped);
      if (outcome === 'corrupt') continue;
      expect(outcome).toEqual(file.decoded);
      unharmed++;
    }
    // Bits that mean nothing: six bytes and a flag of the gzip header, and what fills up bytes between deflate blocks.
    expect(unharmed).toBeLessThan(6 * 8 + 2 + 5 * 7);
  });

  it.each(files.map((file) => [file.path, file] as const))(
    'every truncation and flipped bit of the protobuf in %s: typed, or something well-formed',
    async (_, file) => {
      const raw = gunzipSync(file.bytes);
      let damaged = 0;
      for (let length = 0; length < raw.length; length++) {
        const outcome = await outcomeOf(gzipSync(raw.subarray(0, length)));
        // Cut between two fields of Snapshot it is a shorter message: only gzip's checksum can tell.
        if (outcome === 'corrupt' || outcome === 'refused') damaged++;
        else expect(outcome.dbis.length).toBeLessThan(file.decoded!.dbis.length);
      }
      expect(damaged).toBeGreaterThan(raw.length - 10);
      for (let bit = 0; bit < raw.length * 8; bit++) {
        const flipped = Buffer.from(raw);
        flipped[bit >> 3] = flipped[bit >> 3]! ^ (1 << (bit & 7));
        expect(await outcomeOf(gzipSync(flipped))).not.toEqual(file.decoded);
      }
    },
  );

  it('random bytes, bare and gzipped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await outcomeOf(Buffer.from(bytes))).toBe('corrupt');
        await outcomeOf(gzipSync(Buffer.from(bytes)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('gzip', () => {
  const bytes = gzipSync(Buffer.from('08032001', 'hex'));

  it.each<[string, Buffer, string]>([
    ['an empty object', Buffer.alloc(0), 'empty-object'],
    ['no gzip', Buffer.from('not gzip at all'), 'gzip'],
    ['half a header', bytes.subarray(0, 5), 'truncated'],
    ['a wrong checksum', Buffer.from(bytes).fill(0x55, bytes.length - 8, bytes.length - 4), 'gzip'],
    ['a wrong size', Buffer.from(bytes).fill(0x55, bytes.length - 4), 'gzip'],
    ['garbage behind', Buffer.concat([bytes, Buffer.from('garbage')]), 'gzip'],
    ['one byte behind', Buffer.concat([bytes, Buffer.from([0x1f])]), 'truncated'],
    ['zero bytes behind', Buffer.concat([bytes, Buffer.alloc(3)]), 'trailing-garbage'],
    ['a tail after zero bytes', Buffer.concat([bytes, Buffer.alloc(1), bytes]), 'trailing-garbage'],
    ['half a second member', Buffer.concat([bytes, bytes.subarray(0, 12)]), 'truncated'],
  ])('%s', async (_, object, reason) => {
    for (const chunkBytes of [1, bytes.length, 65_536, 'none'] as const) {
      expect(await failureOf(decode(object, { chunkBytes }))).toMatchObject({
        code: 'SNAPSHOT_CORRUPT',
        objectName: 'object',
        reason,
      });
    }
  });

  it('a long tail of zero bytes ends the reading, and closes the source', async () => {
    const object = Buffer.concat([bytes, Buffer.alloc(1 << 20)]);
    expect(await failureOf(decode(object, { chunkBytes: 1000 }))).toMatchObject({ reason: 'trailing-garbage' });
  });

  it('SNP-16: gzip of nothing is an empty snapshot, in any number of members', async () => {
    const nothing = gzipSync('');
    const objects = [nothing, Buffer.concat([nothing, nothing, nothing])];
    for (const [object, chunkBytes] of objects.flatMap((one) => [[one, 1] as const, [one, 'none'] as const])) {
      const { snapshot, summary } = await decode(object, { chunkBytes });
      expect(snapshot).toMatchObject({ formatVersion: 0, compatVersion: 0, dbis: [] });
      expect(summary).toMatchObject({ hasDbis: false, entries: 0, decompressedBytes: 0, passes: 1 });
    }
  });
});

describe('protobuf', () => {
  const ff9 = 'ff'.repeat(9);
  it.each<[string, string, string]>([
    ['formatVersion of another type', '0a 01 03', 'wire-type'],
    ['Meta of another type', '10 01', 'wire-type'],
    ['DBI of another type', '18 01', 'wire-type'],
    ['compatVersion of another type', '21 0000000000000000', 'wire-type'],
    ['a Meta field of another type', '12 02 08 01', 'wire-type'],
    ['a DBI field of another type', '1a 02 1a 00', 'wire-type'],
    ['a KV field of another type', '1a 07 0a 01 64 12 02 18 01', 'wire-type'],
    ['SNP-13: tag 0', '00 01', 'tag'],
    ['SNP-13: field 0 of type 2', '02 00', 'tag'],
    ['a tag beyond 32 bits', '80 80 80 80 10 00', 'tag'],
    ['SNP-13: a group begins', '2b', 'wire-type'],
    ['SNP-13: a group ends', '2c', 'wire-type'],
    ['wire type 6', '2e 00', 'wire-type'],
    ['wire type 7', '2f 00', 'wire-type'],
    ['a varint of 11 bytes', `28 ${ff9} ff 01`, 'varint'],
    ['a varint of 65 bits', `28 ${ff9} 02`, 'varint'],
    ['SNP-14: formatVersion beyond 32 bits', '08 80 80 80 80 10', 'overflow'],
    ['SNP-14: compatVersion beyond 32 bits', '20 80 80 80 80 10', 'overflow'],
    ['SNP-11: length 2^63 of a DBI', `1a 80 80 80 80 80 80 80 80 80 01`, 'length'],
    ['SNP-11: length 2^64 - 1 of a KV', `1a 10 0a 01 64 12 ${ff9} 01 00 00`, 'length'],
    ['SNP-11: length 2^63 of a key', '1a 0e 0a 01 64 12 0b 0a 80 80 80 80 80 80 80 80 80 01', 'length'],
    ['SNP-11: length 2^63 of an unknown field', '2a 80 80 80 80 80 80 80 80 80 01', 'length'],
    ['SNP-10: KV longer than its DBI', '1a 05 0a 01 64 12 05', 'length'],
    ['SNP-10: KV of 2^31 B in a small DBI', '1a 0a 0a 01 64 12 80 80 80 80 08 00', 'length'],
    ['SNP-10: key longer than its KV', '1a 08 0a 01 64 12 03 0a 05 6b', 'length'],
    ['SNP-10: value longer than its KV', '1a 0b 0a 01 64 12 06 0a 01 6b 12 09 76', 'length'],
    ['a string longer than its Meta', '12 03 0a 05 61', 'length'],
    ['a name longer than its DBI', '1a 03 0a 05 64', 'length'],
    ['a timestamp cut off by its KV', '1a 0a 0a 01 64 12 05 0a 01 6b 19 00', 'truncated'],
    ['a varint cut off by its Meta', '12 02 20 80', 'truncated'],
    ['a varint cut off by its DBI', '1a 05 0a 01 64 18 80', 'truncated'],
    ['the message ends in a DBI', '1a 09 0a 01 64', 'truncated'],
    ['the message ends in a KV', '1a 0b 0a 01 64 12 06 0a 01', 'truncated'],
    ['the message ends in an unknown field', '2a 05 00', 'truncated'],
    ['the message ends in a tag', '80', 'truncated'],
    ['SNP-09: an entirely empty KV', '1a 05 0a 01 64 12 00', 'empty-entry'],
    ['a hostname that is not UTF-8', '12 03 1a 01 ff', 'utf8'],
    ['a transform that is not UTF-8', '1a 06 0a 01 64 22 01 ff', 'utf8'],
  ])('%s: corrupt', async (_, hex, reason) => {
    expect(await failureOf(decodeRaw(hex))).toMatchObject({ code: 'SNAPSHOT_CORRUPT', objectName: 'object', reason });
  });

  it('SNP-06: unknown fields are skipped in every message, also long ones', async () => {
    const long = `aa 06 e8 07 ${'61'.repeat(1000)}`;
    const { snapshot } = await decodeRaw(
      `08 03 28 ff 01 12 05 0a 01 67 30 01 1a 16 0a 01 64 28 80 01 2a 01 78 12 0b 0a 01 6b 35 01 02 03 04 12 01 76 ${long} 20 01`,
    );
    expect(snapshot).toEqual({
      formatVersion: 3,
      compatVersion: 1,
      meta: { ...snapshot.meta, generationId: 'g' },
      dbis: [
        { name: 'd', flags: 0, transform: '', entries: [{ key: '6b', value: '76', timestampNano: 0n, flags: 0 }] },
      ],
    });
  });

  it('SNP-15: flags of an entry are cut to 32 bits; a negative transaction id stays one', async () => {
    const { snapshot } = await decodeRaw(`12 0b 20 ${ff9} 01 1a 0e 0a 01 64 12 09 0a 01 6b 20 81 80 80 80 10`);
    expect(snapshot.dbis[0]!.entries[0]!.flags).toBe(1);
    expect(snapshot.meta.lmdbTxnId).toBe(-1n);
  });

  it('tags and lengths longer than they must be are read', async () => {
    const { snapshot } = await decodeRaw('88 00 83 00 1a 10 0a 01 64 92 00 88 80 00 8a 00 01 6b 12 81 00 76');
    expect(snapshot.formatVersion).toBe(3);
    expect(snapshot.dbis[0]!.entries).toEqual([{ key: '6b', value: '76', timestampNano: 0n, flags: 0 }]);
  });

  it('decodes what it encoded, byte by byte', async () => {
    const dbi = { name: 'd', flags: 4, transform: '', entries: [] };
    const entry = { key: '6b', value: 'aa'.repeat(300), timestampNano: 1n << 63n, flags: 1 };
    const dbis = [dbi, { ...dbi, entries: [entry, entry] }];
    expect((await decode(await encode(META, dbis), { chunkBytes: 1 })).snapshot.dbis).toEqual(dbis);
  });
});
