import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { openWhole } from '../../btree/index.ts';
import type { Config, LmdbConfig } from '../../config/index.ts';
import { acquireInstanceLock, type Environment, type InstanceLock } from '../../lmdb/index.ts';
import { timeOf } from '../../merge/index.ts';
import { sidecarPath } from '../../paths/index.ts';
import { isPrivate, schemaOf } from '../../shadow/index.ts';
import { EntryPacker, encodeSnapshot, readSnapshot } from '../../snapshot/index.ts';
import { type ObjectStorage, Spool, type SpoolOptions } from '../../storage/index.ts';
import {
  LmdbDatabase,
  type LockWatch,
  type PackOptions,
  ShadowBesideError,
  ShadowInsideError,
  Sidecar,
  type SidecarOptions,
} from '../local/index.ts';
import { loadCutoff } from '../sweep/index.ts';
import { type Clock, systemClock } from '../time/index.ts';
import type { Codec, DatabasePorts, OpenContext } from './ports.ts';

export interface SystemPortsOptions {
  readonly config: Config;
  readonly lmdb: LmdbConfig;
  readonly storage: ObjectStorage;
  readonly lockWatch?: LockWatch | undefined;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly codec?: Codec;
  /** Opens the LMDB; a simulator plays the application in the same environment, for a process opens an LMDB once. */
  readonly openEnvironment?: (lmdb: LmdbConfig) => Environment;
  /** Opens the sidecar; a simulator looks into it, and ends there. */
  readonly openSidecar?: (options: SidecarOptions) => Sidecar;
  /** See `MergeOptions`; by default V8 decides. */
  readonly collectGarbage?: (type?: 'minor') => void;
}

/** Written within some 20 ms, so that only large merges show in parts. */
const WHOLE_UP_TO_ENTRIES = 10_000;
const systemCodec: Codec = {
  encode: encodeSnapshot,
  read: readSnapshot,
  pack: { make: (spool) => new EntryPacker({ spool }) },
};
const UNLOCKED = 'No lock file can be made beside the data file: a second sync on it would not be noticed';

/** The machine's own: its clock, its liblmdb, its thread pool, its temporary folder. */
export function systemPorts(options: SystemPortsOptions): DatabasePorts {
  const { config, lmdb, storage, lockWatch, clock = systemClock, random = Math.random } = options;
  const { collectGarbage = () => {}, codec = systemCodec } = options;
  const { openEnvironment = ({ path, options }) => openWhole(path, options) } = options;
  const spool = (given: SpoolOptions): Spool => new Spool(given);
  const packing = ({ make, leastEntries }: NonNullable<Codec['pack']>): PackOptions => ({
    make: () => make(spool({ memoryBytes: 0 })),
    ...(leastEntries !== undefined && { leastEntries }),
  });
  const open = (context: OpenContext): LmdbDatabase => {
    const environment = openEnvironment(lmdb);
    let instanceLock: InstanceLock | undefined;
    let sidecar: Sidecar | undefined;
    try {
      // One process at a time: two would stamp the same change twice, under two names.
      const holder = `process ${process.pid}, instance ${config.instance}`;
      instanceLock = acquireInstanceLock(environment.dataPath, holder, lmdb.options.fileMask);
      if (!instanceLock) context.log.warn(UNLOCKED);
      sidecar = sidecarOf(lmdb, environment, options.openSidecar);
      return new LmdbDatabase({
        ...context,
        sidecar,
        environment,
        instanceLock,
        schema: schemaOf(lmdb),
        mapSizeBytes: lmdb.options.mapSizeBytes,
        merge: {
          extraBlocks: lmdb.headerExtraPaddingBlock ? 1 : 0,
          lockMaxMs: config.lmdbLockMaxMs,
          wholeUpTo: WHOLE_UP_TO_ENTRIES,
          maxDecompressedBytes: config.maxDecompressedSizeBytes,
          read: codec.read,
          collectGarbage,
          cutoff: () => timeOf(loadCutoff(clock.nowNano(), config.sweeper)),
        },
        sweeper: config.sweeper,
        pack: context.publishes && codec.pack ? packing(codec.pack) : undefined,
        clock,
        lockWatch,
      });
    } catch (error) {
      sidecar?.close();
      environment.close();
      instanceLock?.release();
      throw error;
    }
  };
  return { clock, random, storage, codec, spool, hostname: hostname(), open };
}

/** @throws ShadowBesideError, ShadowInsideError, and what `Sidecar` throws */
function sidecarOf(
  lmdb: LmdbConfig,
  environment: Environment,
  open = (given: SidecarOptions): Sidecar => new Sidecar(given),
): Sidecar | undefined {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  if (lmdb.shadow === 'sidecar') {
    // Before one is made.
    if (environment.read((transaction) => transaction.dbiNames().some(isPrivate))) {
      throw new ShadowInsideError(environment.dataPath);
    }
    const { maxDbs, fileMask } = lmdb.options;
    return open({ path, environment, maxDbs, fileMask });
  }
  if (!lmdb.schemaTracksChanges && existsSync(path)) throw new ShadowBesideError(path);
  return undefined;
}
