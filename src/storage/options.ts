/** Times are milliseconds; an absent (or undefined) option has the default that is named with it. */

export interface TlsOptions {
  /** PEM; `caFile` and `ca` add up. Without either, the system's and Node's own authorities are trusted. */
  readonly caFile?: string | undefined;
  readonly ca?: string | undefined;
  /** Trust the usual authorities besides the own ones; default false. */
  readonly addSystemCaPool?: boolean | undefined;
  /** Client certificate and its key, PEM, as a file or inline. */
  readonly certFile?: string | undefined;
  readonly cert?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly key?: string | undefined;
  /** Read the files again when they change; default false. */
  readonly watchCerts?: boolean | undefined;
  /** Default 5 s. */
  readonly watchCertsPollIntervalMs?: number | undefined;
  /** Of meaning to servers only; accepted because the reference accepts it. */
  readonly requireClientCert?: boolean | undefined;
  /** Trust any certificate; default false. */
  readonly insecureSkipVerify?: boolean | undefined;
  /** Appends the session keys of every connection in NSS format; for debugging. */
  readonly insecureKeyLogFile?: string | undefined;
}

export interface HttpOptions {
  readonly endpointUrl?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** For the calls at start, default 20 s. */
  readonly initTimeoutMs?: number | undefined;
  /** An unused connection is closed after it, default 90 s. */
  readonly idleConnTimeoutMs?: number | undefined;
  /** Unused connections that are kept, default 100. */
  readonly maxIdleConns?: number | undefined;
  /** Until TCP is connected, default 10 s. */
  readonly dialTimeoutMs?: number | undefined;
  /** Interval of TCP keep-alive, default 10 s. */
  readonly dialKeepAliveMs?: number | undefined;
  /** From TCP to TLS, default 10 s. */
  readonly tlsHandshakeTimeoutMs?: number | undefined;
  /** For one call, its body included; default 15 minutes. */
  readonly clientTimeoutMs?: number | undefined;
}

export interface BucketOptions extends HttpOptions {
  /** Put before every name as it is (no `/` is added), taken off in listings. */
  readonly globalPrefix?: string | undefined;
  /** How often key files are read again, default 15 s, at least 1 s. */
  readonly secretsRefreshIntervalMs?: number | undefined;
  /** Default false. */
  readonly useUpdateMarker?: boolean | undefined;
  /** A listing is made at least this often although the marker did not change; default 5 minutes. */
  readonly updateMarkerForceListIntervalMs?: number | undefined;
}

export interface S3Options extends BucketOptions {
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly accessKeyFile?: string | undefined;
  readonly secretKeyFile?: string | undefined;
  /** Default `us-east-1`. */
  readonly region?: string | undefined;
  readonly bucket: string;
  /** Default false. */
  readonly createBucket?: boolean | undefined;
  readonly storageClass?: string | undefined;
  /** Show `foo/` instead of what is below it; deprecated, use `hideFolders`. */
  readonly prefixFolders?: boolean | undefined;
  /** Leave out names with a `/` after the prefix of the listing. */
  readonly hideFolders?: boolean | undefined;
  /** No MD5 is sent with uploads, nor compared with the ETag that comes back; default false. */
  readonly disableSendContentMd5?: boolean | undefined;
  /** Parts of a large upload that are sent at the same time, default 4. */
  readonly numMinioThreads?: number | undefined;
}

export interface AzureOptions extends BucketOptions {
  readonly accountName?: string | undefined;
  readonly accountKey?: string | undefined;
  readonly accountKeyFile?: string | undefined;
  /** Sign with the account's key; default false: the credentials of the environment (managed identity and others). */
  readonly useSharedKey?: boolean | undefined;
  readonly container: string;
  /** Default false. */
  readonly createContainer?: boolean | undefined;
  /** Blocks of a large upload that are sent at the same time, default 1. */
  readonly concurrency?: number | undefined;
}

export interface FsOptions {
  readonly rootPath: string;
  /** Make the folder (0755) when it is missing; default true. */
  readonly createFolder?: boolean | undefined;
}

export type StorageOptions =
  | { readonly type: 'fs'; readonly options: FsOptions }
  | { readonly type: 'memory' }
  | { readonly type: 's3'; readonly options: S3Options }
  | { readonly type: 'azure'; readonly options: AzureOptions };

/** A question makes nothing: a wrong name would be hidden, and an empty folder take the place of one that is not mounted. */
export function withoutCreating(storage: StorageOptions): StorageOptions {
  switch (storage.type) {
    case 'fs':
      return { type: 'fs', options: { ...storage.options, createFolder: false } };
    case 's3':
      return { type: 's3', options: { ...storage.options, createBucket: false } };
    case 'azure':
      return { type: 'azure', options: { ...storage.options, createContainer: false } };
    case 'memory':
      return storage;
  }
}
