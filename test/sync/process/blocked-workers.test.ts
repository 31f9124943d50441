import { describe, expect, it } from 'vitest';
import { areAllBlocked } from '../../../src/sync/process/blocked-workers.ts';

const ASKED_MS = 1_000_000;
const idle = { waitingSinceMs: undefined };
const waitingSince = (waitingSinceMs: number) => ({ waitingSinceMs });

describe('workers that were asked to stop are blocked', () => {
  it.each([
    ['one waits since before', [[waitingSince(ASKED_MS - 60_000)]], 1200, true],
    ['one of its databases waits', [[idle, waitingSince(ASKED_MS)]], 1200, true],
    ['all wait', [[waitingSince(ASKED_MS)], [waitingSince(ASKED_MS + 200)]], 1200, true],
    ['it is too early to tell', [[waitingSince(ASKED_MS - 60_000)]], 1199, false],
    ['one only just began to wait', [[waitingSince(ASKED_MS + 1000)]], 1200, false],
    ['another one finishes its upload', [[waitingSince(ASKED_MS)], [idle]], 60_000, false],
    ['nobody is left', [], 60_000, false],
  ])('%s', (_what, left, afterMs, expected) => {
    expect(areAllBlocked(left, ASKED_MS, ASKED_MS + afterMs)).toBe(expected);
  });
});
