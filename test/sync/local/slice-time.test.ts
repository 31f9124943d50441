import { describe, expect, it } from 'vitest';
import { SliceTime } from '../../../src/sync/local/slice-time.ts';

/** A clock that moves when it is told to. */
function clockAt(): { now: number; pauses: number[]; monotonicMs(): number; pause(ms: number): void } {
  return {
    now: 0,
    pauses: [],
    monotonicMs() {
      return this.now;
    },
    pause(ms) {
      this.pauses.push(ms);
    },
  };
}

/** One slice with so long a commit. @returns how long its puts were allowed to take */
function slice(time: SliceTime, clock: ReturnType<typeof clockAt>, commitMs: number): number {
  time.begin();
  const startedMs = clock.now;
  while (!time.isUp) clock.now++;
  time.written();
  const putsMs = clock.now - startedMs;
  clock.now += commitMs;
  time.rest();
  return putsMs;
}

describe('the time of slices', () => {
  it('leaves half of the first slice to its commit, and then what commits take', () => {
    const clock = clockAt();
    const time = new SliceTime(clock, 100);
    expect(slice(time, clock, 50)).toBe(50);
    expect(slice(time, clock, 50)).toBe(50);
    // A commit that took three times as long as its puts.
    expect(slice(time, clock, 150)).toBe(50);
    expect(slice(time, clock, 0)).toBe(25);
    expect(slice(time, clock, 0)).toBe(100);
    expect(slice(time, clock, 0)).toBe(100);
  });

  it('always leaves something to the puts', () => {
    const clock = clockAt();
    const time = new SliceTime(clock, 100);
    slice(time, clock, 1e6);
    expect(slice(time, clock, 0)).toBe(10);
  });

  it('lets others have the lock after each slice', () => {
    const clock = clockAt();
    const time = new SliceTime(clock, 100);
    slice(time, clock, 1);
    slice(time, clock, 1);
    expect(clock.pauses).toEqual([2, 2]);
  });

  it('is never up without a bound', () => {
    const clock = clockAt();
    const time = new SliceTime(clock, 0);
    time.begin();
    clock.now = 1e9;
    expect(time.isUp).toBe(false);
  });
});
