import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryPolicy, retrying, StorageError } from '../../src/storage/index.ts';
import { failureOf } from './support.ts';

const failing = (retryable: boolean): StorageError => new StorageError('no', { operation: 'list', retryable });
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

describe('retrying', () => {
  let calls = 0;
  const counted = (error: Error) => async (): Promise<never> => {
    calls++;
    throw error;
  };

  it('calls until it succeeds, and reports each failure', async () => {
    const seen: unknown[] = [];
    const slept: number[] = [];
    const result = await retrying(async (attempt) => (attempt < 3 ? Promise.reject(failing(true)) : attempt), {
      policy: policy(5),
      sleep: async (ms) => slept.push(ms),
      onRetry: (_, failures, delayMs) => seen.push([failures, delayMs]),
    });
    expect(result).toBe(3);
    expect(slept).toEqual([1_000, 1_000]);
    expect(seen).toEqual([
      [1, 1_000],
      [2, 1_000],
    ]);
  });

  it('throws the last error when the policy gives up', async () => {
    calls = 0;
    const error = failing(true);
    const run = retrying(counted(error), { policy: policy(4), sleep: async () => {} });
    expect(await failureOf(run)).toBe(error);
    expect(calls).toBe(4);
  });

  it.each([failing(false), new TypeError('a mistake')])('does not repeat what cannot succeed: %s', async (error) => {
    calls = 0;
    const run = retrying(counted(error), { policy: policy(4), sleep: async () => {} });
    expect(await failureOf(run)).toBe(error);
    expect(calls).toBe(1);
  });

  it('leaves the decision to giveUp when there is one', async () => {
    calls = 0;
    const run = retrying(counted(failing(false)), {
      policy: policy(3),
      giveUp: () => false,
      sleep: async () => {},
    });
    await failureOf(run);
    expect(calls).toBe(3);
  });

  it('ends at once, with the reason, when aborted while it waits', async () => {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const run = retrying(async () => Promise.reject(failing(true)), {
      policy: new RetryPolicy({ attempts: 9, intervalMs: 3_600_000, forever: true }),
      signal: controller.signal,
      onRetry: () => queueMicrotask(() => controller.abort(reason)),
    });
    expect(await failureOf(run)).toBe(reason);
  });
});
