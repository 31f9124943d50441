import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Entry, HeaderError, HeaderWriter, readStored, takeStored } from '../../src/merge/index.ts';
import { applicationKeyLength, ShadowKey, valueOffset } from '../../src/shadow/dupsort.ts';
import {
  buildSnapshotName,
  CorruptSnapshotError,
  DEFAULT_LIMITS,
  parseSnapshotName,
  RefusedSnapshotError,
  SnapshotNameError,
} from '../../src/snapshot/index.ts';
import { SnapshotParser } from '../../src/snapshot/parser.ts';
import { goldenObjects } from '../snapshot/golden-objects.ts';
import { Collector, decode } from '../snapshot/support.ts';
import { seeded } from '../support/seeded.ts';
import { edited } from './edits.ts';

/** I7: whatever the bytes are, what comes out is well-formed or a typed error; 200,000 inputs with the other files of this folder. */
const objects = goldenObjects().filter(({ bytes }) => bytes.length < 4096);
const MIB = 2 ** 20;
const LIMITS = { ...DEFAULT_LIMITS, maxDecompressedBytes: 64 * MIB };

describe('object names', () => {
  const NAMES = [
    ...objects.map(({ name }) => name),
    'main__one__20261123-113253-665759985__GX__D1__F20261123-113253-665759984.pb.gz',
    'main__one__20261123-113253-665759985__GX__F20261123-113253-665759984__L2.delta.pb.gz',
  ].map((name) => Buffer.from(name));

  it('parse to what builds back, or are none of ours', () => {
    let ours = 0;
    fc.assert(
      fc.property(edited(NAMES), (bytes) => {
        const text = bytes.toString('utf8');
        try {
          const name = parseSnapshotName(text);
          ours++;
          return buildsBack(text, name);
        } catch (error) {
          return error instanceof SnapshotNameError && error.objectName === text && error.reason.length > 0;
        }
      }),
      seeded(60_000),
    );
    expect(ours).toBeGreaterThan(0);
  });

  function buildsBack(text: string, name: ReturnType<typeof parseSnapshotName>): boolean {
    return buildSnapshotName(name) === text;
  }
});

describe('values with a header', () => {
  const VALUES = [0, 1, 3].map((blocks) =>
    Buffer.concat([new HeaderWriter(77, blocks).set(0x1700_0000, 5, blocks & 1), Buffer.from('some value')]),
  );

  it('are taken apart inside of what was given, or refused', () => {
    const page = { before: Buffer.alloc(7, 0xff), behind: Buffer.alloc(600, 0x01) };
    fc.assert(
      fc.property(edited(VALUES), (bytes) => {
        const buffer = Buffer.concat([page.before, bytes, page.behind]);
        const [start, end] = [7, 7 + bytes.length];
        const entry = new Entry();
        const isRead = readStored(entry, buffer, start, end);
        if (!isRead) return refuses(() => takeStored(entry, 'd', buffer, start, end));
        return entry.valueStart >= start + 24 && entry.valueStart <= entry.valueEnd && entry.valueEnd === end;
      }),
      seeded(40_000),
    );
  });

  function refuses(take: () => void): boolean {
    try {
      take();
    } catch (error) {
      return error instanceof HeaderError;
    }
    return false;
  }
});

describe('keys of dupsort_hack', () => {
  const KEYS = [
    ['key', 'foo1'],
    ['k', ''],
    ['k'.repeat(255), 'v'.repeat(300)],
    ['\0\0\0\0', '\0\0\0\0\0'],
  ].map(([key, value]) => encode(Buffer.from(key!), Buffer.from(value!)));

  it('are a key and a value that give the same again, or none', () => {
    let pairs = 0;
    fc.assert(
      fc.property(edited(KEYS), (bytes) => {
        const length = applicationKeyLength(bytes, 0, bytes.length);
        if (length < 0) return true;
        pairs++;
        const value = bytes.subarray(valueOffset(length), bytes.length - 1);
        return (
          length >= 1 && length <= 255 && (bytes.length > 511 || encode(bytes.subarray(0, length), value).equals(bytes))
        );
      }),
      seeded(40_000),
    );
    expect(pairs).toBeGreaterThan(0);
  });

  function encode(key: Buffer, value: Buffer): Buffer {
    const shadowKey = new ShadowKey();
    shadowKey.encode(key, 0, key.length, value, 0, value.length);
    return Buffer.from(shadowKey.bytes.subarray(0, shadowKey.length));
  }
});

describe('snapshots', () => {
  const MESSAGES = objects.filter(({ decoded }) => decoded).map(({ bytes }) => gunzipSync(bytes));

  function isTyped(error: unknown): boolean {
    const typed = error instanceof CorruptSnapshotError || error instanceof RefusedSnapshotError;
    return typed && error.objectName === 'object' && error.reason.length > 0;
  }

  it('protobuf, in chunks of any size: refused whole, or read to its end; memory follows what arrived', () => {
    const before = process.memoryUsage().arrayBuffers;
    fc.assert(
      fc.property(edited(MESSAGES), fc.constantFrom(1, 3, 17, 4096), (bytes, chunkBytes) => {
        const parser = new SnapshotParser(new Collector(), { objectName: 'object', limits: LIMITS });
        try {
          for (let at = 0; at < bytes.length; at += chunkBytes) parser.push(bytes.subarray(at, at + chunkBytes));
          parser.finish();
        } catch (error) {
          // Header fields behind entries need another pass, which `readSnapshot` makes.
          return isTyped(error) || (error as Error).constructor.name === 'HeaderInDoubt';
        }
        return true;
      }),
      seeded(36_000),
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * MIB);
  });

  it('gzip: the same', async () => {
    const files = objects.map(({ bytes }) => bytes);
    await fc.assert(
      fc.asyncProperty(edited(files), fc.constantFrom(1, 100, 65_536), async (bytes, chunkBytes) => {
        try {
          await decode(bytes, { chunkBytes, limits: LIMITS });
        } catch (error) {
          return isTyped(error);
        }
        return true;
      }),
      seeded(5_000),
    );
  }, 180_000);
});
