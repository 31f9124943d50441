import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FULL_TOKEN_BUCKET, type TokenBucketLimits, takeToken, tokenWaitMs } from '../../../src/sync/chain/index.ts';

const DELTAS: TokenBucketLimits = { burst: 20, intervalMs: 1000 };

/** When each of the wanted ones goes out. */
function times(limits: TokenBucketLimits, wantedMs: readonly number[]): number[] {
  let state = FULL_TOKEN_BUCKET;
  let freeMs = Number.NEGATIVE_INFINITY;
  return wantedMs.map((wanted) => {
    const nowMs = Math.max(wanted, freeMs);
    const atMs = nowMs + tokenWaitMs(state, limits, nowMs);
    state = takeToken(state, limits, atMs);
    freeMs = atMs;
    return atMs;
  });
}

describe('token bucket', () => {
  it('20 at once, then one each second', () => {
    const at = times(DELTAS, Array(25).fill(5000));
    expect(at.slice(0, 20)).toEqual(Array(20).fill(5000));
    expect(at.slice(20)).toEqual([6000, 7000, 8000, 9000, 10000]);
  });

  it('the first after a quiet time goes at once, and so do as many as there were seconds', () => {
    const busy = Array<number>(23).fill(0);
    expect(times(DELTAS, [...busy, 3000 + 2000, 5000, 5000, 5000]).slice(23)).toEqual([5000, 5000, 6000, 7000]);
    expect(times(DELTAS, [...busy, ...Array<number>(20).fill(60_000)]).slice(23)).toEqual(Array(20).fill(60_000));
  });

  it('full snapshots: at most one each lmdb_poll_interval, at once after a quiet time', () => {
    const fulls = { burst: 1, intervalMs: 1000 };
    expect(times(fulls, [0, 40, 80, 120, 9000, 9010])).toEqual([0, 1000, 2000, 3000, 9000, 10_000]);
  });

  it('an interval of 0 is no bound', () => {
    expect(times({ burst: 1, intervalMs: 0 }, [0, 0, 0, 1])).toEqual([0, 0, 0, 1]);
  });

  it('what is taken before its time is paid back', () => {
    let state = FULL_TOKEN_BUCKET;
    for (let taken = 0; taken < 22; taken++) state = takeToken(state, DELTAS, 0);
    expect(tokenWaitMs(state, DELTAS, 0)).toBe(3000);
  });

  it('never more than burst + 1 each interval, in any stretch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.array(fc.nat(700), { maxLength: 60 }),
        (burst, intervalMs, steps) => {
          let nowMs = 0;
          const at = times(
            { burst, intervalMs },
            steps.map((step) => (nowMs += step)),
          );
          for (let first = 0; first < at.length; first++) {
            for (let last = first; last < at.length; last++) {
              expect(last - first + 1).toBeLessThanOrEqual(burst + Math.floor((at[last]! - at[first]!) / intervalMs));
            }
          }
        },
      ),
    );
  });
});
