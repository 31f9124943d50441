import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../../src/config/index.ts';
import { type CallOptions, MemoryStorage, type ObjectDownload } from '../../../src/storage/index.ts';
import { ListenFlag } from '../../../src/sync/process/listen-flag.ts';
import { LockClock } from '../../../src/sync/process/lock-clock.ts';
import { runDatabases, type WorkerMessage } from '../../../src/sync/process/thread.ts';
import { eventually } from '../../support/eventually.ts';
import { Instance } from '../../support/fleet/instance.ts';
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
  const input = {
    config,
    mode: 'sync',
    databases: ['main'],
    lockCells,
    changes: noChanges(),
    logStyle: undefined,
  } as const;
  await runDatabases(input, AbortSignal.abort(), (message) => told.push(message));
  expect(told.filter(({ type }) => type === 'failed')).toEqual([]);
});

it('many databases in one thread are no leak to Node, which would say so on standard error', async () => {
  const folder = temporaryFolder();
  const names = Array.from({ length: 12 }, (_, index) => `db${index}`);
  const lmdbs = Object.fromEntries(
    names.map((name) => [name, { path: join(folder, name), options: { create: true } }]),
  );
  const storage = { type: 'fs', options: { root_path: join(folder, 'bucket') } };
  const config = parseConfig(JSON.stringify({ instance: 'a', lmdbs, storage }));
  const warnings = keepWarnings();
  const told: WorkerMessage[] = [];
  const stop = new AbortController();
  const lockCells = LockClock.cellsFor(names.length);
  const input = {
    config,
    mode: 'sync',
    databases: names,
    lockCells,
    changes: noChanges(),
    logStyle: undefined,
  } as const;
  const ended = runDatabases(input, stop.signal, (message) => told.push(message));
  // Nobody has made an LMDB: all of them wait, and each look at the bucket ends in a new wait.
  await eventually(() => {
    const waiting = told.filter((message) => message.type === 'line' && message.message.startsWith('Waiting for the'));
    return waiting.length === names.length;
  });
  stop.abort();
  await ended;
  expect(warnings).toEqual([]);
});

it('objects that are loaded at the same time are no leak either', async () => {
  class Listening extends MemoryStorage {
    override load(name: string, options: CallOptions = {}): Promise<ObjectDownload> {
      // As if so many others were on their way: each call of a bucket listens until it has ended.
      for (let others = 0; others < 20; others++) options.signal!.addEventListener('abort', () => {});
      return super.load(name, options);
    }
  }
  const warnings = keepWarnings();
  const bucket = new Listening();
  const a = new Instance({ name: 'a', bucket });
  const b = new Instance({ name: 'b', bucket });
  a.put('k', 'v');
  a.start();
  b.start();
  await b.until('has it', () => b.texts().k === 'v');
  for (const instance of [a, b]) await instance.stop();
  expect(warnings).toEqual([]);
});

function noChanges() {
  return { listenCell: ListenFlag.newCell(), maxKeys: 1, namesZones: false, toldTxnIds: undefined };
}

function keepWarnings(): readonly string[] {
  const warnings: string[] = [];
  const keep = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', keep);
  onTestFinished(() => void process.off('warning', keep));
  return warnings;
}
