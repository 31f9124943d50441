import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ShortSha256 } from '../../src/lmdb/index.ts';
import { DIGEST_BYTES, digestOf } from '../../src/shadow/store/digest.ts';

it('is the first half of SHA-256, whichever way it is made', () => {
  const bytes = randomBytes(5000);
  for (const length of [0, 17, 45, ShortSha256.maxBytes, ShortSha256.maxBytes + 1, 1024, 4096]) {
    const wanted = createHash('sha256')
      .update(bytes.subarray(3, 3 + length))
      .digest('hex');
    expect(digestOf(bytes, 3, 3 + length).toString('hex'), `${length} bytes`).toBe(wanted.slice(0, 2 * DIGEST_BYTES));
  }
});
