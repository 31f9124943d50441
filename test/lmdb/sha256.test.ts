import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ShortSha256 } from '../../src/lmdb/index.ts';

describe('SHA-256 of a few bytes', () => {
  const sha256 = ShortSha256.load();

  it('is there in the Node that runs this, which exports OpenSSL', () => {
    expect(sha256).toBeDefined();
  });

  it('is the same as that of node:crypto, for every length, one after the other and in any order', () => {
    const bytes = randomBytes(1000);
    const lengths = Array.from({ length: ShortSha256.maxBytes + 1 }, (_, length) => length);
    for (const length of [...lengths, ...lengths.toReversed(), 45, 46, 45, 200, 45, 0]) {
      sha256!.take(bytes, 7, 7 + length);
      const made = Array.from(sha256!.words, (word) => word.toString(16).padStart(8, '0')).join('');
      const wanted = createHash('sha256')
        .update(bytes.subarray(7, 7 + length))
        .digest('hex');
      expect(made, `${length} bytes`).toBe(wanted);
    }
  });

  it('refuses more bytes than it has room for', () => {
    const bytes = Buffer.alloc(ShortSha256.maxBytes + 1);
    expect(() => sha256!.take(bytes, 0, bytes.length)).toThrow(RangeError);
  });
});
