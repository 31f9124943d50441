/**
 * What a remote object may cost at most (I7); the defaults are far above any database in use. How well an object compresses is not
 * looked at: deflate ends at 1032:1, a database of padded values comes near, and memory does not grow with either.
 */
export interface SnapshotLimits {
  /** Decompressed bytes of the whole object. */
  readonly maxDecompressedBytes: number;
  /** One value; LMDB itself stops at 4 GiB. */
  readonly maxValueBytes: number;
  /** DBI messages in one object. */
  readonly maxDbis: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export const DEFAULT_LIMITS: SnapshotLimits = {
  maxDecompressedBytes: 64 * GIB,
  maxValueBytes: 2 * GIB,
  maxDbis: 65_536,
};

/** Beyond key and value, what a KV message may hold: tags, lengths, timestamp, flags and fields we do not know. */
export const ENTRY_OVERHEAD_BYTES = 64 * 1024;
/** `Meta` is a handful of short strings. */
export const MAX_META_BYTES = MIB;
/** A transform is a word. */
export const MAX_TRANSFORM_BYTES = 4096;
