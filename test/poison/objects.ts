import { gzipSync } from 'node:zlib';
import type { PlainDbi } from '../snapshot/support.ts';
import { dbiOf, type ObjectEntry, objectOf } from '../support/objects/objects.ts';

/** How an instance keeps its database. */
export type Mode = 'native' | 'shadow' | 'dupsort';

const NANO = 1_700_000_000_000_000_000n;
const DUPSORT = 0x04;
const HACK = 'dupsort_hack_v1';

const entry: ObjectEntry = { key: 'k', value: 'v', nano: NANO };
const long: ObjectEntry = { ...entry, key: Buffer.alloc(600, 'k') };
const raw = (hex: string): Buffer => gzipSync(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** The shadow key of a pair, as docs/format.md has it. */
const dupKey = (key: string, value: string): Buffer =>
  Buffer.concat([Buffer.from(`${key}\0\0\0\0${value}`), Buffer.from([key.length])]);

/** Bytes that are no snapshot at all, or not a whole one. */
function damaged(): Record<string, Buffer> {
  const good = objectOf([dbiOf('d', [{ ...entry, value: 'x'.repeat(400) }])]);
  const with_ = (change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  return {
    'no gzip': Buffer.from('this is no gzip'),
    'no bytes at all': Buffer.alloc(0),
    'gzip cut short': good.subarray(0, -9),
    'only the header of gzip': good.subarray(0, 10),
    'a wrong checksum': with_((copy) => copy.writeUInt32LE(copy.readUInt32LE(copy.length - 8) ^ 1, copy.length - 8)),
    'a wrong length': with_((copy) => copy.writeUInt32LE(1, copy.length - 4)),
    'a flipped bit': with_((copy) => copy.writeUInt8(copy[copy.length - 12]! ^ 0x10, copy.length - 12)),
    'zero bytes behind': Buffer.concat([good, Buffer.alloc(512)]),
    'something else behind': Buffer.concat([good, Buffer.from('<html>')]),
    'half of a second member': Buffer.concat([good, good.subarray(0, 15)]),
    'an error page': gzipSync('<html><body>503 Service Unavailable</body></html>'),
    'a tag of 0': raw('00 01'),
    'a group': raw('2b'),
    'a varint of eleven bytes': raw(`28 ${'ff'.repeat(9)} ff 01`),
    'a field of another type': raw('0a 01 03'),
    'a version beyond 32 bits': raw('08 80 80 80 80 10'),
    'a DBI of 2^63 bytes': raw('1a 80 80 80 80 80 80 80 80 80 01'),
    'an entry longer than its DBI': raw('1a 05 0a 01 64 12 05'),
    'a key longer than its entry': raw('1a 08 0a 01 64 12 03 0a 05 6b'),
    'an end inside of an entry': raw('08 03 20 01 1a 0b 0a 01 64 12 06 0a 01'),
    'an entry of nothing': raw('08 03 20 01 1a 05 0a 01 64 12 00'),
    'a host name that is no UTF-8': raw('12 03 1a 01 ff'),
  };
}

/** Well-formed, and over a limit or of a kind that nobody may write. */
function refused(): Record<string, Buffer> {
  const one: PlainDbi = dbiOf('d', [entry]);
  return {
    'a version too new': objectOf([one], { compatVersion: 4 }),
    'the newest version there can be': objectOf([one], { compatVersion: 0xffff_ffff }),
    'no format version': objectOf([one], { formatVersion: 0 }),
    'a transform nobody knows': objectOf([dbiOf('n', [entry], 0, 'rot13')]),
    'a transform as long as a book': objectOf([dbiOf('n', [entry], 0, 'x'.repeat(8192))]),
    'dupsort without its transform': objectOf([dbiOf('n', [entry], DUPSORT)]),
    'the transform without dupsort': objectOf([dbiOf('n', [entry], 0, HACK)]),
    'duplicates of one size without duplicates': objectOf([dbiOf('n', [entry], 0x10)]),
    'a key too long': objectOf([dbiOf('d', [{ ...entry, key: Buffer.alloc(512, 'k') }])]),
    'an empty key': objectOf([dbiOf('d', [{ ...entry, key: '' }])]),
    'a good entry before a bad one': objectOf([dbiOf('d', [entry, long])]),
    'a good DBI before a bad one': objectOf([one, dbiOf('n', [long])]),
    'a DBI without name': objectOf([dbiOf('', [entry])]),
    'a DBI with a NUL in its name': objectOf([dbiOf('d\0x', [entry])]),
    'a DBI whose name is too long': objectOf([dbiOf('n'.repeat(512), [entry])]),
    'integer keys of odd sizes': objectOf([dbiOf('i', [{ ...entry, key: 'abc' }], 0x08)]),
    'integer keys of two sizes': objectOf([
      dbiOf('i', [{ ...entry, key: 'abcd' }, { ...entry, key: 'abcdefgh' }], 0x08), // biome-ignore format: one line
    ]),
    'more DBIs than anybody has': gzipSync(
      Buffer.concat([Buffer.from('08032001', 'hex'), Buffer.from('1a030a0164'.repeat(65_537), 'hex')]),
    ),
    'a Meta of 2 GiB': raw('12 80 80 80 80 08'),
    'an unknown field of 2^40 bytes': raw('2a 80 80 80 80 80 20'),
    'an entry of more than 2 GiB': raw('08 03 20 01 1a 80 80 80 80 10 0a 01 64 12 80 80 80 80 0c'),
    'more than max_decompressed_size': gzipSync(
      Buffer.concat([Buffer.from('2a80808008', 'hex'), Buffer.alloc(16 * 2 ** 20)]),
    ),
  };
}

/** What only an instance of that mode does not take. */
const OF_MODE: Record<Mode, () => Record<string, Buffer>> = {
  native: () => ({
    'dupsort in an old format': objectOf([dbiOf('n', [entry], DUPSORT)], { formatVersion: 2 }),
    'dupsort with its transform': objectOf([dbiOf('n', [entry], DUPSORT, HACK)]),
  }),
  shadow: () => ({
    'a DBI whose shadow’s name is too long': objectOf([dbiOf('n'.repeat(505), [entry])]),
    'an old format that cannot create': objectOf([dbiOf('n', [entry])], { formatVersion: 2 }),
    'dupsort where it is off': objectOf([dbiOf('n', [entry], DUPSORT, HACK)]),
    'dupsort there, plain here': objectOf([dbiOf('d', [entry], DUPSORT, HACK)]),
  }),
  dupsort: () => {
    const dup = (key: Buffer, value: string): ObjectEntry => ({ key, value, nano: NANO });
    const of = (flags: number, ...entries: ObjectEntry[]): Buffer => objectOf([dbiOf('n', entries, flags, HACK)]);
    return {
      'a key that is none of dupsort_hack': of(DUPSORT, entry),
      'a key whose length is a lie': of(DUPSORT, dup(Buffer.from('k\0\0\0\0v\x63'), 'v')),
      'the key of another value': of(DUPSORT, dup(dupKey('k', 'w'), 'v')),
      'a duplicate too long': of(DUPSORT, dup(dupKey('k', 'v'.repeat(505)), 'v'.repeat(600))),
      'fixed duplicates of two sizes': of(DUPSORT | 0x10, dup(dupKey('k', 'v'), 'v'), dup(dupKey('k', 'vv'), 'vv')),
      'dupsort there, plain here': objectOf([dbiOf('d', [dup(dupKey('k', 'v'), 'v')], DUPSORT, HACK)]),
      'plain there, dupsort here': objectOf([dbiOf('m', [entry])]),
    };
  },
};

/** Forty and more objects that an instance of that mode must refuse. */
export function poisonOf(mode: Mode): [what: string, object: Buffer][] {
  return Object.entries({ ...damaged(), ...refused(), ...OF_MODE[mode]() });
}
