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

it('tells of a large download every five seconds', () => {
  const totalBytes = 10_000_000;
  const event = { type: 'downloading', name: 'n', totalBytes } as const;
  const events = told(totalBytes, [
    [4999, 1],
    [5000, 2],
    [9999, 3],
    [12_000, 4],
  ]);
  expect(events).toEqual([
    { ...event, doneBytes: 2 },
    { ...event, doneBytes: 4 },
  ]);
  expect(lineOf({ ...event, doneBytes: 2 })).toEqual({
    level: 'info',
    message: 'Downloading remote update',
    fields: { snapshot_name: 'n', done_bytes: 2, total_bytes: totalBytes },
  });
});

it('tells nothing of a small one, however slow', () => {
  expect(told(9_999_999, [[60_000, 5]])).toEqual([]);
});
