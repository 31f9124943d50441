import { readFileSync } from 'node:fs';
import { Environment } from '../../src/lmdb/index.ts';
import type { Log } from '../../src/log/index.ts';
import type { Schema } from '../../src/shadow/index.ts';
import { SameFile } from '../../src/sync/local/same-file.ts';
import { Sidecar } from '../../src/sync/local/sidecar.ts';
import { Tracker } from '../../src/sync/local/tracker.ts';
import { WriteLock } from '../../src/sync/local/write-lock.ts';
import { type DatabaseStatus, newStatus, type Report, reduceStatus } from '../../src/sync/status/index.ts';
import { systemClock } from '../../src/sync/time/index.ts';
import type { Layout } from '../bare.ts';

const MAP_SIZE_BYTES = 2 ** 34;
const MAX_DBS = 64;
/** The default of `lmdb_lock_max`. */
export const LOCK_MAX_MS = 100;

/** One open database with the parts of the product that are measured. */
export interface Database {
  readonly tracker: Tracker;
  readonly schema: Schema;
  readonly status: DatabaseStatus;
  readonly log: Log;
  readonly report: Report;
  close(): void;
}

interface Settings {
  readonly create?: boolean;
  /** Data file of a sidecar. */
  readonly sidecarPath?: string | undefined;
}

export function openDatabase(path: string, layout: Layout, { create = false, sidecarPath }: Settings = {}): Database {
  const environment = Environment.open(path, { create, mapSizeBytes: MAP_SIZE_BYTES });
  const schema: Schema = {
    native: layout === 'native',
    dupsortHack: layout === 'dup',
    overrideCreateFlags: new Map(),
    droppedDbis: sidecarPath === undefined ? 'keep' : 'delete',
    acceptSchemaChange: false,
  };
  let status = newStatus('bench');
  const report: Report = (event) => {
    status = reduceStatus(status, { ...event, db: 'bench', atMs: 0 });
  };
  const shared = { environment, clock: systemClock, report, sameFile: new SameFile(environment) };
  const lock = new WriteLock({ ...shared, mapSizeBytes: MAP_SIZE_BYTES });
  const sidecar =
    sidecarPath === undefined ? undefined : new Sidecar({ path: sidecarPath, environment, maxDbs: MAX_DBS });
  const tracker = new Tracker({ ...shared, schema, lock, lockMaxMs: LOCK_MAX_MS, sidecar });
  const close = (): void => {
    tracker.close();
    sidecar?.close();
    environment.close();
  };
  return {
    tracker,
    schema,
    get status() {
      return status;
    },
    log: strictLog,
    report,
    close,
  };
}

function refuse(message: string): never {
  throw new Error(`the product warned, so something else than the case in question was measured: ${message}`);
}

const strictLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: refuse,
  error: refuse,
  child: () => strictLog,
};

/** CPU of this process since a reading of `process.cpuUsage()`, all threads. */
export function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Of this process. */
export function rssAnonKb(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}
