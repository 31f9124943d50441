import { DBI_FLAG_BITS } from './dbi-flags.ts';
import { checkEvents } from './event-checks.ts';
import { parseListenAddress } from './listen-address.ts';
import { checkPathsDiffer } from './path-checks.ts';
import { checkPeers } from './peer-checks.ts';
import { above, notNegative, type Problem } from './rules.ts';
import { checkStorage } from './storage-checks.ts';
import type { Config, LmdbConfig } from './types.ts';

const MIN_POLL_MS = 100;
const MIN_FORCE_SNAPSHOT_MS = 60_000;
/**
 * Every DBI of the application needs a second one for its shadow. Two would fill the environment with the first, and
 * the next DBI the application creates would stop the sync.
 */
const MIN_DBS_WITH_SHADOWS = 4;

/** In the order of the file's sections. */
export function* checkConfig(config: Config, identityOf: (dataFile: string) => string): Generator<Problem> {
  for (const lmdb of config.lmdbs.values()) yield* checkLmdb(lmdb);
  yield* checkPathsDiffer([...config.lmdbs.values()], identityOf);
  yield* checkAddress(config.http.address);
  yield* checkTopLevel(config);
  yield* checkSweeper(config);
  yield* checkEvents(config.events);
  yield* checkStorage(config);
  for (const [key, { intervalMs }] of [
    ['storage_list', config.health.storageList],
    ['storage_load', config.health.storageLoad],
    ['storage_store', config.health.storageStore],
    ['start', config.health.start],
  ] as const) {
    yield* above(0, intervalMs, ['health', key, 'interval']);
  }
}

function* checkLmdb(lmdb: LmdbConfig): Generator<Problem> {
  const at = (...keys: string[]): string[] => ['lmdbs', lmdb.name, ...keys];
  yield* checkDatabaseName(lmdb.name);
  if (lmdb.path === '') {
    yield {
      path: at('path'),
      what: 'no path configured',
      hint: 'path is the folder of the LMDB, or with no_subdir its file',
    };
  }
  const { fileMask, dirMask, maxDbs } = lmdb.options;
  for (const [key, mask] of [
    ['file_mask', fileMask],
    ['dir_mask', dirMask],
  ] as const) {
    if (mask > 0o777 || mask < 0) {
      yield {
        path: at('options', key),
        what: `${mask} is not a file permission`,
        hint: 'permissions are octal: write 0640, not 640',
      };
    }
  }
  const minDbs = lmdb.schemaTracksChanges ? 1 : MIN_DBS_WITH_SHADOWS;
  if (maxDbs < minDbs) {
    yield {
      path: at('options', 'max_dbs'),
      what: `${maxDbs} is too few`,
      hint: lmdb.schemaTracksChanges
        ? 'leave the key out for 64'
        : 'every DBI of the application needs a second one for its shadow: at least twice their number; leave the key out for 64',
    };
  }
  for (const [name, { overrideCreateFlags = 0 }] of lmdb.dbiOptions) {
    if ((overrideCreateFlags & DBI_FLAG_BITS.MDB_DUPFIXED) === 0 || overrideCreateFlags & DBI_FLAG_BITS.MDB_DUPSORT)
      continue;
    yield {
      path: at('dbi_options', name, 'override_create_flags'),
      what: 'MDB_DUPFIXED without MDB_DUPSORT makes a DBI that loses its values',
      hint: 'write MDB_DUPSORT|MDB_DUPFIXED, or neither',
    };
  }
  yield* checkSidecar(lmdb, at);
  if (lmdb.schemaTracksChanges && lmdb.dupsortHack) {
    yield {
      path: at('schema_tracks_changes'),
      what: 'cannot be used together with dupsort_hack',
      hint: 'dupsort_hack is for applications that do not track changes themselves: keep one of the two',
    };
  }
}

function* checkSidecar(
  { shadow, shadowPath, schemaTracksChanges }: LmdbConfig,
  at: (...keys: string[]) => string[],
): Generator<Problem> {
  if (shadow === 'inline') {
    if (shadowPath === '') return;
    yield {
      path: at('shadow_path'),
      what: 'is for shadow: sidecar only',
      hint: 'write shadow: sidecar, or leave it out',
    };
    return;
  }
  if (schemaTracksChanges) {
    yield {
      path: at('shadow'),
      what: 'sidecar cannot be used together with schema_tracks_changes',
      hint: 'an application that tracks changes itself has no shadow: leave the key out',
    };
  }
}

/** The name is the first part of `<db>__<instance>__<time>__<generation>.pb.gz`, and must come out of it again. */
function* checkDatabaseName(name: string): Generator<Problem> {
  const path = ['lmdbs', name];
  const hint =
    'the name is part of object names such as main__host__20220102-030405-012345678__G.pb.gz: use letters, digits and -';
  if (name === '') yield { path, what: 'a database needs a name', hint };
  if (name.includes('__'))
    yield { path, what: 'two underscores in a name: they separate the parts of object names', hint };
  else if (name.endsWith('_'))
    yield { path, what: 'an underscore at the end of a name: it runs into the separator __', hint };
  if (name.includes('/')) yield { path, what: 'a slash in a name: it would make a folder of the object name', hint };
  if (name.includes('.'))
    yield { path, what: 'a dot in a name: everything after the first dot of an object name is its type', hint };
  if ([...name].some((letter) => letter < ' ' || letter === '\u007f'))
    yield { path, what: 'a control character in a name', hint };
}

function* checkAddress(address: string): Generator<Problem> {
  if (address === '') return;
  try {
    parseListenAddress(address);
  } catch (error) {
    yield { path: ['http', 'address'], what: (error as Error).message, hint: 'write host:port, :port or [ipv6]:port' };
  }
}

function* checkTopLevel(config: Config): Generator<Problem> {
  for (const [key, valueMs] of [
    ['lmdb_poll_interval', config.lmdbPollIntervalMs],
    ['storage_poll_interval', config.storagePollIntervalMs],
    ['storage_retry_interval', config.storageRetryIntervalMs],
  ] as const) {
    if (valueMs < MIN_POLL_MS) {
      yield {
        path: [key],
        what: 'too short: at least 100ms',
        hint: 'a number without a unit is nanoseconds: write 5s',
      };
    }
  }
  const forceMs = config.storageForceSnapshotIntervalMs;
  if (forceMs !== 0 && forceMs < MIN_FORCE_SNAPSHOT_MS) {
    yield { path: ['storage_force_snapshot_interval'], what: 'too short: at least 1m', hint: '0s turns it off' };
  }
  for (const [key, count] of [
    ['storage_retry_count', config.storageRetryCount],
    ['memory_downloaded_snapshots', config.memoryDownloadedSnapshots],
    ['memory_decompressed_snapshots', config.memoryDecompressedSnapshots],
  ] as const) {
    if (count < 1) yield { path: [key], what: `${count} is too few: at least 1` };
  }
  yield* notNegative(config.lmdbLogStatsIntervalMs, ['lmdb_log_stats_interval']);
  yield* notNegative(config.fullScanIntervalMs, ['full_scan_interval']);
  yield* notNegative(config.lmdbLockMaxMs, ['lmdb_lock_max']);
  yield* above(0, config.deltaBurst, ['delta_burst']);
  yield* notNegative(config.deltaIntervalMs, ['delta_interval']);
  yield* checkPeers(config.peers);
  yield* notNegative(config.workers, ['workers']);
  yield* above(0, config.maxDecompressedSizeBytes, ['max_decompressed_size']);
}

function* checkSweeper({ sweeper }: Config): Generator<Problem> {
  if (!(sweeper.retentionDays > 0)) {
    yield {
      path: ['sweeper', 'retention_days'],
      what: 'must be above 0',
      hint: 'without retention a deletion is forgotten before other machines have seen it, and the entry comes back',
    };
  }
  yield* above(0, sweeper.intervalMs, ['sweeper', 'interval']);
  yield* notNegative(sweeper.firstIntervalMs, ['sweeper', 'first_interval']);
  yield* notNegative(sweeper.lockDurationMs, ['sweeper', 'lock_duration']);
  yield* notNegative(sweeper.releaseDurationMs, ['sweeper', 'release_duration']);
}
