import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Entry } from '../../src/merge/index.ts';
import {
  type DbiSource,
  EntryPacker,
  encodeSnapshot,
  type PackedRuns,
  toTimestampNano,
} from '../../src/snapshot/index.ts';
import { Spool } from '../../src/storage/index.ts';

const META = {
  generationId: 'GX',
  instanceId: 'a',
  hostname: 'h',
  databaseName: 'main',
  lmdbTxnId: 3n,
  timestampNano: toTimestampNano(5n),
  fromLmdbTxnId: 0n,
};

/** Entries of all lengths of keys and values, from an empty value to one that fills most of a member. */
function entriesOf(dbi: string, count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => {
    const entry = new Entry();
    const key = Buffer.from(`${dbi}${String(index).padStart(1 + (index % 90), '0')}`);
    const value = Buffer.alloc((index * 37) % 3000, `${index} `);
    entry.setKey(key, 0, key.length);
    entry.setTime(index % 3, index);
    if (index % 11 === 0) entry.setDeleted();
    else entry.setValue(value, 0, value.length);
    return entry;
  });
}

function sourceOf(name: string, entries: readonly Entry[], packed?: DbiSource['packed']): DbiSource {
  const open = () => {
    let index = -1;
    const cursor = new Entry() as Entry & { next(): boolean };
    cursor.next = () => {
      const entry = entries[++index];
      if (entry) cursor.copyFrom(entry);
      return entry !== undefined;
    };
    return cursor;
  };
  return { name, flags: 0, transform: '', open, packed };
}

async function encoded(dbis: readonly DbiSource[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of encodeSnapshot(META, dbis, { memberSizeBytes: 4096 })) parts.push(part);
  return Buffer.concat(parts);
}

async function packed(dbis: readonly (readonly Entry[])[], memoryBytes: number): Promise<PackedRuns> {
  const packer = new EntryPacker({ spool: new Spool({ memoryBytes }), memberSizeBytes: 4096 });
  for (const entries of dbis) {
    packer.begin();
    for (const entry of entries) {
      packer.add(entry);
      if (packer.isFull) await packer.settle();
    }
  }
  const runs = await packer.finish();
  if (!runs) throw new Error('nothing was packed');
  return runs;
}

describe('entries that are packed before the snapshot is begun', () => {
  it('are the same bytes, between DBIs that are not', async () => {
    const [a, b, c] = [entriesOf('a', 400), entriesOf('b', 7), entriesOf('c', 300)];
    const runs = await packed([a, c], 0);
    const ready = [sourceOf('a', a, runs.runs[0]), sourceOf('b', b), sourceOf('c', c, runs.runs[1])];
    const whole = gunzipSync(await encoded(ready));
    expect(whole.equals(gunzipSync(await encoded([sourceOf('a', a), sourceOf('b', b), sourceOf('c', c)])))).toBe(true);
    expect(runs.runs.map(({ entries }) => entries)).toEqual([400, 300]);
    runs.dispose();
  });

  it('an entry that no member can hold: it gives up, and nothing is left', async () => {
    const spool = new Spool({});
    const packer = new EntryPacker({ spool, memberSizeBytes: 4096 });
    packer.begin();
    const large = new Entry();
    const value = Buffer.alloc(5000);
    large.setKey(value, 0, 3);
    large.setValue(value, 0, value.length);
    packer.add(large);
    expect(packer.hasFailed).toBe(true);
    expect(await packer.finish()).toBeUndefined();
    expect(() => spool.append(value)).toThrow(TypeError);
  });

  it('a pool that fails, and a spool that fails: likewise', async () => {
    for (const compress of [() => Promise.reject(new Error('planned')), undefined]) {
      const folder = compress ? undefined : '/nowhere/at/all';
      const spool = new Spool({ memoryBytes: 0, folder });
      const options = { spool, memberSizeBytes: 1 << 20, ...(compress && { compress }) };
      const packer = new EntryPacker(options);
      packer.begin();
      const entry = new Entry();
      // What does not compress, so that it does not stay in memory.
      const value = Buffer.from(Array.from({ length: 900_000 }, (_, index) => (index * index * 31) >>> 7));
      entry.setKey(value, 0, 8);
      entry.setValue(value, 0, value.length);
      for (let count = 0; count < 60 && !packer.hasFailed; count++) {
        packer.add(entry);
        await packer.settle(0);
      }
      expect(packer.hasFailed).toBe(true);
      expect(await packer.finish()).toBeUndefined();
    }
  });

  it('is full while the pool has not given back what it was given, and then no more', async () => {
    const done: (() => void)[] = [];
    const compress = (raw: Buffer): Promise<Buffer> =>
      new Promise((resolve) => done.push(() => resolve(Buffer.from(raw))));
    const packer = new EntryPacker({ spool: new Spool({}), memberSizeBytes: 4096, compress });
    packer.begin();
    for (const entry of entriesOf('a', 2000)) {
      if (packer.isFull) break;
      packer.add(entry);
    }
    expect(packer.isFull).toBe(true);
    const settled = packer.settle();
    for (const resolve of done.splice(0)) resolve();
    await settled;
    expect(packer.isFull).toBe(false);
    packer.dispose();
  });
});
