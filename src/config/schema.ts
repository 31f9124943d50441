import {
  bool,
  byteSize,
  choice,
  dbiFlags,
  decimal,
  duration,
  type Field,
  fileMode,
  integer,
  optionalText,
  text,
  textList,
} from './fields.ts';
import { anything, mapOf, section } from './section.ts';
import type { AzureOptions, FsOptions, S3Options } from './storage-options.ts';
import type { DeltaMode, LogFormat, LogLevel, LogTimestamp } from './types.ts';

/** Keys, kinds and defaults. What a value may be beyond its kind is in `checks.ts`. */

export const LOG_LEVELS = ['debug', 'info', 'warning', 'error', 'fatal'] as const satisfies readonly LogLevel[];
/** Further words of the reference's logger. */
export const LOG_LEVEL_ALIASES = { trace: 'debug', warn: 'warning', panic: 'fatal' } as const;
export const LOG_FORMATS = ['human', 'logfmt', 'json'] as const satisfies readonly LogFormat[];
export const LOG_TIMESTAMPS = ['short', 'disable', 'full'] as const satisfies readonly LogTimestamp[];
const DELTA_MODES = ['auto', 'off'] as const satisfies readonly DeltaMode[];
export const LOG_TIMESTAMP_ALIASES = { '': 'short' } as const;

const lmdb = section({
  path: text(),
  options: section({
    noSubdir: bool(),
    create: bool(),
    dirMask: fileMode(),
    fileMask: fileMode(),
    mapSizeBytes: byteSize('0'),
    maxDbs: integer(0),
  }),
  schemaTracksChanges: bool(),
  dupsortHack: bool(),
  headerExtraPaddingBlock: bool(),
  dbiOptions: mapOf(section({ overrideCreateFlags: dbiFlags })),
  droppedDbis: choice(['keep', 'delete'], 'keep'),
  acceptSchemaChange: bool(),
  shadow: choice(['inline', 'sidecar'], 'inline'),
  shadowPath: text(),
});

const sweeper = section({
  enabled: bool(),
  retentionDays: decimal(370),
  intervalMs: duration('6h'),
  firstIntervalMs: duration('10m'),
  lockDurationMs: duration('50ms'),
  releaseDurationMs: duration('50ms'),
  retentionLoadCutoffDurationMs: duration('0'),
});

const storage = section({
  type: text(),
  options: anything,
  rootPath: optionalText,
  cleanup: section({
    enabled: bool(),
    intervalMs: duration('5m'),
    mustKeepIntervalMs: duration('10m'),
    removeOldInstancesIntervalMs: duration('168h'),
  }),
});

const log = section({
  level: choice(LOG_LEVELS, 'info', LOG_LEVEL_ALIASES),
  format: choice(LOG_FORMATS, 'human'),
  timestamp: choice(LOG_TIMESTAMPS, 'short', LOG_TIMESTAMP_ALIASES),
});

const healthTimes = {
  warnDurationMs: duration('1m'),
  errorDurationMs: duration('5m'),
};
const storageHealth = section({ intervalMs: duration('5s'), ...healthTimes });

const events = section({
  maxKeys: integer(10_000),
  exec: section({ command: textList, timeoutMs: duration('30s') }),
  webhook: section({ url: text(), secretFile: optionalText, timeoutMs: duration('10s') }),
  socket: section({ path: text() }),
  powerdns: section({
    apiUrl: text(),
    apiKeyFile: optionalText,
    controlSocket: text(),
    notify: bool(),
    timeoutMs: duration('5s'),
  }),
});

export const fileSchema = section({
  instance: text(),
  lmdbs: mapOf(lmdb),
  sweeper,
  storage,
  http: section({ address: text() }),
  log,
  health: section({
    storageList: storageHealth,
    storageLoad: storageHealth,
    storageStore: storageHealth,
    start: section({ intervalMs: duration('1s'), ...healthTimes, reportHealthz: bool(), reportMetadata: bool(true) }),
  }),
  lmdbPollIntervalMs: duration('1s'),
  lmdbLogStatsIntervalMs: duration('30m'),
  lmdbScrapeSmaps: bool(true),
  storagePollIntervalMs: duration('1s'),
  storageRetryIntervalMs: duration('5s'),
  storageRetryCount: integer(100),
  storageRetryForever: bool(),
  storageForceSnapshotIntervalMs: duration('4h'),
  memoryDownloadedSnapshots: integer(2),
  memoryDecompressedSnapshots: integer(3),
  onlyOnce: bool(),
  fullScanIntervalMs: duration('6h'),
  lmdbLockMaxMs: duration('100ms'),
  deltas: choice(DELTA_MODES, 'auto', { '': 'auto' }),
  deltaBurst: integer(20),
  deltaIntervalMs: duration('1s'),
  peers: textList,
  events,
  workers: integer(0),
  maxDecompressedSizeBytes: byteSize('64GB'),
  acceptStale: bool(),
});

const tls = section({
  caFile: optionalText,
  ca: optionalText,
  addSystemCaPool: bool(),
  certFile: optionalText,
  cert: optionalText,
  keyFile: optionalText,
  key: optionalText,
  watchCerts: bool(),
  watchCertsPollIntervalMs: duration('5s'),
  requireClientCert: bool(),
  insecureSkipVerify: bool(),
  insecureKeyLogFile: optionalText,
});

const remoteOptions = {
  globalPrefix: text(),
  endpointUrl: optionalText,
  tls,
  secretsRefreshIntervalMs: duration('15s'),
  initTimeoutMs: duration('20s'),
  idleConnTimeoutMs: duration('90s'),
  maxIdleConns: integer(100),
  dialTimeoutMs: duration('10s'),
  dialKeepAliveMs: duration('10s'),
  tlsHandshakeTimeoutMs: duration('10s'),
  clientTimeoutMs: duration('15m'),
  useUpdateMarker: bool(),
  updateMarkerForceListIntervalMs: duration('5m'),
};

/** 0 is "the backend's own choice", like a missing key. */
const optionalCount: Field<number | undefined> = integer(0).transform((count) => (count === 0 ? undefined : count));

export const s3Schema: Field<S3Options> = section({
  accessKey: optionalText,
  secretKey: optionalText,
  accessKeyFile: optionalText,
  secretKeyFile: optionalText,
  region: text('us-east-1'),
  bucket: text(),
  createBucket: bool(),
  storageClass: optionalText,
  prefixFolders: bool(),
  hideFolders: bool(),
  disableSendContentMd5: bool(),
  numMinioThreads: optionalCount,
  ...remoteOptions,
});

export const azureSchema: Field<AzureOptions> = section({
  accountName: optionalText,
  accountKey: optionalText,
  accountKeyFile: optionalText,
  useSharedKey: bool(),
  container: text(),
  createContainer: bool(),
  concurrency: optionalCount,
  ...remoteOptions,
});

export const fsSchema: Field<FsOptions> = section({ rootPath: text() });
