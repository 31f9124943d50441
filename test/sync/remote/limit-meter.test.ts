import { expect, it } from 'vitest';
import { LimitMeter } from '../../../src/sync/remote/limit-meter.ts';
import type { SyncEventBody } from '../../../src/sync/status/index.ts';

it('tells changes of what is under way, and of each turn the wait and the time it took', () => {
  const events: SyncEventBody[] = [];
  let nowMs = 1000;
  const clock = { monotonicMs: () => nowMs };
  const meter = new LimitMeter({ limit: 'download', max: 1, clock, report: (event) => void events.push(event) });
  const take = (): SyncEventBody[] => events.splice(0);
  const limit = { type: 'limit', limit: 'download', max: 1 };
  expect(take()).toEqual([{ ...limit, active: 0, waiting: 0 }]);
  meter.begins('a');
  meter.waits('b');
  meter.waits('b');
  expect(take()).toEqual([
    { ...limit, active: 1, waiting: 0 },
    { ...limit, active: 1, waiting: 1 },
  ]);
  nowMs += 40;
  meter.ends('a');
  meter.begins('b');
  nowMs += 5;
  meter.ends('b');
  expect(take().filter(({ type }) => type === 'turn')).toEqual([
    { type: 'turn', limit: 'download', waitMs: 0, activeMs: 40 },
    { type: 'turn', limit: 'download', waitMs: 40, activeMs: 5 },
  ]);
  meter.waits('c');
  meter.waits('d');
  take();
  meter.keepWaiting(new Set(['d']));
  expect(take()).toEqual([{ ...limit, active: 0, waiting: 1 }]);
  meter.ends('d');
  meter.ends('d');
  expect(take()).toEqual([{ ...limit, active: 0, waiting: 0 }]);
});
