import { describe, expect, it } from 'vitest';
import { RepeatedFailure } from '../../../src/sync/status/repeated-failure.ts';

const MINUTE_MS = 60_000;

/** Which of `count` failures, one every `intervalMs`, are told. */
function told(failure: RepeatedFailure, count: number, intervalMs: number): number[] {
  const reports = Array.from({ length: count }, (_, index) => failure.failed(1000 + index * intervalMs));
  return reports.flatMap((report) => (report ? [report.failures] : []));
}

describe('a failure that repeats', () => {
  it('is told at the 1st, 2nd, 4th, 8th … in a row', () => {
    expect(told(new RepeatedFailure(), 40, 1000)).toEqual([1, 2, 4, 8, 16, 32]);
  });

  it('is told again ten minutes later at the latest', () => {
    const failure = new RepeatedFailure();
    // One a second: 512 is 8.5 minutes after the start, 1024 would be 8.5 minutes later, 2048 another 17.
    expect(told(failure, 2600, 1000)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1624, 2048]);
    // Few and far between: each.
    expect(told(new RepeatedFailure(), 6, 10 * MINUTE_MS)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('says since when, and what is over', () => {
    const failure = new RepeatedFailure();
    expect(failure.worked()).toBeUndefined();
    failure.failed(5000);
    expect(failure.failed(6000)).toEqual({ failures: 2, sinceMs: 5000 });
    expect(failure.failures).toBe(2);
    expect(failure.worked()).toEqual({ failures: 2, sinceMs: 5000 });
    expect(failure.worked()).toBeUndefined();
    expect(failure.failed(9000)).toEqual({ failures: 1, sinceMs: 9000 });
  });
});
