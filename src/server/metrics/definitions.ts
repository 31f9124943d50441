import { CALL_SECONDS, DEFAULT_SECONDS, LAG_SECONDS, LOCK_SECONDS, RECEIVED_AGE_SECONDS } from './buckets.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

/** One metric. `docs/metrics.md` is made of these, so `help` says what it counts and the unit where the name does not. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds, in the unit of the name; of histograms only. */
  readonly buckets?: readonly number[];
}

const db = ['lmdb'] as const;
const peer = ['lmdb', 'syncer_instance'] as const;

function counter<const L extends readonly string[]>(name: string, labels: L, help: string) {
  return { name, type: 'counter', labels, help } as const;
}

function gauge<const L extends readonly string[]>(name: string, labels: L, help: string) {
  return { name, type: 'gauge', labels, help } as const;
}

function histogram<const L extends readonly string[]>(
  name: string,
  labels: L,
  buckets: readonly number[],
  help: string,
) {
  return { name, type: 'histogram', labels, help, buckets } as const;
}

function summary<const L extends readonly string[]>(name: string, labels: L, help: string) {
  return { name, type: 'summary', labels, help } as const;
}

/** Names, labels and types as Lightning Stream has them: dashboards and alerts go on working. */
const syncer = (name: string): string => `lightningstream_syncer_snapshots_${name}`;
const receiver = (name: string): string => `lightningstream_receiver_snapshots_${name}`;
const cleaner = (name: string): string => `lightningstream_cleaner_${name}`;
const sweeper = (name: string): string => `lightningstream_sweeper_${name}`;
const limit = (name: string): string => `lightningstream_climit_${name}`;
const limitLabels = ['lmdb', 'limit_name'] as const;

export const LIGHTNING_STREAM = {
  generated: counter(syncer('generated_total'), db, 'Full snapshots made and stored'),
  generatedLast: gauge(syncer('generated_last_unix_seconds'), db, 'Time of the last full snapshot that was stored'),
  generatedLastSize: gauge(syncer('generated_last_size_bytes'), db, 'Size of the last full snapshot, compressed'),
  storeFailed: counter(syncer('store_failed_attempts_total'), db, 'Attempts to store an object that failed'),
  storeGivenUp: counter(
    syncer('store_failed_permanently_total'),
    db,
    'Objects given up after `storage_retry_count` attempts',
  ),
  storeCalls: counter(syncer('store_calls_total'), [], 'Attempts to store an object'),
  storeBytes: counter(syncer('store_bytes_total'), [], 'Bytes of the objects stored'),
  loadCalls: counter(syncer('load_calls_total'), [], 'Attempts to load an object of another instance'),
  loadFailed: counter(syncer('load_failed_total'), peer, 'Objects that could not be loaded, or were refused'),
  loadBytes: counter(syncer('load_bytes_total'), [], 'Bytes of the objects loaded, compressed'),
  listCalls: counter(syncer('list_calls_total'), [], 'Listings of the bucket'),
  listFailed: counter(syncer('list_failed_total'), db, 'Listings that failed'),
  lastReceived: gauge(receiver('last_received_seconds'), peer, 'Time of the last object merged, as its name says it'),
  lastReceivedAge: histogram(
    receiver('last_received_age_seconds'),
    peer,
    RECEIVED_AGE_SECONDS,
    'Age of an object when it was merged',
  ),
  inStorageCount: gauge(receiver('in_storage_count'), db, 'Objects of this database in the bucket'),
  inStorageBytes: gauge(receiver('in_storage_bytes'), db, 'Bytes of the objects of this database in the bucket'),
  cleanerListCalls: counter(cleaner('list_calls_total'), [], 'Runs of the cleaner, each with one listing'),
  cleanerListFailed: counter(cleaner('list_failed_total'), [], 'Listings of the cleaner that failed'),
  cleanerDeleted: counter(cleaner('delete_total'), ['lmdb', 'reason'], 'Objects removed from the bucket'),
  cleanerDeleteFailed: counter(cleaner('delete_failed_total'), [], 'Removals that failed'),
  sweeperCleaned: counter(sweeper('cleaned_total'), db, 'Deletion marks removed from the shadow'),
  sweeperAvailable: gauge(sweeper('stats_available'), db, '1 when the sweeper has finished a run'),
  sweeperTotal: gauge(sweeper('stats_total_entries'), db, 'Entries seen by the last run'),
  sweeperDeleted: gauge(sweeper('stats_deleted_entries'), db, 'Deletion marks seen by the last run'),
  sweeperDuration: summary(sweeper('duration_seconds'), db, 'Duration of the runs'),
  limit: gauge(limit('limit'), limitLabels, 'How many may be under way at once: `download`, `decompress`'),
  limitWaiting: gauge(limit('waiting'), limitLabels, 'Waiting for their turn'),
  limitActive: gauge(limit('active'), limitLabels, 'Under way'),
  limitAcquired: counter(limit('acquired_total'), limitLabels, 'Turns given'),
  limitActiveTime: histogram(limit('active_seconds'), limitLabels, DEFAULT_SECONDS, 'Duration of a turn'),
  limitWaitingTime: histogram(limit('waiting_seconds'), limitLabels, DEFAULT_SECONDS, 'Time waited for a turn'),
} as const;

const dbi = ['lmdb', 'db'] as const;

export const LMDB = {
  mapSize: gauge('lmdb_mapsize_bytes', db, 'Size of the map: the file cannot grow beyond it'),
  readersCurrent: gauge('lmdb_env_readers_current', db, 'Slots of the reader table in use'),
  readersMax: gauge('lmdb_env_readers_max', db, 'Slots of the reader table'),
  lastTxnId: gauge('lmdb_env_last_tnx_id', db, 'Id of the last committed transaction (the name is as it is)'),
  fileSize: gauge('lmdb_filesize_bytes', db, 'Size of the data file'),
  dbUsage: gauge('lmdb_db_usage_bytes', dbi, 'Bytes of the pages of a DBI'),
  totalUsage: gauge('lmdb_total_usage_bytes', db, 'Bytes of the pages of all DBIs'),
  usageFraction: gauge('lmdb_total_usage_fraction', db, 'Part of the map that the DBIs use, 0 to 1'),
  entries: gauge('lmdb_stat_entries', dbi, 'Entries of a DBI'),
  pages: gauge('lmdb_stat_pages', [...dbi, 'pagetype'], 'Pages of a DBI: `branch`, `leaf`, `overflow`'),
  depth: gauge('lmdb_stat_depth', dbi, 'Depth of the tree of a DBI'),
  smaps: gauge(
    'lmdb_smaps_bytes',
    ['lmdb', 'database_path', 'smap'],
    'What the kernel says of the mapping of the data file; off with `lmdb_scrape_smaps: false`',
  ),
} as const;

/** The same five for each kind of bucket. */
function storageCalls<const T extends string>(type: T) {
  const method = ['method'] as const;
  return {
    timestamp: gauge(`storage_${type}_call_timestamp_seconds`, method, 'Time of the last request'),
    total: counter(`storage_${type}_call_total`, method, 'Requests made to the bucket'),
    errors: counter(`storage_${type}_call_error_total`, method, 'Requests that failed'),
    errorsByType: counter(
      `storage_${type}_call_error_by_type_total`,
      [...method, 'error'],
      'Requests that failed, by cause: NotFound, Timeout, DNSError, URLError, a code of the provider, Unknown',
    ),
    duration: histogram(`storage_${type}_call_duration_seconds`, method, CALL_SECONDS, 'Duration of the requests'),
  } as const;
}

export const STORAGE_S3 = storageCalls('s3');
export const STORAGE_AZURE = storageCalls('azure');

export const LMDBSTREAM = {
  info: gauge('lmdbstream_info', ['version', 'instance'], 'Always 1'),
  phase: gauge('lmdbstream_phase', [...db, 'phase'], '1 for the phase a database is in, 0 for the others'),
  lockWait: histogram('lmdbstream_lock_wait_seconds', db, LOCK_SECONDS, "Time we waited for LMDB's write lock"),
  lockHeld: histogram(
    'lmdbstream_lock_held_seconds',
    db,
    LOCK_SECONDS,
    "Time we held LMDB's write lock: so long the application waits",
  ),
  lockWaiting: gauge('lmdbstream_lock_waiting_seconds', db, 'How long we have been waiting for the write lock now'),
  peerLag: gauge(
    'lmdbstream_peer_lag_seconds',
    peer,
    'Seconds between the time of the last object of a peer and its merge here',
  ),
  mergeLag: histogram(
    'lmdbstream_merge_lag_seconds',
    db,
    LAG_SECONDS,
    'Seconds from the time of an object to its merge',
  ),
  changesRecorded: counter('lmdbstream_changes_recorded_total', db, 'Entries the application changed here'),
  changesMerged: counter('lmdbstream_changes_merged_total', db, 'Entries written here because a peer changed them'),
  objectsMerged: counter('lmdbstream_objects_merged_total', [...db, 'kind'], 'Objects of peers merged'),
  objectsPublished: counter(
    'lmdbstream_objects_published_total',
    [...db, 'kind'],
    'Objects stored: `snapshot`, `delta`',
  ),
  bytesPublished: counter('lmdbstream_published_bytes_total', [...db, 'kind'], 'Bytes of the objects stored'),
  refused: counter(
    'lmdbstream_refused_objects_total',
    peer,
    'Objects refused whole because something in them is wrong',
  ),
  fullScans: counter('lmdbstream_full_scans_total', db, 'Full comparisons made as a check on ourselves'),
  fullScanDifferences: counter(
    'lmdbstream_full_scan_differences_total',
    db,
    'Differences that a full comparison found and the incremental way had missed: a defect of lmdbstream',
  ),
  distrustedReaders: counter(
    'lmdbstream_distrusted_readers_total',
    db,
    'Held readers that had lost their slot in the lock table, answered with a full comparison',
  ),
  clockAhead: gauge(
    'lmdbstream_clock_ahead_seconds',
    peer,
    'How far the newest time in the last object of a peer lay in the future when it was merged; 0 is good',
  ),
  futureTimestamps: counter(
    'lmdbstream_future_timestamps_total',
    db,
    'Objects merged that hold entries with a time far in the future',
  ),
  duplicateInstance: gauge('lmdbstream_duplicate_instance', db, '1 when another process publishes under our name'),
  chainGaps: counter('lmdbstream_chain_gaps_total', peer, 'Times that deltas of a peer were missing from its chain'),
  chainLength: gauge('lmdbstream_chain_length', db, 'Deltas since our last full snapshot'),
  compactions: counter('lmdbstream_compactions_total', db, 'Old deltas made into a larger one'),
  detachedDbis: gauge(
    'lmdbstream_detached_dbis',
    db,
    'DBIs that the application dropped and that only the shadow keeps',
  ),
  sidecarSize: gauge('lmdbstream_sidecar_filesize_bytes', db, 'Size of the sidecar; only with `shadow: sidecar`'),
  sidecarEntries: gauge(
    'lmdbstream_sidecar_entries',
    db,
    'Entries in the sidecar, deletion marks included; only with `shadow: sidecar`',
  ),
  duplicateZones: gauge('lmdbstream_duplicate_zones', db, 'Zones of PowerDNS that exist twice, made on two machines'),
  errors: counter('lmdbstream_errors_total', db, 'Errors shown on the status page'),
} as const;

const consumer = ['consumer'] as const;

/** `consumer`: `exec`, `webhook`, `socket` or `powerdns` (docs/events.md). A socket's readers take what they want: only `waiting`. */
export const EVENTS = {
  told: counter('lmdbstream_events_told_total', consumer, 'Change events that a consumer was told'),
  failed: counter(
    'lmdbstream_events_failed_total',
    consumer,
    'Attempts to tell a consumer that failed, and are repeated',
  ),
  waiting: gauge('lmdbstream_events_waiting', consumer, 'Change events that wait to be told'),
} as const;

/** Named as the Go client names them; the same questions are asked of every process. */
export const PROCESS = {
  cpu: counter('process_cpu_seconds_total', [], 'CPU time used by all threads'),
  started: gauge('process_start_time_seconds', [], 'When the process started'),
  memory: gauge('process_resident_memory_bytes', [], 'Resident memory of the process, its part of the map included'),
  openFiles: gauge('process_open_fds', [], 'Open file descriptors'),
  heapUsed: gauge('nodejs_heap_size_used_bytes', [], 'JavaScript heap of the main thread in use'),
  node: gauge('nodejs_version_info', ['version'], 'Always 1; the version of Node'),
} as const;

/** Groups in the order of the documentation. */
export const METRIC_GROUPS: Readonly<Record<string, Readonly<Record<string, MetricDefinition>>>> = {
  'Lightning Stream': LIGHTNING_STREAM,
  LMDB,
  'Storage: S3': STORAGE_S3,
  'Storage: Azure': STORAGE_AZURE,
  lmdbstream: LMDBSTREAM,
  'Change events': EVENTS,
  Process: PROCESS,
};
