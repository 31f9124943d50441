import type { AzureOptions, FsOptions, S3Options } from './storage-options.ts';

/** The configuration after defaults and checks. Names carry their units; `docs/configuration.md` explains every key. */
export interface Config {
  /** This machine's name in the bucket: the flag, else the key, else the hostname. */
  readonly instance: string;
  readonly lmdbs: ReadonlyMap<string, LmdbConfig>;
  readonly sweeper: SweeperConfig;
  readonly storage: StorageConfig;
  readonly http: HttpConfig;
  readonly log: LogConfig;
  readonly health: HealthConfig;
  readonly lmdbPollIntervalMs: number;
  /** 0: never. */
  readonly lmdbLogStatsIntervalMs: number;
  readonly lmdbScrapeSmaps: boolean;
  readonly storagePollIntervalMs: number;
  readonly storageRetryIntervalMs: number;
  readonly storageRetryCount: number;
  readonly storageRetryForever: boolean;
  /** 0: never. */
  readonly storageForceSnapshotIntervalMs: number;
  /** Snapshots held in memory per database: compressed, and while being merged. */
  readonly memoryDownloadedSnapshots: number;
  readonly memoryDecompressedSnapshots: number;
  readonly onlyOnce: boolean;
  /** Ours. Full comparison as a check on ourselves (decision 3); 0: at start only. */
  readonly fullScanIntervalMs: number;
  /** Ours. Longest time one merge keeps LMDB's write lock; 0: one transaction, however long it takes. */
  readonly lmdbLockMaxMs: number;
  /** Ours. `off`: full snapshots only, as Lightning Stream writes and reads them (decision 6). */
  readonly deltas: DeltaMode;
  /** Ours. Deltas that go out at once after a quiet time; then one each `deltaIntervalMs`. */
  readonly deltaBurst: number;
  /** Ours. 0: as many as there are changes. */
  readonly deltaIntervalMs: number;
  /** Ours. Where other instances serve HTTP: told of every object we store, so that they list at once. */
  readonly peers: readonly string[];
  /** Ours. Whom to tell what changed (decision 14). */
  readonly events: EventsConfig;
  /** Ours. Worker threads; 0: as many as cores. Never more than databases. */
  readonly workers: number;
  /** Ours. A snapshot that unpacks to more is refused (I7). */
  readonly maxDecompressedSizeBytes: number;
  /** Ours. Join although this instance was away for longer than deletions are remembered. */
  readonly acceptStale: boolean;
  /** One line each, for the log: what works but should not stay as it is. */
  readonly warnings: readonly string[];
}

export interface LmdbConfig {
  /** First part of the object names. */
  readonly name: string;
  readonly path: string;
  readonly options: LmdbOptions;
  /** Native mode: the application writes the 24-byte header itself. */
  readonly schemaTracksChanges: boolean;
  readonly dupsortHack: boolean;
  readonly headerExtraPaddingBlock: boolean;
  readonly dbiOptions: ReadonlyMap<string, DbiOptions>;
  /** Ours. Shadow mode: what a DBI that the application dropped means (decision 9). */
  readonly droppedDbis: 'keep' | 'delete';
  /** Ours. Publish and merge although PowerDNS's schema version differs (docs/powerdns.md). */
  readonly acceptSchemaChange: boolean;
  /** Ours. Where times are kept: in the LMDB itself, or beside it (decision 16). */
  readonly shadow: 'inline' | 'sidecar';
  /** Ours. The data file of the sidecar; empty: beside the LMDB's (`sidecarPath`). */
  readonly shadowPath: string;
}

export interface LmdbOptions {
  /** `path` is the data file, not its folder. */
  readonly noSubdir: boolean;
  readonly create: boolean;
  readonly dirMask: number;
  readonly fileMask: number;
  /** 0: as the file says; 1 GiB for a new one. */
  readonly mapSizeBytes: number;
  readonly maxDbs: number;
}

export interface DbiOptions {
  /** `MDB_*` bits for a DBI that a snapshot brings and that does not exist here; absent: the snapshot's own. */
  readonly overrideCreateFlags?: number;
}

export interface SweeperConfig {
  readonly enabled: boolean;
  readonly retentionDays: number;
  readonly intervalMs: number;
  readonly firstIntervalMs: number;
  readonly lockDurationMs: number;
  readonly releaseDurationMs: number;
  /** 0: 1 % of the retention. */
  readonly retentionLoadCutoffDurationMs: number;
}

export type StorageConfig = StorageBackend & { readonly cleanup: CleanupConfig };

export type StorageBackend =
  | { readonly type: 's3'; readonly options: S3Options }
  | { readonly type: 'azure'; readonly options: AzureOptions }
  | { readonly type: 'fs'; readonly options: FsOptions }
  | { readonly type: 'memory'; readonly options: Readonly<Record<string, never>> };

export interface CleanupConfig {
  readonly enabled: boolean;
  readonly intervalMs: number;
  readonly mustKeepIntervalMs: number;
  readonly removeOldInstancesIntervalMs: number;
}

export interface HttpConfig {
  /** `host:port` or `:port`; empty: no HTTP. See `parseListenAddress`. */
  readonly address: string;
}

/** An empty text or list: there is no such consumer. */
export interface EventsConfig {
  /** Over this an event says which DBIs changed, but not which keys. */
  readonly maxKeys: number;
  readonly exec: {
    /** Program and arguments; no shell. */
    readonly command: readonly string[];
    readonly timeoutMs: number;
  };
  readonly webhook: { readonly url: string; readonly secretFile?: string; readonly timeoutMs: number };
  readonly socket: { readonly path: string };
  readonly powerdns: {
    readonly apiUrl: string;
    readonly apiKeyFile?: string;
    readonly controlSocket: string;
    /** NOTIFY to the secondaries of changed zones. */
    readonly notify: boolean;
    readonly timeoutMs: number;
  };
}

export type DeltaMode = 'auto' | 'off';

export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'fatal';
export type LogFormat = 'human' | 'logfmt' | 'json';
export type LogTimestamp = 'short' | 'disable' | 'full';

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly timestamp: LogTimestamp;
}

export interface HealthTimes {
  /** Time between two checks. */
  readonly intervalMs: number;
  /** Failing for longer than this is a warning, or an error. */
  readonly warnDurationMs: number;
  readonly errorDurationMs: number;
}

export interface HealthConfig {
  readonly storageList: HealthTimes;
  readonly storageLoad: HealthTimes;
  readonly storageStore: HealthTimes;
  readonly start: HealthTimes & { readonly reportHealthz: boolean; readonly reportMetadata: boolean };
}
