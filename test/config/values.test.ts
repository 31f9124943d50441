import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatByteSize,
  formatDbiFlags,
  formatGoDuration,
  parseByteSize,
  parseDbiFlags,
  parseGoDuration,
  parseListenAddress,
} from '../../src/config/index.ts';

describe('Go durations', () => {
  it.each([
    ['0', 0],
    ['-0', 0],
    ['0s', 0],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1.s', 1000],
    ['100ms', 100],
    ['-1s', -1000],
    ['+1s', 1000],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['1ns', 0.000001],
    ['2s1h', 3_602_000],
    ['168h', 604_800_000],
  ])('reads %s', (text, ms) => {
    expect(parseGoDuration(text)).toBe(ms);
  });

  it.each(['', '-', '5', 'soon', '1d', '1h 30m', '1.2.3s', '.s', 's', '1S', '--1s', '3000000h', '1e3s'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseGoDuration(text)).toThrow(RangeError);
    },
  );

  it.each([
    [0, '0s'],
    [0.000001, '1ns'],
    [0.0015, '1.5µs'],
    [100, '100ms'],
    [1500, '1.5s'],
    [60_000, '1m0s'],
    [14_400_000, '4h0m0s'],
    [5_400_500, '1h30m0.5s'],
    [-1000, '-1s'],
    [604_800_000, '168h0m0s'],
  ])('prints %d ms as Go does', (ms, text) => {
    expect(formatGoDuration(ms)).toBe(text);
  });

  it('reads what it prints, to the nanosecond', () => {
    const nano = fc.oneof(fc.integer({ min: -3_000_000_000, max: 3_000_000_000 }), fc.maxSafeInteger());
    fc.assert(
      fc.property(nano, (durationNano) => {
        const text = formatGoDuration(durationNano / 1e6);
        expect(formatGoDuration(parseGoDuration(text))).toBe(text);
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['7', 7],
    ['7b', 7],
    ['7 byte', 7],
    ['1k', 1024],
    ['1KB', 1024],
    ['2 kilobytes', 2048],
    ['64MB', 64 * 2 ** 20],
    ['64mb', 64 * 2 ** 20],
    ['1g', 2 ** 30],
    ['3tb', 3 * 2 ** 40],
    ['1PB', 2 ** 50],
  ])('reads %s', (text, sizeBytes) => {
    expect(parseByteSize(text)).toBe(sizeBytes);
  });

  it.each(['', 'GB', '1GiB', '1.5GB', '0x10', '1_000', '1e3', '-1', '10Mb', '1Gb', '1EB', '99999999999999999', '1 x'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseByteSize(text)).toThrow(RangeError);
    },
  );

  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [2 ** 30, '1GB'],
    [64 * 2 ** 30, '64GB'],
    [10 * 2 ** 20, '10MB'],
    [2 ** 40, '1TB'],
  ])('prints %d', (sizeBytes, text) => {
    expect(formatByteSize(sizeBytes)).toBe(text);
  });

  it('reads what it prints', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat({ max: 20 }), (value, shift) => {
        const sizeBytes = Math.floor(value / 2 ** shift);
        expect(parseByteSize(formatByteSize(sizeBytes))).toBe(sizeBytes);
      }),
    );
  });
});

describe('DBI flags', () => {
  it.each([
    ['', 0],
    [' ', 0],
    ['iNtEgErkEY', 8],
    ['MDB_DUPSORT|MDB_DUPFIXED', 0x14],
    ['dupsort, dupfixed', 0x14],
    ['reversekey+reversedup', 0x42],
    ['\tdupsort\n', 4],
    ['MDB_INTEGERDUP|0x20', 0x20],
    ['4', 4],
    ['126', 0x7e],
  ])('reads "%s" (FLG-03..05)', (text, flags) => {
    expect(parseDbiFlags(text)).toBe(flags);
  });

  it.each([
    ['1', '1'],
    ['0x1000', '0X1000'],
    ['-1', '-1'],
    ['foo', 'FOO'],
    ['MDB_CREATE', 'MDB_CREATE'],
    ['dupsort|0x40000', '0X40000'],
    ['toString', 'TOSTRING'],
    ['4.0', '4.0'],
  ])('refuses %s, and names the part (FLG-06)', (text, part) => {
    expect(() => parseDbiFlags(text)).toThrow(`${part} is not a persistent DBI flag`);
  });

  it.each([
    [0, ''],
    [4, 'MDB_DUPSORT'],
    [0x1000, 'UNKNOWN:0x1000'],
    [0xffff, 'MDB_REVERSEKEY|MDB_DUPSORT|MDB_INTEGERKEY|MDB_DUPFIXED|MDB_INTEGERDUP|MDB_REVERSEDUP|UNKNOWN:0xff81'],
  ])('prints %d (FLG-01)', (flags, text) => {
    expect(formatDbiFlags(flags)).toBe(text);
  });

  it('reads what it prints, for every combination', () => {
    for (let flags = 0; flags <= 0x7e; flags += 2) expect(parseDbiFlags(formatDbiFlags(flags))).toBe(flags);
  });
});

describe('listen addresses', () => {
  it.each([
    [':8500', undefined, 8500],
    ['localhost:8500', 'localhost', 8500],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:8500', '::1', 8500],
    ['[]:1', undefined, 1],
  ])('reads %s', (address, host, port) => {
    expect(parseListenAddress(address)).toEqual({ host, port });
  });

  it.each(['8500', 'nonsense', '::1:8500', 'a:', 'a:http', 'a:65536', 'a:-1', '[::1]', 'a:b:1', '[::1]x:1'])(
    'refuses %s',
    (address) => {
      expect(() => parseListenAddress(address)).toThrow(RangeError);
    },
  );
});
