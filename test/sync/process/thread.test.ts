import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/index.ts';
import { ListenFlag } from '../../../src/sync/process/listen-flag.ts';
import { LockClock } from '../../../src/sync/process/lock-clock.ts';
import { runDatabases, type WorkerMessage } from '../../../src/sync/process/thread.ts';
import { temporaryFolder } from '../../support/temporary.ts';

it('a stop that came while the thread was loading its modules ends it', async () => {
  const folder = temporaryFolder();
  const config = parseConfig(
    JSON.stringify({
      instance: 'a',
      lmdbs: { main: { path: join(folder, 'db'), options: { create: true } } },
      storage: { type: 'fs', options: { root_path: join(folder, 'bucket') } },
    }),
  );
  const told: WorkerMessage[] = [];
  const lockCells = LockClock.cellsFor(1);
  const changes = { listenCell: ListenFlag.newCell(), maxKeys: 1, namesZones: false, toldTxnIds: undefined };
  const input = { config, mode: 'sync', databases: ['main'], lockCells, changes, logStyle: undefined } as const;
  await runDatabases(input, AbortSignal.abort(), (message) => told.push(message));
  expect(told.filter(({ type }) => type === 'failed')).toEqual([]);
});
