import type { BucketPlace } from './bucket-url.ts';

export interface FoundLmdb {
  readonly name: string;
  readonly path: string;
  readonly noSubdir: boolean;
  readonly isNative: boolean;
  readonly hasDuplicates: boolean;
  /** Of the file; 0: there is none yet. */
  readonly mapSizeBytes: number;
}

export interface ConfigTextOptions {
  readonly lmdbs: readonly FoundLmdb[];
  readonly bucket: BucketPlace;
  /** One line of what was found, e.g. of the PowerDNS. */
  readonly found: string;
  readonly isPdns: boolean;
  readonly instance: string | undefined;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
}

/** The text of a configuration file, with a comment at everything that an operator may want to change. Pure. */
export function configText({ lmdbs, bucket, found, isPdns, ...more }: ConfigTextOptions): string {
  const { instance, endpoint, region } = more;
  return `# Made by lmdbstream init. ${found}
# Every key: docs/configuration.md. The same file serves every machine of the fleet.

# Name of this machine in the bucket, different on each. Without it the hostname is used.
${instance === undefined ? '#instance: a-name' : `instance: ${yamlText(instance)}`}

lmdbs:
${lmdbs.map((lmdb) => lmdbText(lmdb, isPdns)).join('')}
storage:
${bucketText(bucket, endpoint, region)}  cleanup:
    enabled: true                  # remove what newer objects replace

# Forget deletions after a year; a machine that was away for longer has to join anew.
sweeper:
  enabled: true

# A merge holds LMDB's write lock for at most this long at a time. Leave it out on machines that run Lightning Stream.
lmdb_lock_max: 100ms

# Status page, health and metrics, for this machine only.
http:
  address: 127.0.0.1:8500
${isPdns ? EVENTS : ''}`;
}

const EVENTS = `
# PowerDNS forgets what changed, and answers with it at once; see docs/events.md. The socket lies in its socket-dir.
#events:
#  powerdns: {control_socket: /run/pdns/pdns.controlsocket}
`;

function lmdbText({ name, path, noSubdir, isNative, hasDuplicates, mapSizeBytes }: FoundLmdb, isPdns: boolean): string {
  const lines = [
    `  ${yamlText(name)}:`,
    `    path: ${yamlText(path)}`,
    isNative
      ? '    schema_tracks_changes: true    # the application writes the times of changes itself'
      : '    schema_tracks_changes: false   # the times of changes are kept in DBIs of our own (_sync_shadow_...)',
    ...(hasDuplicates ? ['    dupsort_hack: true             # some DBIs hold several values under one key'] : []),
    '    options:',
    `      no_subdir: ${noSubdir}${noSubdir ? '              # path is the data file, not its folder' : ''}`,
    ...(isPdns ? ['      file_mask: 0600              # as PowerDNS: private keys of DNSSEC are in there'] : []),
    ...(mapSizeBytes > 0 ? [`      map_size: ${sizeText(mapSizeBytes)}              # as the application's`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function bucketText(bucket: BucketPlace, endpoint: string | undefined, region: string | undefined): string {
  const lines = (pairs: readonly (readonly [key: string, value: string | undefined])[]): string =>
    pairs.map(([key, value]) => (value ? `    ${key}: ${yamlText(value)}\n` : '')).join('');
  if (bucket.type === 'fs') return `  type: fs\n  options:\n${lines([['root_path', bucket.folder]])}`;
  if (bucket.type === 's3') {
    return `  type: s3
  options:
${lines([
  ['bucket', bucket.bucket],
  ['global_prefix', bucket.prefix],
  ['region', region ?? 'us-east-1'],
  ['endpoint_url', endpoint],
])}    # Without keys: the environment, the profile or the role of the machine. From the environment by name:
    #access_key: \${S3_ACCESS_KEY}
    #secret_key: \${S3_SECRET_KEY}
`;
  }
  return `  type: azure
  options:
${lines([
  ['account_name', bucket.account],
  ['container', bucket.container],
  ['global_prefix', bucket.prefix],
  ['endpoint_url', endpoint],
])}    # Without a key: the identity of the machine.
    #use_shared_key: true
    #account_key: \${AZURE_ACCOUNT_KEY}
`;
}

const MIB = 2 ** 20;

function sizeText(sizeBytes: number): string {
  return sizeBytes % MIB === 0 ? `${sizeBytes / MIB}MB` : `${sizeBytes}`;
}

/** JSON is YAML; `$` would be taken for a name of the environment, and cannot be escaped everywhere. */
function yamlText(text: string): string {
  return /^[A-Za-z0-9/][A-Za-z0-9/._-]*$/.test(text) && !/^(?:true|false|yes|no|on|off|null|[\d._]+)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
