import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayAscii } from '../../src/cli/display-ascii.ts';
import { NOW_MS } from './harness.ts';

const show = (bytes: Buffer | string): string => displayAscii(Buffer.from(bytes as string), NOW_MS);

function timestamp(nano: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(nano);
  return bytes;
}

const nanoOf = (...date: [number, number, number]): bigint => BigInt(Date.UTC(...date)) * 1_000_000n;

describe('displayAscii', () => {
  // docs/reference-behaviour.md, "Command line"
  it.each([
    ['', ' []'],
    ['abc', 'abc [61 62 63]'],
    ['abc\ndef', 'abc.def [61 62 63 0a 64 65 66]'],
    ['a long and safe text', 'a long and safe text'],
  ])('%j', (text, shown) => expect(show(text)).toBe(shown));

  it('shows text alone from nine bytes on', () => {
    expect(show('12345678')).toBe('12345678 [31 32 33 34 35 36 37 38]');
    expect(show('123456789')).toBe('123456789');
  });

  it('takes 32 and 126 for text, and 31 and 127 not', () => {
    expect(show(Buffer.from([...Buffer.from('12345678'), 32, 126]))).toBe('12345678 ~');
    expect(show(Buffer.from([31, 127]))).toBe('.. [1f 7f]');
  });

  it('shows the time in front of a value', () => {
    const time = nanoOf(2024, 1, 29);
    expect(show(timestamp(time))).toMatch(/ \(2024-02-29T00:00:00Z\)$/);
    expect(show(Buffer.concat([timestamp(time + 120n), Buffer.from('x')]))).toMatch(
      / 78\] \(2024-02-29T00:00:00\.00000012Z\)$/,
    );
  });

  it('takes eight bytes for a time after 2022 began and less than 30 days ahead', () => {
    const ahead = BigInt(NOW_MS + 30 * 86_400_000) * 1_000_000n;
    expect(show(timestamp(nanoOf(2022, 0, 1)))).not.toContain('(');
    expect(show(timestamp(nanoOf(2022, 0, 1) + 1n))).toContain('(2022-01-01T00:00:00.000000001Z)');
    expect(show(timestamp(ahead))).not.toContain('(');
    expect(show(timestamp(ahead - 1n))).toContain('(2026-12-23T11:59:59.999999999Z)');
    expect(show(timestamp(-1n))).not.toContain('(');
  });

  it('never lets a control character through, and loses no byte where it shows hex', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const shown = show(Buffer.from(bytes));
        expect(shown).toMatch(/^[\x20-\x7e]*$/);
        const text = shown.slice(0, bytes.length);
        const hex = / \[([0-9a-f ]*)\]/.exec(shown.slice(bytes.length))?.[1];
        const kept = hex === undefined ? Buffer.from(text) : Buffer.from(hex.replaceAll(' ', ''), 'hex');
        expect([...kept]).toEqual([...bytes]);
      }),
    );
  });
});
