import { describe, expect, it } from 'vitest';
import {
  applicationStart,
  ENTRY_DELETED,
  flagsOf,
  HEADER_SIZE,
  HeaderError,
  HeaderWriter,
  headerProblem,
  isDeleted,
  nanoOf,
  timestampHiOf,
  timestampLoOf,
  txnIdOf,
} from '../../src/merge/index.ts';

/** HDR-01: timestamp, transaction 123, version 0, flags 1, one extra block 01..08, "test". */
const NANO = 0x1234_5678_9abc_def0n;
const FULL = Buffer.from('123456789abcdef0000000000000007b0001000000000001010203040506070874657374', 'hex');

const at = (value: Buffer): number => applicationStart(value, 0, value.length);

describe('value header (docs/format.md, "Value header")', () => {
  it('HDR-01: every field is where it should be, the value after the extra block', () => {
    expect(FULL).toHaveLength(36);
    expect(FULL.subarray(at(FULL)).toString()).toBe('test');
    expect(nanoOf({ hi: timestampHiOf(FULL, 0), lo: timestampLoOf(FULL, 0) })).toBe(NANO);
    expect(FULL.readBigUInt64BE(8)).toBe(123n);
    expect(txnIdOf(FULL, 0)).toBe(123);
    expect([isDeleted(FULL, 0), flagsOf(FULL, 0)]).toEqual([true, 1]);
  });

  it('HDR-02: shorter than 24 bytes', () => {
    for (const length of [0, 1, 8, 20, 23]) {
      const short = FULL.subarray(0, length);
      expect(at(short)).toBe(-1);
      expect(headerProblem(short, 0, length)).toMatch(/too short to contain a header/);
    }
  });

  it('HDR-03: it ends inside its extra blocks', () => {
    for (const length of [24, 25, 31]) {
      expect(at(FULL.subarray(0, length))).toBe(-1);
      expect(headerProblem(FULL.subarray(0, length), 0, length)).toMatch(/extra header blocks/);
    }
  });

  it('HDR-04: it ends with its extra blocks: an empty value', () => {
    expect(at(FULL.subarray(0, 32))).toBe(32);
  });

  it('HDR-05: another version; the length is looked at first, the version before the extra blocks', () => {
    const other = Buffer.from(FULL);
    other[16] = 1;
    expect(at(other)).toBe(-1);
    expect(headerProblem(other, 0, other.length)).toMatch(/version 1/);
    expect(headerProblem(other, 0, 25)).toMatch(/version 1/);
    expect(headerProblem(other, 0, 20)).toMatch(/too short to contain/);
  });

  it('reads in the middle of a page as well as at its start, and not beyond the end it was given', () => {
    const page = Buffer.concat([Buffer.alloc(7, 0xff), FULL, Buffer.alloc(9, 0xff)]);
    expect(applicationStart(page, 7, 7 + FULL.length)).toBe(7 + 32);
    expect(applicationStart(page, 7, 7 + 30)).toBe(-1);
    expect(timestampHiOf(page, 7)).toBe(0x1234_5678);
    expect(timestampLoOf(page, 7)).toBe(0x9abc_def0);
    expect(txnIdOf(page, 7)).toBe(123);
    expect([isDeleted(page, 7), flagsOf(page, 7)]).toEqual([true, 1]);
    const short = Buffer.concat([Buffer.alloc(30, 0xff), FULL.subarray(0, 24)]);
    expect(headerProblem(short, 30, 54)).toBe('value too short for its extra header blocks');
    expect(headerProblem(short, 30, 53)).toBe('value too short to contain a header (23 bytes)');
    short[30 + 16] = 7;
    expect(headerProblem(short, 30, 54)).toBe('unsupported header version 7, or no header');
  });

  it('65535 extra blocks are no number that overflows', () => {
    const many = Buffer.alloc(HEADER_SIZE + 65_535 * 8 + 1);
    many.writeUInt16BE(65_535, 22);
    expect(at(many)).toBe(many.length - 1);
    expect(at(many.subarray(0, many.length - 2))).toBe(-1);
  });

  it('HDR-08, HDR-15: written with the transaction id, reserved bytes zero, a padding block where asked for', () => {
    const plain = new HeaderWriter(0x1_0000_0007).set(0xffff_ffff, 0x8000_0001, ENTRY_DELETED);
    expect([txnIdOf(plain, 0), timestampHiOf(plain, 0), timestampLoOf(plain, 0)]).toEqual([
      0x1_0000_0007, 0xffff_ffff, 0x8000_0001,
    ]);
    expect(plain.toString('hex')).toBe('ffffffff8000000100000001000000070001000000000000');
    const padded = new HeaderWriter(5, 1).set(0, 258, 0);
    expect(padded.toString('hex')).toBe('0000000000000102000000000000000500000000000000010000000000000000');
    expect(at(padded)).toBe(32);
  });

  it('HDR-11: only the deleted flag is kept of foreign flags', () => {
    const writer = new HeaderWriter(1);
    expect(flagsOf(writer.set(0, 0, 0xfe), 0)).toBe(0);
    expect(flagsOf(writer.set(0, 0, 0x03), 0)).toBe(1);
    expect(writer.set(0, 0, 0xff)[17]).toBe(1);
  });

  it('a bad entry is told with DBI and key', () => {
    const error = new HeaderError('zones', Buffer.from('k1'), 'why');
    expect(error).toMatchObject({ code: 'BAD_HEADER' });
    expect(error.message).toContain('zones');
    expect(error.message).toContain('6b31');
  });
});
