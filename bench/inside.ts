/**
 * The process in which the product's parts are measured one by one: Tracker (local changes) and mergeObject (remote ones).
 * A process of its own for each measurement, so that none inherits another's heap. Arguments and result are JSON.
 */
import { isMainThread } from 'node:worker_threads';
import { Environment } from '../src/lmdb/index.ts';
import type { Log } from '../src/log/index.ts';
import type { Schema } from '../src/shadow/index.ts';
import { systemClock } from '../src/sync/clock.ts';
import { newStatus } from '../src/sync/status.ts';
import { Tracker } from '../src/sync/tracker.ts';
import { WriteLock } from '../src/sync/write-lock.ts';
import type { Layout } from './bare.ts';
import { measureChanges } from './inside-changes.ts';
import { measureMerge } from './inside-merge.ts';

/** What is measured with: one open database. */
export interface Opened {
  readonly environment: Environment;
  readonly tracker: Tracker;
  readonly schema: Schema;
  readonly status: ReturnType<typeof newStatus>;
  readonly log: Log;
}

export function openDatabase(path: string, layout: Layout, create = false): Opened {
  const environment = Environment.open(path, { create, mapSizeBytes: 2 ** 34 });
  const schema = { native: layout === 'native', dupsortHack: layout === 'dup', overrideCreateFlags: new Map() };
  const status = newStatus('data');
  const shared = { environment, clock: systemClock, log: quiet, status };
  const lock = new WriteLock({ ...shared, mapSizeBytes: 2 ** 34 });
  return { environment, tracker: new Tracker({ ...shared, schema, lock }), schema, status, log: quiet };
}

export function closeDatabase({ environment, tracker }: Opened): void {
  tracker.close();
  environment.close();
}

const complain = (message: string): never => {
  throw new Error(`the product warned: ${message}`);
};
/** A warning means that something else than the case in question was measured. */
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: complain,
  error: complain,
  child: () => quiet,
} as Log;

const [what, input] = process.argv.slice(2);
if (isMainThread && what !== undefined && input !== undefined) {
  const measure = { changes: measureChanges, merge: measureMerge }[what];
  if (!measure) throw new Error(`unknown measurement ${what}`);
  process.stdout.write(JSON.stringify(await measure(JSON.parse(input))));
}
