/** The `formatVersion` we write (SNP-02: 1 empty value = deleted; 2 flags field; 3 original DBI flags and transform). */
export const FORMAT_VERSION = 3;
/** The `compatVersion` we write: the oldest reader our files can be read by. */
export const COMPAT_VERSION = 1;
/** The newest `compatVersion` we can read; a file that asks for more is refused (LWW-02). */
export const NEWEST_READABLE_COMPAT_VERSION = 3;
/** From this version on a DBI's flags are those of the original DBI, and its transform is given (SNP-34). */
export const ORIGINAL_FLAGS_FORMAT_VERSION = 3;
/** From this version on an empty value is a value; before, it meant deleted (LWW-18). */
export const EMPTY_VALUE_FORMAT_VERSION = 2;

/** The generation every writer uses today, in names and in `Meta`. */
export const GENERATION_ID = 'GX';
/** The only transform there is: MDB_DUPSORT pairs folded into unique keys. */
export const DUPSORT_TRANSFORM = 'dupsort_hack_v1';
/** `KV.flags` bit of a tombstone; the same bit as in the LMDB value header. */
export const FLAG_DELETED = 1;

/** LMDB's own limit of a key or a DBI name, bytes (`mdb_env_get_maxkeysize` of every common build). */
export const MAX_KEY_BYTES = 511;

/** Protobuf tags, `field << 3 | wire type`, as they stand on the wire (docs/format.md, "Snapshot message"). */
export const SNAPSHOT_TAG = { formatVersion: 0x08, meta: 0x12, dbi: 0x1a, compatVersion: 0x20 } as const;
export const META_TAG = {
  generationId: 0x0a,
  instanceId: 0x12,
  hostname: 0x1a,
  lmdbTxnId: 0x20,
  timestampNano: 0x29,
  databaseName: 0x3a,
  fromLmdbTxnId: 0x40,
} as const;
export const DBI_TAG = { name: 0x0a, entry: 0x12, flags: 0x18, transform: 0x22 } as const;
export const ENTRY_TAG = { key: 0x0a, value: 0x12, timestampNano: 0x19, flags: 0x20 } as const;
