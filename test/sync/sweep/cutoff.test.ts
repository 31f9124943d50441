import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCutoff, retentionNano, sweepCutoff } from '../../../src/sync/sweep/index.ts';

const HOUR = 3_600_000_000_000n;
const DAY = 24n * HOUR;
const NOW = 1_700_000_000_123_456_789n;
const HOUR_MS = 3_600_000;

function config(retentionDays: number, retentionLoadCutoffDurationMs = 0, enabled = true) {
  return { enabled, retentionDays, retentionLoadCutoffDurationMs };
}

describe('the retention', () => {
  it.each([
    [1, DAY],
    [2, 2n * DAY],
    [370, 370n * DAY],
    [0.5, 12n * HOUR],
    [1 / 86_400e9, 1n],
    [106_752, 106_752n * DAY],
  ])('%d days', (days, nano) => {
    expect(retentionNano({ retentionDays: days })).toBe(nano);
  });

  it('is never less than nothing: that would sweep every deletion (SWP-09)', () => {
    for (const days of [0, -1, Number.NaN]) expect(() => retentionNano({ retentionDays: days })).toThrow(RangeError);
  });

  it('may be for ever', () => {
    for (const days of [213_504, 1e300, Number.POSITIVE_INFINITY]) {
      expect(retentionNano({ retentionDays: days })).toBe((1n << 64n) - 1n);
      expect(sweepCutoff(NOW, config(days))).toBe(0n);
      expect(loadCutoff(NOW, config(days, HOUR_MS))).toBe(0n);
    }
  });
});

describe('the cut-offs', () => {
  it('sweep: now less the retention', () => {
    expect(sweepCutoff(NOW, config(2))).toBe(NOW - 2n * DAY);
    expect(sweepCutoff(NOW, config(2, HOUR_MS))).toBe(NOW - 2n * DAY);
  });

  it('load: later by 1 % of the retention', () => {
    expect(loadCutoff(NOW, config(100))).toBe(NOW - 99n * DAY);
    expect(loadCutoff(NOW, config(100, -5))).toBe(NOW - 99n * DAY);
  });

  it('load: later by the configured duration, at most 75 % of the retention', () => {
    expect(loadCutoff(NOW, config(2, HOUR_MS))).toBe(NOW - 47n * HOUR);
    expect(loadCutoff(NOW, config(2, 36 * HOUR_MS))).toBe(NOW - 12n * HOUR);
    expect(loadCutoff(NOW, config(2, 47 * HOUR_MS))).toBe(NOW - 12n * HOUR);
    expect(loadCutoff(NOW, config(2, 1e-6))).toBe(NOW - 2n * DAY + 1n);
  });

  it('nothing is old where the sweeper is off, or before 1970', () => {
    expect(sweepCutoff(NOW, config(2, 0, false))).toBe(0n);
    expect(loadCutoff(NOW, config(2, 0, false))).toBe(0n);
    expect(sweepCutoff(DAY, config(2))).toBe(0n);
  });

  it('what is loaded is not swept at once: load is never before sweep, and both are before now', () => {
    const days = fc.double({ min: 1e-6, max: 200_000, noNaN: true });
    const buffer = fc.double({ min: -1e12, max: 1e15, noNaN: true });
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 63n) - 1n), days, buffer, (now, retention, bufferMs) => {
        const [sweep, load] = [sweepCutoff(now, config(retention)), loadCutoff(now, config(retention, bufferMs))];
        return 0n <= sweep && sweep <= load && load <= now;
      }),
    );
  });
});
