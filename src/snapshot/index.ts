/** Snapshots and deltas: object names, and the message in them, written and read as a stream. See docs in each file. */
export { checkTransform, checkVersions, isDeletedEntry, type TransformSettings } from './checks.ts';
export {
  COMPAT_VERSION,
  DUPSORT_TRANSFORM,
  FLAG_DELETED,
  FORMAT_VERSION,
  GENERATION_ID,
  MAX_KEY_BYTES,
  NEWEST_READABLE_COMPAT_VERSION,
  ORIGINAL_FLAGS_FORMAT_VERSION,
} from './constants.ts';
export { type EncodeOptions, type EncodeSummary, encodeSnapshot } from './encode.ts';
export { EntryPacker, type PackedRuns, type PackerOptions } from './entry-packer.ts';
export {
  type CorruptReason,
  CorruptSnapshotError,
  type RefusedReason,
  RefusedSnapshotError,
  SnapshotNameError,
  type SnapshotNameReason,
} from './errors.ts';
export { DEFAULT_LIMITS, type SnapshotLimits } from './limits.ts';
export type {
  DbiHeader,
  DbiSource,
  EntryCursor,
  EntryRef,
  PackedEntries,
  SnapshotHeader,
  SnapshotMeta,
  SnapshotVisitor,
} from './message.ts';
export {
  buildSnapshotName,
  DELTA_EXTENSION,
  parseSnapshotName,
  SNAPSHOT_EXTENSION,
  type SnapshotKind,
  type SnapshotName,
  type SnapshotNameExtra,
  type SnapshotNameParts,
  shortHash,
  snapshotNameOf,
  toInstanceId,
} from './names.ts';
export { type OpenObject, type ReadOptions, readSnapshot, type SnapshotSummary } from './read.ts';
export {
  formatNameTimestamp,
  parseNameTimestamp,
  type TimestampNano,
  timestampFromMilli,
  timestampFromParts,
  timestampHi,
  timestampLo,
  toTimestampNano,
} from './timestamp.ts';
