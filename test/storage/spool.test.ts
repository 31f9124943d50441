import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect, Spool, SpoolError } from '../../src/storage/index.ts';
import { failureOf, randomBytes } from './support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lmdbstream-spool-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('spool', () => {
  it('gives back what was appended, in any pieces, from memory or disk', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.nat(200_000)), { maxLength: 12 });
    const reads = fc.array(fc.record({ at: fc.nat(500_000), length: fc.nat(300_000) }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.constantFrom(0, 65_536, 200_000, 32 << 20),
        reads,
        async (parts, memoryBytes, looks) => {
          using spool = new Spool({ memoryBytes, folder, md5: true });
          const chunks = parts.map((size) => randomBytes(size));
          const whole = Buffer.concat(chunks);
          for (const chunk of chunks) {
            const copy = Buffer.from(chunk);
            spool.append(copy);
            copy.fill(0); // it must have been copied
          }
          spool.finish();
          expect(spool.sizeBytes).toBe(whole.byteLength);
          expect(Buffer.from(spool.md5!)).toEqual(createHash('md5').update(whole).digest());
          expect((await collect(spool.open())).equals(whole)).toBe(true);
          expect((await collect(spool.open())).equals(whole)).toBe(true);
          for (const { at, length } of looks) {
            const buffer = Buffer.alloc(length, 1);
            const expected = whole.subarray(at, at + length);
            expect(spool.readSync(at, buffer)).toBe(expected.byteLength);
            expect(buffer.subarray(0, expected.byteLength).equals(expected)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('goes to disk above its bound and leaves nothing there to be found', () => {
    using spool = new Spool({ memoryBytes: 128 * 1024, folder });
    spool.append(randomBytes(128 * 1024));
    expect(spool.isOnDisk).toBe(false);
    spool.append(randomBytes(1));
    expect(spool.isOnDisk).toBe(true);
    return expect(readdir(folder)).resolves.toEqual([]);
  });

  it('reads while it is still written', () => {
    using spool = new Spool({ memoryBytes: 65_536, folder });
    const bytes = randomBytes(200_000);
    spool.append(bytes);
    const buffer = Buffer.alloc(200_000);
    expect(spool.readSync(0, buffer)).toBe(200_000);
    expect(buffer.equals(bytes)).toBe(true);
  });

  it('can be disposed of while it is read, twice, without touching another file', async () => {
    const spool = new Spool({ memoryBytes: 65_536, folder });
    spool.append(randomBytes(3_000_000));
    spool.finish();
    const chunks = spool.open()[Symbol.asyncIterator]();
    await chunks.next();
    const reading = chunks.next();
    spool.dispose();
    spool.dispose();
    await expect(reading).rejects.toThrow(TypeError);
    expect(await failureOf(collect(spool.open()))).toBeInstanceOf(TypeError);
    expect(spool.isOnDisk).toBe(false);
  });

  it('is used in the order of its life', async () => {
    using spool = new Spool({ folder });
    spool.append(randomBytes(1));
    await expect(collect(spool.open())).rejects.toThrow(TypeError);
    spool.finish();
    spool.finish();
    expect(() => spool.append(randomBytes(1))).toThrow(TypeError);
  });

  it('says where there is no room', () => {
    using spool = new Spool({ memoryBytes: 0, folder: join(folder, 'missing') });
    spool.append(randomBytes(65_536));
    expect(() => spool.append(randomBytes(1))).toThrow(SpoolError);
  });
});
