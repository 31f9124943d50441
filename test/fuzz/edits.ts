import fc from 'fast-check';

/** One change of some bytes: what transmission, disks, hands and attackers do to them. */
export interface Edit {
  readonly way: 'flip' | 'set' | 'insert' | 'remove' | 'repeat' | 'cut' | 'splice';
  /** Where, as a part of the length in millionths. */
  readonly at: number;
  /** How much, or which. */
  readonly by: number;
}

/** Bytes at which formats change their mind. */
const EDGES = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x20, 0x22, 0x24, 0x26, 0x2a, 0x2d, 0x2e, 0x2f, 0x3a, 0x5f, 0x7b,
];

/** Some bytes of a corpus, and what is done to them; shrinks to fewer and simpler edits. */
export const edited = (corpus: readonly Uint8Array[], most = 6): fc.Arbitrary<Buffer> =>
  fc
    .record({
      of: fc.nat(corpus.length - 1),
      edits: fc.array(
        fc.record<Edit>({
          way: fc.constantFrom('flip', 'flip', 'set', 'set', 'insert', 'remove', 'repeat', 'cut', 'splice'),
          at: fc.nat(1_000_000),
          by: fc.nat(0xffff),
        }),
        { minLength: 1, maxLength: most },
      ),
    })
    .map(
      ({ of, edits }): Buffer =>
        edits.reduce<Buffer>((bytes, edit) => apply(bytes, edit, corpus), Buffer.from(corpus[of]!)),
    );

function apply(bytes: Buffer, { way, at: part, by }: Edit, corpus: readonly Uint8Array[]): Buffer {
  const at = Math.floor((part * bytes.length) / 1_000_001);
  const before = bytes.subarray(0, at);
  const length = 1 + (by % 9);
  switch (way) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at]! ^= 1 << (by & 7);
      return copy;
    }
    case 'set': {
      const copy = Buffer.from(bytes);
      copy.fill(EDGES[by % EDGES.length]!, at, Math.min(copy.length, at + 1 + ((by >> 8) & 3)));
      return copy;
    }
    case 'insert':
      return Buffer.concat([before, Buffer.alloc(length, EDGES[(by >> 4) % EDGES.length]), bytes.subarray(at)]);
    case 'remove':
      return Buffer.concat([before, bytes.subarray(at + length)]);
    case 'repeat': {
      const piece = bytes.subarray(at, at + 4 * length);
      return Buffer.concat([before, ...Array<Buffer>(1 + ((by >> 8) & 15)).fill(piece), bytes.subarray(at)]);
    }
    case 'cut':
      return Buffer.from(before);
    case 'splice': {
      const other = corpus[by % corpus.length]!;
      return Buffer.concat([before, other.subarray(Math.floor((part * other.length) / 1_000_001))]);
    }
  }
}
