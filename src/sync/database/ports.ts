import type { Config, LmdbConfig } from '../../config/index.ts';
import type { Log } from '../../log/index.ts';
import type { EntryPacker, encodeSnapshot, readSnapshot } from '../../snapshot/index.ts';
import type { ObjectStorage, Spool, SpoolOptions } from '../../storage/index.ts';
import type { ChangeReceiver, LocalDatabase } from '../local/index.ts';
import type { ChangeEvent, Report, SyncEvent } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

/** The format of objects: a simulator compresses inline, the real one in the thread pool. */
export interface Codec {
  readonly encode: typeof encodeSnapshot;
  readonly read: typeof readSnapshot;
  /** Packs entries for a snapshot before it is begun; into a spool that is the packer's. Without it nothing is. */
  readonly pack?: {
    readonly make: (spool: Spool) => EntryPacker;
    /** See `PackOptions`. */
    readonly leastEntries?: number;
  };
}

/** What an opened database is told of the loop. */
export interface OpenContext {
  readonly report: Report;
  readonly log: Log;
  /** Per instance the time of its newest object that is merged. */
  readonly included: () => ReadonlyMap<string, bigint>;
  readonly changes: ChangeReceiver | undefined;
  /** Full snapshots of it will be made. */
  readonly publishes: boolean;
}

/** Everything that a database's loop touches outside of itself. */
export interface DatabasePorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly storage: ObjectStorage;
  readonly codec: Codec;
  /** Where objects wait on their way; with `memoryBytes: Infinity` they never touch a disk. */
  readonly spool: (options: SpoolOptions) => Spool;
  /** This machine, as snapshots tell it. */
  readonly hostname: string;
  readonly open: (context: OpenContext) => LocalDatabase;
}

export interface DatabaseOptions {
  readonly config: Config;
  readonly lmdb: LmdbConfig;
  readonly mode: 'sync' | 'receive';
  readonly ports: DatabasePorts;
  readonly log: Log;
  /** How far work is is shown by a bar, and not by lines of the log. */
  readonly hasBar?: boolean | undefined;
  /** Told of every moment, in the order of its happening. */
  readonly onEvent?: ((event: SyncEvent) => void) | undefined;
  /** Told what changed in the application's DBIs, after the commit. */
  readonly changes?: DatabaseChanges | undefined;
}

export interface DatabaseChanges extends Omit<ChangeReceiver, 'onChange'> {
  readonly onChange: (event: ChangeEvent) => void;
}

/** Adds whose and when. */
export function changesOf({ changes, lmdb, ports }: DatabaseOptions): ChangeReceiver | undefined {
  if (!changes) return undefined;
  const { onChange } = changes;
  return { ...changes, onChange: (event) => onChange({ ...event, db: lmdb.name, atMs: nowMs(ports.clock) }) };
}
