import { describe, expect, it } from 'vitest';
import { BadValueSizeError, DbiFlag, type Environment, PutFlag } from '../../src/lmdb/index.ts';
import { bytes, lmdbPath, openEnvironment, pairsOf, startApplication } from './environments.ts';

const { reverseKey, dupSort, integerKey, dupFixed, integerDup, reverseDup } = DbiFlag;

const u32 = (number: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(number);
  return buffer;
};
const u64 = (number: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(number));
  return buffer;
};

const numbers = [0, 1, 2, 255, 256, 257, 65_536, 2 ** 31];
const texts = ['a', 'ab', 'b', 'ba', 'x', 'x\0', 'zz'];
const pair = (key: Buffer, value: Buffer): [Buffer, Buffer] => [key, value];
const each = (keys: Buffer[], values: Buffer[]) => keys.flatMap((key) => values.map((value) => pair(key, value)));

/** Every kind of DBI with pairs that its order puts otherwise than insertion or byte order would. */
const KINDS: { kind: string; flags: number; pairs: [Buffer, Buffer][] }[] = [
  { kind: 'plain', flags: 0, pairs: texts.map((text) => pair(bytes(text), bytes(`v${text}`))) },
  { kind: 'REVERSEKEY', flags: reverseKey, pairs: texts.map((text) => pair(bytes(text), bytes(text))) },
  { kind: 'INTEGERKEY 4', flags: integerKey, pairs: numbers.map((number) => pair(u32(number), u32(number))) },
  { kind: 'INTEGERKEY 8', flags: integerKey, pairs: numbers.map((number) => pair(u64(number), u64(number))) },
  { kind: 'DUPSORT', flags: dupSort, pairs: each([bytes('k'), bytes('l')], texts.map(bytes)) },
  { kind: 'DUPSORT|DUPFIXED', flags: dupSort | dupFixed, pairs: each([bytes('k')], numbers.map(u32)) },
  {
    kind: 'DUPSORT|DUPFIXED|INTEGERDUP',
    flags: dupSort | dupFixed | integerDup,
    pairs: each([bytes('k'), bytes('l')], numbers.map(u32)),
  },
  { kind: 'DUPSORT|REVERSEDUP', flags: dupSort | reverseDup, pairs: each([bytes('k')], texts.map(bytes)) },
  { kind: 'DUPSORT|INTEGERKEY', flags: dupSort | integerKey, pairs: each(numbers.map(u64), [bytes('1'), bytes('2')]) },
];

const hex = (pairs: [Buffer, Buffer][]): string[] =>
  pairs.map(([key, value]) => `${key.toString('hex')}=${value.toString('hex')}`);

function scan(env: Environment): string[] {
  return env.read((transaction) => {
    const cursor = transaction.cursor(transaction.openDbi('d')!);
    const pairs: [Buffer, Buffer][] = [];
    while (cursor.next()) pairs.push([cursor.key(), cursor.value()]);
    return hex(pairs);
  });
}

describe.each(KINDS)('a $kind DBI', ({ flags, pairs }) => {
  it('keeps its flags; a second implementation sees the same pairs in the same order', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('d', flags);
      for (const [key, value] of [...pairs].reverse()) transaction.put(dbi, key, value);
    });
    env.read((transaction) => {
      const dbi = transaction.openDbi('d')!;
      expect(transaction.dbiFlags(dbi)).toBe(flags);
      expect(transaction.stat(dbi).entries).toBe(pairs.length);
    });
    const application = await startApplication(path);
    expect(await application.dbis()).toEqual({ d: flags & ~reverseDup });
    const seen = (await application.scan('d')).map(([key, value]) => `${key}=${value}`);
    expect(scan(env)).toEqual(seen);
    expect([...seen].sort()).toEqual(hex(pairs).sort());
  });

  it('finds keys and pairs, deletes a pair and a key with all its duplicates', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('d', flags);
      for (const [key, value] of pairs) transaction.put(dbi, key, value);
      const [key, value] = pairs.at(-1)!;
      const cursor = transaction.cursor(dbi);
      expect(cursor.find(key)).toBe(true);
      expect(cursor.key().equals(key)).toBe(true);
      expect(cursor.seek(key)).toBe(true);
      expect(cursor.key().equals(key)).toBe(true);
      if (flags & dupSort) {
        expect(cursor.findPair(key, value)).toBe(true);
        expect(cursor.value().equals(value)).toBe(true);
        expect(transaction.delete(dbi, key, value)).toBe(true);
        expect(cursor.findPair(key, value)).toBe(false);
      }
      expect(transaction.delete(dbi, key)).toBe(true);
      expect(cursor.find(key)).toBe(false);
    });
    const gone = pairs.at(-1)![0];
    expect(scan(env).sort()).toEqual(hex(pairs.filter(([key]) => !key.equals(gone))).sort());
  });

  it('takes its own order by APPEND, and refuses a step back', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('d', flags);
      for (const [key, value] of pairs) transaction.put(dbi, key, value);
    });
    const ordered = scan(env).map(
      (line) => line.split('=').map((part) => Buffer.from(part, 'hex')) as [Buffer, Buffer],
    );
    const append = flags & dupSort ? PutFlag.appendDup : PutFlag.append;
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('e', flags);
      const cursor = transaction.cursor(dbi);
      for (const [key, value] of ordered) {
        expect(cursor.put(key, 0, key.length, undefined, value, 0, value.length, append)).toBe(true);
      }
      const [first, value] = ordered[0]!;
      expect(cursor.put(first, 0, first.length, undefined, value, 0, value.length, append)).toBe(false);
      expect(transaction.stat(dbi).entries).toBe(pairs.length);
    });
  });
});

describe('an empty duplicate', () => {
  // What every user of DUPSORT must know: liblmdb keeps one only as the single value of its key.
  it('stays alone, is lost without a word when another is added, and is refused beside another', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('d', dupSort);
      for (const key of ['alone', 'first']) transaction.put(dbi, bytes(key), bytes(''));
      transaction.put(dbi, bytes('first'), bytes('x'));
      transaction.put(dbi, bytes('second'), bytes('x'));
      expect(() => transaction.put(dbi, bytes('second'), bytes(''))).toThrow(BadValueSizeError);
    });
    expect(pairsOf(env, 'd')).toEqual([
      ['alone', ''],
      ['first', 'x'],
      ['second', 'x'],
    ]);
  });
});

describe('a cursor', () => {
  it('walks to the end and stays there; on an empty DBI it finds nothing', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      transaction.put(transaction.openOrCreateDbi('a', 0), bytes('k'), bytes('v'));
      transaction.openOrCreateDbi('empty', 0);
    });
    env.read((transaction) => {
      const cursor = transaction.cursor(transaction.openDbi('a')!);
      expect([cursor.next(), cursor.next(), cursor.next()]).toEqual([true, false, false]);
      const nothing = transaction.cursor(transaction.openDbi('empty')!);
      expect([nothing.next(), nothing.seek(bytes('a')), nothing.find(bytes('a'))]).toEqual([false, false, false]);
    });
  });

  it('seeks to the first key at or after; a key longer than any is placed by its beginning', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (const key of ['b', 'd', 'x']) transaction.put(dbi, bytes(key), bytes(key));
      // Leaves other bytes where a key goes on its way to liblmdb.
      transaction.get(dbi, Buffer.alloc(511, 'a'));
      const cursor = transaction.cursor(dbi);
      const seek = (key: Buffer) => (cursor.seek(key) ? cursor.key().toString() : undefined);
      expect(['a', 'b', 'c', 'x', 'y'].map((key) => seek(bytes(key)))).toEqual(['b', 'b', 'd', 'x', undefined]);
      expect(seek(Buffer.alloc(2000, 'c'))).toBe('d');
      expect(cursor.next()).toBe(true);
      expect(cursor.key().toString()).toBe('x');
    });
  });

  it('puts header and value as one, from parts of larger buffers, also over 64 KiB', () => {
    const env = openEnvironment();
    const header = Buffer.alloc(24, 'h');
    const large = Buffer.alloc(200_000, 'L');
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      const cursor = transaction.cursor(dbi);
      cursor.put(bytes('<key>'), 1, 4, header, bytes('<value>'), 1, 6);
      cursor.put(bytes('large'), 0, 5, header, large, 10, 150_010);
      cursor.put(bytes('marker'), 0, 6, header, large, 0, 0);
      cursor.put(bytes('plain'), 0, 5, undefined, large, 1, 199_999);
      expect(cursor.put(bytes('key'), 0, 3, header, large, 0, 1, PutFlag.noOverwrite)).toBe(false);
    });
    const values = Object.fromEntries(pairsOf(env, 'a'));
    expect(values.key).toBe(`${header}value`);
    expect(values.large === `${header}${'L'.repeat(150_000)}`).toBe(true);
    expect(values.marker).toBe(`${header}`);
    expect(values.plain === 'L'.repeat(199_998)).toBe(true);
  });

  it('gives bytes of its own: they stay when the cursor moves on', () => {
    const env = openEnvironment();
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (const key of ['a', 'b']) transaction.put(dbi, bytes(key), bytes(`value ${key}`));
      const cursor = transaction.cursor(dbi);
      cursor.next();
      const [key, value] = [cursor.key(), cursor.value()];
      cursor.next();
      expect([key.toString(), value.toString()]).toEqual(['a', 'value a']);
    });
  });

  it('grows its buffer for large values and reads them whole', () => {
    const env = openEnvironment(lmdbPath(), { mapSizeBytes: 16 * 2 ** 20 });
    const sizes = [0, 4095, 4096, 4097, 100_000, 3_000_000, 1];
    env.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (const [index, size] of sizes.entries())
        transaction.put(dbi, bytes(`${index}`), Buffer.alloc(size, index + 1));
    });
    env.read((transaction) => {
      const cursor = transaction.cursor(transaction.openDbi('a')!);
      for (const [index, size] of sizes.entries()) {
        expect(cursor.next()).toBe(true);
        expect(cursor.value().equals(Buffer.alloc(size, index + 1))).toBe(true);
      }
    });
  });
});
