import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryPolicy } from '../../src/storage/index.ts';

const policy = (attempts: number, forever = false): RetryPolicy =>
  new RetryPolicy({ attempts, intervalMs: 1_000, forever }, () => 0.5);

describe('retry policy', () => {
  it('waits 80 to 120 % of the interval', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
        const retry = new RetryPolicy({ attempts: 100, intervalMs: 5_000, forever: false }, () => random);
        const delay = retry.nextDelayMs(failures)!;
        expect(delay).toBeGreaterThanOrEqual(4_000);
        expect(delay).toBeLessThanOrEqual(6_000);
      }),
    );
  });

  it('gives up after its attempts, or never', () => {
    expect(policy(3).nextDelayMs(2)).toBe(1_000);
    expect(policy(3).nextDelayMs(3)).toBeUndefined();
    expect(policy(1).nextDelayMs(1)).toBeUndefined();
    expect(policy(1, true).nextDelayMs(1_000_000)).toBe(1_000);
  });
});
