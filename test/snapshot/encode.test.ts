import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type EncodeSummary, encodeSnapshot, toTimestampNano } from '../../src/snapshot/index.ts';
import { compressMember } from '../../src/snapshot/members.ts';
import { decode, encode, META, type PlainDbi, type PlainEntry, sourceOf } from './support.ts';

/** docs/format.md, "Snapshot message". */
const REFERENCE_BYTES =
  '08 03 20 01 12 1b 0a 02 47 58 12 01 69 1a 01 68 3a 04 6d 61 69 6e 20 05 29 02 01 00 00 00 00 00 00 ' +
  '1a 1a 0a 03 66 6f 6f 18 08 12 11 0a 01 6b 12 01 76 20 01 19 07 00 00 00 00 00 00 00';

const hex = (text: string): string => Buffer.from(text).toString('hex');
const entry = (key: string, value: string, more: Partial<PlainEntry> = {}): PlainEntry => ({
  key: hex(key),
  value: hex(value),
  timestampNano: 7n,
  flags: 0,
  ...more,
});
const dbiOf = (entries: PlainEntry[], more: Partial<PlainDbi> = {}): PlainDbi => ({
  name: 'd',
  flags: 0,
  transform: '',
  entries,
  ...more,
});
const many = (count: number, valueBytes: number): PlainDbi =>
  dbiOf(
    Array.from({ length: count }, (_, index) =>
      entry(`key ${index}`, '', {
        value: Buffer.alloc(valueBytes, index).toString('hex'),
        timestampNano: BigInt(index),
      }),
    ),
  );

async function membersOf(dbis: PlainDbi[], options?: Parameters<typeof encodeSnapshot>[2]): Promise<Buffer[]> {
  const members: Buffer[] = [];
  const sources = dbis.map((dbi) => sourceOf(dbi));
  for await (const member of encodeSnapshot(META, sources, options)) members.push(member);
  return members;
}

describe('encoding', () => {
  it('writes the reference bytes', async () => {
    const foo = dbiOf([entry('k', 'v', { flags: 1 })], { name: 'foo', flags: 8 });
    const raw = gunzipSync(await encode(META, [foo]));
    expect(raw.toString('hex')).toBe(REFERENCE_BYTES.replaceAll(' ', ''));
  });

  it('leaves out what is zero or empty, and entirely empty entries', async () => {
    const dbi = dbiOf([
      entry('', '', { timestampNano: 0n }),
      entry('k', '', { timestampNano: 0n }),
      entry('l', '', { timestampNano: 1n << 63n, flags: 0xffff_ffff }),
    ]);
    const meta = {
      ...META,
      generationId: '',
      instanceId: '',
      hostname: '',
      databaseName: '',
      lmdbTxnId: 0n,
      timestampNano: toTimestampNano(0n),
    };
    const raw = gunzipSync(await encode(meta, [dbi]));
    expect(raw.toString('hex')).toBe(
      '08032001' +
        '1200' +
        '1a1c' +
        '0a0164' +
        '1203' +
        '0a016b' +
        '1212' +
        '0a016c' +
        '20ffffffff0f' +
        '190000000000000080',
    );
  });

  it('writes a snapshot without DBIs, and fromLmdbTxnID of a delta', async () => {
    const meta = { ...META, lmdbTxnId: (1n << 63n) - 1n, fromLmdbTxnId: 300n };
    const { snapshot, summary } = await decode(await encode(meta, []));
    expect(snapshot).toEqual({ formatVersion: 3, compatVersion: 1, meta, dbis: [] });
    expect(summary.hasDbis).toBe(false);
  });

  it('cuts members of the given size, each a gzip file of its own, in order', async () => {
    const dbis = [many(3000, 20), dbiOf([], { name: 'empty' }), { ...many(10, 3), name: 'last' }];
    const members = await membersOf(dbis, { memberSizeBytes: 4096 });
    const raws = members.map((member) => gunzipSync(member));
    expect(members.length).toBeGreaterThan(20);
    for (const raw of raws) expect(raw.length).toBeLessThanOrEqual(4096);
    expect(Buffer.concat(raws).equals(gunzipSync(await encode(META, dbis)))).toBe(true);
    const { snapshot, summary } = await decode(Buffer.concat(members));
    expect(snapshot.dbis).toEqual(dbis);
    expect(summary.passes).toBe(1);
  });

  it('runs a value larger than a member through several', async () => {
    const large = randomBytes(20_000).toString('hex');
    const dbis = [
      dbiOf([entry('a', 'x'), entry('b', '', { value: large, flags: 200 }), entry('c', 'y')]),
      dbiOf([entry('d', '', { value: large.slice(0, 2 * 4090), timestampNano: 0n })], { name: 'e' }),
    ];
    const members = await membersOf(dbis, { memberSizeBytes: 4096 });
    expect(members.length).toBeGreaterThanOrEqual(6);
    expect((await decode(Buffer.concat(members), { chunkBytes: 100 })).snapshot.dbis).toEqual(dbis);
  });

  it('walks on while members are compressed, at most maxInFlight, and keeps their order', async () => {
    let inFlight = 0;
    let most = 0;
    const raws = new Set<ArrayBufferLike>();
    const waiting: (() => void)[] = [];
    const compress = async (raw: Buffer): Promise<Buffer> => {
      raws.add(raw.buffer);
      most = Math.max(most, ++inFlight);
      // The pool finishes in any order: here the newest first, and only when it is full or nothing more comes.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < 3) setImmediate(() => waiting.pop()?.());
        else for (const done of waiting.splice(0).reverse()) done();
      });
      inFlight--;
      return gzipSync(raw);
    };
    const dbi = many(3000, 20);
    const members = await membersOf([dbi], { memberSizeBytes: 4096, maxInFlight: 3, compress });
    expect(most).toBe(3);
    expect(raws.size).toBeLessThanOrEqual(4);
    expect((await decode(Buffer.concat(members))).snapshot.dbis).toEqual([dbi]);
  });

  it('reports what it wrote', async () => {
    const summaries: EncodeSummary[] = [];
    const object = await encode(META, [many(100, 50)], { onSummary: (summary) => void summaries.push(summary) });
    const rawBytes = gunzipSync(object).length;
    expect(summaries).toEqual([{ entries: 100, members: 1, rawBytes, compressedBytes: object.length }]);
  });

  it('never writes a member beyond 64:1, which version 0.1.0 could take for a bomb', async () => {
    const zeros = Buffer.alloc(1 << 20);
    const member = await compressMember(zeros);
    expect(member.length).toBeGreaterThanOrEqual(zeros.length / 64);
    expect(member.length).toBeLessThan(zeros.length / 60);
    expect(gunzipSync(Buffer.concat([member, member])).equals(Buffer.concat([zeros, zeros]))).toBe(true);
    const dbi = dbiOf([entry('k', '', { value: Buffer.alloc(20 << 20).toString('hex') })]);
    const { snapshot } = await decode(await encode(META, [dbi]));
    expect(snapshot.dbis[0]!.entries[0]!.value.length).toBe(40 << 20);
  });

  it('refuses to end a DBI that changed between its two passes', async () => {
    for (const second of [[], [entry('k', 'v'), entry('l', 'v')], [entry('k', 'v longer')]]) {
      let opened = 0;
      const source = {
        ...sourceOf(dbiOf([])),
        open: () => sourceOf(dbiOf(opened++ === 0 ? [entry('k', 'v')] : second)).open(),
      };
      const drain = async (): Promise<void> => {
        for await (const _ of encodeSnapshot(META, [source])) {
          // only the end matters
        }
      };
      await expect(drain()).rejects.toThrow(/changed while it was encoded/);
    }
  });

  it('closes every cursor: at the end, when left early, and when compression fails', async () => {
    for (const how of ['end', 'early', 'failure'] as const) {
      let open = 0;
      let opened = 0;
      const source = sourceOf(many(3000, 20), () => open--);
      const counted = {
        ...source,
        open: () => {
          open++;
          opened++;
          return source.open();
        },
      };
      const compress = async (raw: Buffer): Promise<Buffer> => {
        if (how === 'failure') throw new Error('no memory');
        return gzipSync(raw);
      };
      const run = async (): Promise<void> => {
        for await (const _ of encodeSnapshot(META, [counted], { memberSizeBytes: 4096, compress })) {
          if (how === 'early') break;
        }
      };
      if (how === 'failure') await expect(run()).rejects.toThrow('no memory');
      else await run();
      expect([opened, open]).toEqual([2, 0]);
    }
  });

  it('wants a sane member size and at least one member in flight', async () => {
    await expect(encode(META, [], { memberSizeBytes: 100 })).rejects.toThrow(RangeError);
    await expect(encode(META, [], { memberSizeBytes: 5 << 20 })).rejects.toThrow(RangeError);
    await expect(encode(META, [], { maxInFlight: 0 })).rejects.toThrow(RangeError);
  });
});
