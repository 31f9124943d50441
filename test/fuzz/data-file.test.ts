import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CorruptPageError, CustomOrderError, UnknownFormatError } from '../../src/btree/index.ts';
import { dataFile, PAGE, readEverything } from '../btree/damaged-file.ts';
import { seeded } from '../support/seeded.ts';
import { temporaryFolder } from '../support/temporary.ts';

/**
 * The page reader on data files that no LMDB would make (I7): it may refuse, and never reads outside of the map (which would end the
 * process) or without end.
 */
type Damage =
  | { way: 'byte'; page: number; at: number; value: number }
  | { way: 'word'; page: number; at: number; value: number }
  | { way: 'bit'; page: number; at: number; value: number }
  | { way: 'copy'; page: number; at: number; value: number }
  | { way: 'cut'; page: number; at: number; value: number };

/** Numbers at which page headers and entry tables change their meaning. */
const EDGES = [0, 1, 2, 0xffff, 0x8000, 15, 16, 17, PAGE - 1, PAGE, PAGE + 1, 0x22, 0x42, 0x62, 0x7fff];
const NUMBERS = fc.oneof(fc.constantFrom(...EDGES), fc.nat(0xffff));
/** Of liblmdb 0.9 on 64 bits: where a meta page has its transaction, and where it ends. */
const META_TXN_ID = 144;
const META_BYTES = 152;
/** Mostly what is before the nodes: number, flags, bounds, table. */
const PLACES = fc.oneof(fc.nat(19), fc.nat(140), fc.nat(PAGE - 2));

const damage = (way: Damage['way'], weight: number): fc.WeightedArbitrary<Damage> => ({
  weight,
  arbitrary: fc.record({ way: fc.constant(way), page: fc.nat(0xffff), at: PLACES, value: NUMBERS }),
});
const damages = fc.array(
  fc.oneof(damage('byte', 6), damage('word', 6), damage('bit', 6), damage('copy', 3), damage('cut', 1)),
  { minLength: 1, maxLength: 10 },
);

function apply(bytes: Buffer, { way, page: which, at, value }: Damage): Buffer {
  const pages = Math.floor(bytes.length / PAGE);
  if (pages === 0) return bytes;
  const start = (which % pages) * PAGE;
  switch (way) {
    case 'byte':
      bytes[start + at] = value & 0xff;
      return bytes;
    case 'word':
      bytes.writeUInt16LE(value, start + (at & ~1));
      return bytes;
    case 'bit':
      bytes[start + at]! ^= 1 << (value & 7);
      return bytes;
    case 'copy': {
      // One page over another, which keeps its number.
      const source = (value % pages) * PAGE;
      bytes.copy(bytes, start + 8, source + 8, source + PAGE);
      return bytes;
    }
    case 'cut':
      return bytes.subarray(0, start + (value % 3 === 0 ? at : 0));
  }
}

/** One file that is written anew for each damage. */
class Patient {
  readonly #fd = openSync(join(temporaryFolder(), 'damaged.mdb'), 'w+');
  refused = 0;
  seen = 0;

  constructor() {
    onTestFinished(() => closeSync(this.#fd));
  }

  /** @throws what is neither content nor a typed refusal */
  read(bytes: Buffer): void {
    ftruncateSync(this.#fd, 0);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done, done);
    try {
      const seen = readEverything(this.#fd);
      this.seen += seen;
      // Each of the eight trees is read four times, and no byte is part of more than one entry of a tree.
      if (seen > 4 * 16 * bytes.length) throw new Error(`${seen} entries in ${bytes.length} bytes`);
    } catch (error) {
      const kinds = [CorruptPageError, CustomOrderError, UnknownFormatError];
      if (!kinds.some((kind) => error instanceof kind)) throw error;
      this.refused++;
    }
  }
}

describe('a damaged data file (I7)', () => {
  it('at worst is refused: random damages', () => {
    const data = dataFile('small');
    const patient = new Patient();
    fc.assert(
      fc.property(damages, (list) => patient.read(list.reduce<Buffer>(apply, Buffer.from(data)))),
      seeded(2_500),
    );
    expect(patient.refused).toBeGreaterThan(0);
    expect(patient.seen).toBeGreaterThan(0);
  }, 240_000);

  it('every bit of the newer meta page, and every length of the file in steps of half a page', () => {
    const data = dataFile('small');
    const patient = new Patient();
    // The newer one; the other is the past of this file.
    const page = data.readBigUInt64LE(META_TXN_ID) > data.readBigUInt64LE(PAGE + META_TXN_ID) ? 0 : PAGE;
    for (let bit = 0; bit < META_BYTES * 8; bit++) {
      const bytes = Buffer.from(data);
      bytes[page + (bit >> 3)]! ^= 1 << (bit & 7);
      patient.read(bytes);
    }
    for (let length = 0; length < data.length; length += PAGE / 2) patient.read(data.subarray(0, length));
    expect(patient.refused).toBeGreaterThan(100);
  }, 240_000);
});
