/** Moves what lmdbstream knows of an LMDB to another schema of its application. Writes; never more than it was asked to. */
export {
  type DuplicateDomain,
  type DuplicateDomains,
  findDuplicateDomains,
  renameDuplicateDomains,
} from './duplicate-domains.ts';
export {
  MigrationEntryError,
  MigrationRefusedError,
  MissingSourceError,
  NewConfigError,
  NotPdnsMainError,
} from './errors.ts';
export { type MovedTable, movesOf, moveTimes, nativeConfigText, problemsOf } from './powerdns/index.ts';
export {
  countOnly,
  migrateTimestamps,
  type TimesSink,
  type TimestampsOptions,
  type TimestampsResult,
} from './timestamps.ts';
