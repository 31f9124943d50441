/** Looks at LMDBs and buckets for an operator. Reads only: writes nothing, creates nothing, takes no lock of ours. */
export { byInstance, type InstanceObjects, type NamedObject, objectsThatCount } from './bucket-objects.ts';
export { type CompareOptions, comparePair, type PairKind, type PairReport } from './compare.ts';
export { type Content, type ContentHash, contentsOf, hashOf } from './content.ts';
export { type OpenDatabase, withOpenDatabase } from './database.ts';
export { type Difference, Differences, type Side, sideOf } from './difference.ts';
export { readContents } from './object-content.ts';
export type { OnProgress, Progress } from './progress.ts';
export { findUnrecorded } from './unrecorded.ts';
export {
  type BucketKind,
  type BucketReport,
  objectsOf,
  type VerifyOptions,
  verifyWithBucket,
} from './verify-bucket.ts';
