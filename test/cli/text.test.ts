import { describe, expect, it, vi } from 'vitest';

// Before anything asks for the time zone.
vi.hoisted(() => {
  process.env.TZ = 'Europe/Berlin';
});

const { formatSize } = await import('../../src/cli/size-text.ts');
const { formatAge, formatLocalTime, formatRfc3339Nano } = await import('../../src/cli/time-text.ts');

const SECOND = 1_000_000_000n;
const nanoOf = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;

describe('formatLocalTime', () => {
  it.each([
    ['2026-11-23T12:00:00Z', 0n, '2026-11-23 13:00:00 +0100 CET'],
    ['2026-07-23T23:30:00Z', 500_000_000n, '2026-07-24 01:30:00.5 +0200 CEST'],
    ['2026-07-23T23:30:00Z', 1n, '2026-07-24 01:30:00.000000001 +0200 CEST'],
  ])('%s and %d ns is %s', (text, more, shown) => expect(formatLocalTime(nanoOf(text) + more)).toBe(shown));

  it('shows times before 1970, which is where timestamps from 2^63 on end up', () => {
    expect(formatLocalTime(-1n)).toBe('1970-01-01 00:59:59.999999999 +0100 CET');
    expect(formatRfc3339Nano(BigInt.asIntN(64, 1n << 63n))).toBe('1677-09-21T00:12:43.145224192Z');
  });
});

describe('formatAge', () => {
  const now = nanoOf('2026-11-23T12:00:00Z');
  const nowMs = Number(now / 1_000_000n);
  it.each([
    [0n, '0s'],
    [SECOND / 2n, '1s'],
    [SECOND / 2n - 1n, '0s'],
    [90n * SECOND, '1m30s'],
    [26n * 3600n * SECOND, '26h0m0s'],
    [-5n * SECOND, '-5s'],
    [now - 1n, '498732h0m0s'],
    [now + (1n << 62n) * 2n, '2562047h47m16.854775807s'],
  ])('%d ns ago is %s', (age, shown) => expect(formatAge(now - age, nowMs)).toBe(shown));
});

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [1024, '1024 B'],
    [1025, '1.0 KB'],
    [4096, '4.0 KB'],
    [10 * 2 ** 20, '10.0 MB'],
    [2 ** 30, '1024.0 MB'],
    [1.5 * 2 ** 30, '1.5 GB'],
    [3 * 2 ** 40, '3.0 TB'],
  ])('%d is %s', (sizeBytes, shown) => expect(formatSize(sizeBytes)).toBe(shown));
});
