/** Looks at LMDBs and buckets for an operator. Reads only: writes nothing, creates nothing, takes no lock of ours. */
export { byInstance, type InstanceObjects, type NamedObject, objectsThatCount } from './bucket-objects.ts';
export { type CompareOptions, comparePair, type PairKind, type PairReport } from './compare.ts';
export { type Content, type ContentHash, contentsOf, hashOf } from './content.ts';
export { lmdbAt, type OpenDatabase, withOpenDatabase } from './database.ts';
export { type Difference, Differences, type Side, sideOf } from './difference.ts';
export { type BucketChecks, checkBucket } from './doctor/bucket-checks.ts';
export { type Finding, type FindingLevel, Findings } from './doctor/finding.ts';
export { checkLmdb } from './doctor/lmdb-checks.ts';
export { checkMachine, type Machine } from './doctor/machine-checks.ts';
export type { PdnsSurroundings } from './doctor/pdns-checks.ts';
export { readContents } from './object-content.ts';
export { type PdnsFile, type PdnsZones, pdnsFileOf, pdnsZonesOf } from './pdns.ts';
export type { OnProgress, Progress } from './progress.ts';
export { type BucketPeer, bucketPeers } from './status.ts';
export { findUnrecorded } from './unrecorded.ts';
export {
  type BucketKind,
  type BucketReport,
  objectsOf,
  type VerifyOptions,
  verifyWithBucket,
} from './verify-bucket.ts';
