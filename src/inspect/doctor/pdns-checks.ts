import { resolve } from 'node:path';
import type { LmdbConfig } from '../../config/index.ts';
import { FIRST_NATIVE_SCHEMA, isOn, type PdnsConf, releasesOf } from '../../powerdns/index.ts';
import type { OpenDatabase } from '../database.ts';
import { type PdnsZones, pdnsFileOf, pdnsZonesOf } from '../pdns.ts';
import type { Findings } from './finding.ts';

export interface PdnsSurroundings {
  /** All configured LMDBs. */
  readonly lmdbs: Iterable<LmdbConfig>;
  /** undefined: pdns.conf was not found, or may not be read. */
  readonly conf: PdnsConf | undefined;
  /** lmdbstream tells PowerDNS what to forget (`events.powerdns`). */
  readonly isTold: boolean;
}

const NEWEST_SCHEMA = 6;
/** Random ids have 31 bits: one so small is one that was counted. */
const SMALL_ID = 1_000_000;

/** What only PowerDNS needs; nothing for the LMDB of another application. */
export function checkPdns(
  { transaction }: OpenDatabase,
  lmdb: LmdbConfig,
  findings: Findings,
  { lmdbs, conf, isTold }: PdnsSurroundings,
): void {
  const file = pdnsFileOf(transaction);
  if (file?.role !== 'main') return;
  const { schemaVersion, shards } = file;
  if (schemaVersion === undefined) {
    findings.error('pdns-schema', 'the schema version of PowerDNS cannot be read', 'is this a main file of PowerDNS?');
    return;
  }
  checkSchema(schemaVersion, lmdb, findings);
  checkShards(schemaVersion, shards, lmdb, lmdbs, findings);
  const zones = pdnsZonesOf(transaction);
  checkZones(zones, findings);
  if (isTold) findings.ok('pdns-caches', 'PowerDNS is told what changed (events.powerdns)');
  if (conf) checkConf(schemaVersion, conf, isTold, findings);
  else findings.info('pdns-conf', 'pdns.conf was not read', 'name it with --pdns-conf');
}

function checkSchema(version: number, { schemaTracksChanges }: LmdbConfig, findings: Findings): void {
  const isNative = version >= FIRST_NATIVE_SCHEMA;
  const what = `schema ${version} (${releasesOf(version)})`;
  if (version > NEWEST_SCHEMA) {
    findings.warning('pdns-schema', `${what} is newer than this lmdbstream knows`, 'look for a newer lmdbstream');
  } else if (isNative !== schemaTracksChanges) {
    const hint = `set schema_tracks_changes: ${isNative}${isNative ? '' : ' and dupsort_hack: true'}`;
    findings.error('pdns-schema', `${what} ${isNative ? 'writes' : 'does not write'} times of changes itself`, hint);
  } else findings.ok('pdns-schema', what);
}

function checkShards(
  version: number,
  shards: number | undefined,
  lmdb: LmdbConfig,
  lmdbs: Iterable<LmdbConfig>,
  findings: Findings,
): void {
  if (shards === undefined) return;
  const configured = new Set([...lmdbs].map(({ path }) => resolve(path)));
  const missing = Array.from({ length: shards }, (_, index) => `${resolve(lmdb.path)}-${index}`).filter(
    (path) => !configured.has(path),
  );
  const hint = 'list every shard under lmdbs: zones arrive without their records otherwise';
  if (missing.length > 0) {
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
    findings.error('pdns-shards', `not configured: ${missing.slice(0, 3).join(', ')}${more}`, hint);
  } else findings.ok('pdns-shards', `all ${shards} shards are configured`);
  if (version >= FIRST_NATIVE_SCHEMA && shards !== 1) {
    findings.error(
      'pdns-shards',
      `the main file has ${shards} shards, and lmdb-lightning-stream=yes allows only one`,
      'make a new LMDB with lmdb-shards=1 and move the zones to it (docs/migration.md)',
    );
  }
}

function checkZones({ count, largestId, twice }: PdnsZones, findings: Findings): void {
  if (count > 0 && largestId < SMALL_ID) {
    findings.warning(
      'pdns-random-ids',
      `the ids of the ${count} zones are counted, not random`,
      'set lmdb-random-ids=yes on every machine before a zone is made: zones of the same id overwrite each other',
    );
  } else if (count > 0) findings.ok('pdns-random-ids', `the ids of the ${count} zones look random`);
  if (twice.length > 0) {
    findings.warning(
      'pdns-zones-twice',
      `exist twice: ${twice.slice(0, 10).join(', ')}${twice.length > 10 ? ` and ${twice.length - 10} more` : ''}`,
      'see docs/powerdns.md, "One zone made on two machines"',
    );
  } else findings.ok('pdns-zones-twice', 'no zone exists twice');
}

/** Longest time, in seconds, for which a cache may go on answering before it is worth a word. */
const CACHES: readonly (readonly [name: string, defaultSeconds: number, what: string])[] = [
  ['zone-cache-refresh-interval', 300, 'new zones are refused'],
  ['negquery-cache-ttl', 60, 'new records that were asked for before are missing'],
  ['zone-metadata-cache-ttl', 60, 'old metadata is used'],
  ['dnssec-key-cache-ttl', 30, 'old keys are used'],
  ['query-cache-ttl', 20, 'old records are answered'],
  ['cache-ttl', 20, 'old answers are given'],
];

function checkConf(version: number, conf: PdnsConf, isTold: boolean, findings: Findings): void {
  for (const [name, defaultSeconds, what] of isTold ? [] : CACHES) {
    const seconds = Number(conf.get(name) ?? defaultSeconds);
    if (!(seconds > 0)) continue;
    const message = `${name} is ${seconds}: for so many seconds after a change arrives, ${what}`;
    if (name === 'zone-cache-refresh-interval')
      findings.warning('pdns-caches', message, 'set events.powerdns (docs/events.md)');
    else findings.info('pdns-caches', message, 'set events.powerdns, or lower it where that is too long');
  }
  if (version >= FIRST_NATIVE_SCHEMA && !isOn(conf, 'lmdb-lightning-stream')) {
    findings.error(
      'pdns-lightning-stream',
      'lmdb-lightning-stream is not set: deletions leave no mark, and come back',
      'set lmdb-lightning-stream=yes in pdns.conf',
    );
  }
  if (version < FIRST_NATIVE_SCHEMA && !isOn(conf, 'lmdb-random-ids')) {
    findings.warning('pdns-random-ids', 'lmdb-random-ids is not set', 'set lmdb-random-ids=yes on every machine');
  }
}
