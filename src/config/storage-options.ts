/**
 * What a storage backend is told. Absent means: not configured. Times are in milliseconds.
 * The names in the file are the reference's (`endpointUrl` is `endpoint_url`, `initTimeoutMs` is `init_timeout`).
 */

export interface TlsOptions {
  /** PEM file, or the PEM itself, of the authorities that may sign the server's certificate. */
  readonly caFile?: string;
  readonly ca?: string;
  /** The system's authorities as well as `ca`. */
  readonly addSystemCaPool: boolean;
  /** Client certificate and its key, as files or as PEM. */
  readonly certFile?: string;
  readonly cert?: string;
  readonly keyFile?: string;
  readonly key?: string;
  /** Read the files again when they change. */
  readonly watchCerts: boolean;
  readonly watchCertsPollIntervalMs: number;
  readonly requireClientCert: boolean;
  /** Dangerous: accepts any certificate. */
  readonly insecureSkipVerify: boolean;
  readonly insecureKeyLogFile?: string;
}

/** Shared by the backends that speak HTTP. */
export interface RemoteOptions {
  /** Put in front of every object's name, as it is. */
  readonly globalPrefix: string;
  readonly endpointUrl?: string;
  readonly tls: TlsOptions;
  /** How often key files are read again. */
  readonly secretsRefreshIntervalMs: number;
  readonly initTimeoutMs: number;
  readonly idleConnTimeoutMs: number;
  readonly maxIdleConns: number;
  readonly dialTimeoutMs: number;
  readonly dialKeepAliveMs: number;
  readonly tlsHandshakeTimeoutMs: number;
  /** For one whole request, body included. */
  readonly clientTimeoutMs: number;
  /** Read one small object instead of listing, as long as nothing changed. */
  readonly useUpdateMarker: boolean;
  readonly updateMarkerForceListIntervalMs: number;
}

/** Without any key: ambient credentials (environment, profile, role of the machine). */
export interface S3Options extends RemoteOptions {
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly accessKeyFile?: string;
  readonly secretKeyFile?: string;
  readonly region: string;
  readonly bucket: string;
  readonly createBucket: boolean;
  readonly storageClass?: string;
  readonly prefixFolders: boolean;
  readonly hideFolders: boolean;
  readonly disableSendContentMd5: boolean;
  readonly numMinioThreads?: number;
}

export interface AzureOptions extends RemoteOptions {
  readonly accountName?: string;
  readonly accountKey?: string;
  readonly accountKeyFile?: string;
  readonly useSharedKey: boolean;
  readonly container: string;
  readonly createContainer: boolean;
  /** Parallel blocks of one upload; absent: the backend's choice. */
  readonly concurrency?: number;
}

export interface FsOptions {
  readonly rootPath: string;
}
