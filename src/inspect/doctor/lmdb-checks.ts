import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LmdbConfig } from '../../config/index.ts';
import { MissingFileError, showDbiName } from '../../lmdb/index.ts';
import { instanceLockPath, lockPathOf } from '../../paths/index.ts';
import { isPrivate, readSidecarState, storeOf } from '../../shadow/index.ts';
import { contentsOf } from '../content.ts';
import { type OpenDatabase, withOpenDatabase } from '../database.ts';
import { findUnrecorded } from '../unrecorded.ts';
import type { Findings } from './finding.ts';
import { checkPdns, type PdnsSurroundings } from './pdns-checks.ts';

/** Of the map: beyond it a warning. */
const FULL_FRACTION = 0.8;

/** Everything that one LMDB can have against being synced. Opened for reading only. */
export async function checkLmdb(lmdb: LmdbConfig, findings: Findings, pdns: PdnsSurroundings): Promise<void> {
  try {
    await withOpenDatabase(lmdb, (database) => {
      findings.ok('lmdb-open', `${database.environment.dataPath} can be read by this liblmdb`);
      checkFiles(database, findings);
      checkReaders(database, findings);
      checkContent(database, findings);
      checkMap(database, lmdb, findings);
      if (lmdb.shadow === 'sidecar') checkSidecar(database, findings);
      checkPdns(database, lmdb, findings, pdns);
    });
  } catch (error) {
    if (error instanceof MissingFileError && lmdb.options.create) {
      findings.info('lmdb-open', `${lmdb.path} does not exist yet; sync will make it (options.create)`);
    } else findings.failed('lmdb-open', error);
  }
}

function checkFiles({ environment }: OpenDatabase, findings: Findings): void {
  const { dataPath } = environment;
  const lockPath = lockPathOf(dataPath, environment.options.noSubdir ?? false);
  const hint = 'run doctor and sync as the user of the application, or give this user the right to write';
  const unwritable = [dataPath, lockPath].filter((path) => existsSync(path) && !isWritable(path));
  if (unwritable.length > 0) findings.error('file-rights', `this user may not write ${unwritable.join(' and ')}`, hint);
  else findings.ok('file-rights', 'this user may write the data file and the lock file');
  if (!isWritable(dirname(dataPath))) {
    findings.warning('file-rights', `no lock against a second sync can be made in ${dirname(dataPath)}`, hint);
  }
  const owner = statSync(dataPath).uid;
  const own = process.getuid?.();
  if (own === 0 && owner !== 0) {
    findings.warning(
      'file-owner',
      `the data file belongs to user ${owner}, and this is root`,
      'run sync as that user: files that root makes cannot be opened by the application',
    );
  }
  const holder = syncHolder(dataPath);
  if (holder !== undefined) findings.info('already-synced', `a lock file says that it is synced: ${holder}`);
}

/** What a start would refuse, as far as it can be seen while another process may be syncing. */
function checkSidecar({ environment, view }: OpenDatabase, findings: Findings): void {
  const hasInside = [...view.dbis.keys()].some(isPrivate);
  const move = 'run `lmdbstream shadow move --to sidecar`';
  if (hasInside) findings.error('sidecar', 'the LMDB has its shadows inside, and shadow: sidecar is configured', move);
  const state = view.sidecar && readSidecarState(view.sidecar);
  if (!state) {
    findings.info('sidecar', 'there is no sidecar yet; the first start makes it');
  } else if (state.txnId > view.txnId) {
    const what = `it agrees with transaction ${state.txnId}, and the LMDB is at ${view.txnId}`;
    findings.warning(
      'sidecar',
      what,
      'an older LMDB was put back: the next start merges what this instance has published',
    );
  } else if (state.txnId > 0 && state.dataFile !== environment.dataFileIdentity) {
    findings.warning('sidecar', 'it was made beside another data file', 'both must have been copied together');
  } else findings.ok('sidecar', `it agrees with transaction ${state.txnId}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What the lock file says; it is only read, never locked, so that it may be one that was left behind. */
function syncHolder(dataPath: string): string | undefined {
  try {
    return readFileSync(instanceLockPath(dataPath), 'utf8').split('\n')[0]!.slice(0, 200) || 'by whom it does not say';
  } catch {
    return undefined;
  }
}

function checkReaders({ environment }: OpenDatabase, findings: Findings): void {
  const slots = environment.readerSlots;
  const taken = environment.readers().length;
  if (taken * 10 > slots * 9) {
    findings.warning(
      'readers',
      `${taken} of ${slots} reader slots are taken`,
      'let the application ask for more readers',
    );
  } else findings.ok('readers', `${taken} of ${slots} reader slots are taken`);
}

function checkContent({ view, schema }: OpenDatabase, findings: Findings): void {
  const names: string[] = [];
  const counts = new Map<string, number>();
  const sink = {
    addDbi: ({ name }: { name: string }) => names.push(name) - 1,
    add: ({ dbi }: { dbi: number }) => counts.set(names[dbi]!, (counts.get(names[dbi]!) ?? 0) + 1),
  };
  try {
    findUnrecorded(view, schema, sink);
    if (schema.native)
      for (const content of contentsOf(view, true)) for (const walker = content.walk(); walker.next(); );
  } catch (error) {
    findings.failed('content', error);
    return;
  }
  findings.ok('content', `${contentsOf(view, false).length} DBIs, all of which can be synced`);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return;
  const isFirst = storeOf(false).dbiNames(view).length === 0;
  const dbis = [...counts.keys()].map(showDbiName).join(', ');
  if (isFirst)
    findings.info('unrecorded', `not synced yet: ${total} entries will be recorded as old at the first start`);
  else findings.info('unrecorded', `${total} changes of the application are not recorded yet (${dbis})`);
}

function checkMap(
  { environment, view, schema }: OpenDatabase,
  { options, shadow }: LmdbConfig,
  findings: Findings,
): void {
  const { mapSizeBytes, lastPageNumber } = environment.info();
  const usedBytes = (lastPageNumber + 1) * environment.pageSizeBytes;
  const isCopied = [...view.dbis.keys()].some(isPrivate);
  const needBytes = schema.native || isCopied || shadow === 'sidecar' ? usedBytes : usedBytes * 2;
  const sizes = `${usedBytes} bytes used, about ${needBytes} needed, the map has ${mapSizeBytes}`;
  const larger = Math.max(options.mapSizeBytes, mapSizeBytes);
  const hint = 'raise options.map_size here, and the map size of the application';
  if (needBytes > larger) findings.error('map-size', `${sizes}: the shadows do not fit`, hint);
  else if (needBytes > larger * FULL_FRACTION) findings.warning('map-size', `${sizes}: it will soon be full`, hint);
  else findings.ok('map-size', sizes);
}
