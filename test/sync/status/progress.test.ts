import { expect, it } from 'vitest';
import { lineOf, type SyncEventBody } from '../../../src/sync/status/index.ts';
import { downloadProgress } from '../../../src/sync/status/progress.ts';

function told(totalBytes: number, steps: readonly [nowMs: number, doneBytes: number][]): SyncEventBody[] {
  const events: SyncEventBody[] = [];
  let nowMs = 0;
  const report = (event: SyncEventBody): void => void events.push(event);
  const progress = downloadProgress({ name: 'n', totalBytes, nowMs: () => nowMs, report });
  for (const [atMs, doneBytes] of steps) {
    nowMs = atMs;
    progress(doneBytes);
  }
  return events;
}

it('tells of a large download twice a second, and in the log every five seconds', () => {
  const totalBytes = 10_000_000;
  const event = { type: 'downloading', name: 'n', totalBytes } as const;
  const events = told(totalBytes, [
    [499, 1],
    [500, 2],
    [999, 3],
    [5000, 4],
    [9999, 5],
    [10_499, 6],
  ]);
  expect(events).toEqual([
    { ...event, doneBytes: 2, tell: false },
    { ...event, doneBytes: 4, tell: true },
    { ...event, doneBytes: 5, tell: false },
    { ...event, doneBytes: 6, tell: true },
  ]);
  expect(events.map(lineOf)).toEqual([
    undefined,
    {
      level: 'info',
      message: 'Downloading remote update',
      fields: { snapshot_name: 'n', done_bytes: 4, total_bytes: totalBytes },
    },
    undefined,
    expect.anything(),
  ]);
});

it('says whether a merge reads or writes', () => {
  const event = { type: 'merging', name: 'n', done: 5, tell: true } as const;
  expect([lineOf({ ...event, total: undefined }), lineOf({ ...event, total: 9 })]).toEqual([
    { level: 'info', message: 'Reading remote update', fields: { snapshot_name: 'n', read: 5 } },
    { level: 'info', message: 'Merging remote update', fields: { snapshot_name: 'n', written: 5, winners: 9 } },
  ]);
});

it('tells nothing of a small one, however slow', () => {
  expect(told(9_999_999, [[60_000, 5]])).toEqual([]);
});
