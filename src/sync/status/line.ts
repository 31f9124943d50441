import { showDbiName } from '../../lmdb/index.ts';
import type { Log, LogFields } from '../../log/index.ts';
import { errorText, type SyncEventBody } from './events.ts';
import { reportFields } from './repeated-failure.ts';

/** A line of the log. */
export interface Line {
  readonly level: Exclude<keyof Log, 'child'>;
  readonly message: string;
  readonly fields: LogFields;
}

const OUTDATED =
  'Not loading an object that is older than deletions are remembered: what was deleted since would come back. ' +
  'Remove it, or check the clock of its instance; --accept-stale loads it';
const OLDER =
  'The LMDB is older than what was seen of it: a backup was put back. All times are forgotten, and what this instance has published is ' +
  'merged again; changes made after the backup and never published are lost, and so are those made since where the bucket has the key';
const VALUES_FORGOTTEN =
  'The application dropped a DBI, and nobody here has the values of some of its entries: they are kept again when an object brings them';
const DETACHED =
  'The application dropped DBIs that are synchronised: they are kept in their shadows, nothing of them is published, and they are filled ' +
  'when they are made again; dropped_dbis: delete would delete their entries everywhere';
const ZONES_TWICE =
  'Zones were made on two machines, and exist twice: each server answers from one of the two. See "One zone made on two machines" in ' +
  'docs/powerdns.md';
/** Names in one line of the log. */
const MOST_NAMES = 10;
const UNPUBLISHED =
  'Stopping with changes that are not published yet; they are safe in the LMDB and go out at the next start';
const REPLACED =
  'The data file was replaced while it was open: opening what is there now. LMDB wants every program stopped before that';
const MISSING =
  'Waiting for the data file, which the application makes or whoever restores it moves into place; ' +
  'to have it made here, restart with options.create';
const FEW_SLOTS =
  'The LMDB has few reader slots: using one for moments only, every change costs a full scan. The program that opens it first ' +
  'decides (mdb_env_set_maxreaders)';
const MISSED = 'A full scan found changes that had not been noticed; they are repaired now. Please report this';

/** Pure: what the log says of an event; undefined: nothing. */
export function lineOf(event: SyncEventBody): Line | undefined {
  switch (event.type) {
    case 'opened': {
      const { mapSizeBytes: mapSize, lastTxnId: lastTxnID } = event.stats;
      return info('Opened LMDB', { path: event.path, mapSize, lastTxnID });
    }
    case 'dataFileReplaced':
      return warn(REPLACED, { reason: event.error.message });
    case 'waitingForFile':
      return info('Waiting for the application to make its LMDB, or for an object in the bucket', { path: event.path });
    case 'dataFileMissing':
      return event.tell && warn(MISSING, { path: event.path, ...reportFields(event.tell) });
    case 'recordFailed':
      if (event.failures > 1) return undefined;
      return error('Local changes cannot be recorded; trying again', { error: errorText(event.error) });
    case 'recordRecovered':
      return info('Recording local changes works again', {});
    case 'stored':
      return info('Stored snapshot', {
        snapshot_name: event.object.name,
        snapshot_size: event.sizeBytes,
        time_dump_ms: Math.round(event.encodeMs),
        time_store_ms: Math.round(event.storeMs),
        txnID: event.txnId,
      });
    case 'storeFailed':
      return storeFailed(event);
    case 'leftUnpublished':
      return warn(UNPUBLISHED, { error: errorText(event.error) });
    case 'listed':
      return event.over && info('Listing the storage works again', reportFields(event.over));
    case 'listFailed':
      return event.tell && error('Listing the storage failed', failureFields(event, event.tell));
    case 'filling':
      if (!event.tell) return undefined;
      return info('Filling a shadow', { dbi: event.dbi, filled: event.filled, entries: event.entries });
    case 'downloading': {
      if (!event.tell) return undefined;
      const { name, doneBytes, totalBytes } = event;
      return info('Downloading remote update', { snapshot_name: name, done_bytes: doneBytes, total_bytes: totalBytes });
    }
    case 'merging': {
      if (!event.tell) return undefined;
      const { name, done, total } = event;
      if (total === undefined) return info('Reading remote update', { snapshot_name: name, read: done });
      return info('Merging remote update', { snapshot_name: name, written: done, winners: total });
    }
    case 'loaded':
      return loaded(event);
    case 'refused':
      return error('Refused a remote object', { name: event.object.name, error: errorText(event.error) });
    case 'loadFailed':
      return loadFailed(event);
    case 'gone':
      return debug('A remote object was removed before it was loaded', { name: event.object.name });
    case 'foreignObject':
      return debug('Ignoring an object whose name is not ours', { name: event.name });
    case 'outdatedObject':
      return warn(OUTDATED, { name: event.name });
    case 'mapEnlarged':
      return warn('The map was full and has been enlarged', { fromBytes: event.fromBytes, toBytes: event.toBytes });
    case 'fullScan':
      if (event.differences === 0) return undefined;
      return error(MISSED, { entries: event.differences, dbis: event.dbis.join(' ') });
    case 'detached':
      if (event.dbis.length === 0) return info('No DBI is detached any more', {});
      return warn(DETACHED, { dbis: event.dbis.map(showDbiName).join(' ') });
    case 'duplicateZones':
      if (event.zones.length === 0) return info('No zone exists twice any more', {});
      return warn(ZONES_TWICE, { zones: event.zones.slice(0, MOST_NAMES).join(' '), count: event.zones.length });
    case 'massDeletion':
      return warn('The application deleted more than half of a DBI; that is published now', {
        dbi: showDbiName(event.dbi),
        deleted: event.deleted,
        of: event.entries,
      });
    case 'distrustedReader':
      return warn('The held reader is no longer in the lock table: comparing everything', { txnId: event.txnId });
    case 'sidecarResolved':
      return warn('A write was cut short: the sidecar is in step with the LMDB again', {
        entries: event.intents,
        committed: event.isCommitted,
      });
    case 'sidecarRebuilt':
      return warn('The sidecar was lost, or an old one, and was rebuilt from the objects of the bucket', {
        missing: event.wasMissing,
        objects: event.objects,
        entries: event.entries,
        undecided: event.undecided,
      });
    case 'sidecarForgotten':
      return warn(OLDER, { txnID: event.txnId, seenTxnID: event.seenTxnId });
    case 'valuesForgotten':
      return warn(VALUES_FORGOTTEN, { dbi: showDbiName(event.dbi), entries: event.entries });
    case 'pagesUnreadable':
      return warn('The pages of this data file cannot be read: using cursors, every change costs a full scan', {
        reason: event.error.message,
      });
    case 'fewReaderSlots':
      return warn(FEW_SLOTS, { slots: event.slots, wanted: event.wanted });
    case 'futureTimestamps':
      return warn('A peer stamps its entries far in the future: check its clock', { object: event.name });
    case 'duplicateInstance':
      return error('Another process publishes under our instance name: give every machine its own', {
        instance: event.instanceId,
        object: event.name,
      });
    case 'chainGap':
      return warn('Changes of an instance are missing in the bucket; its next full snapshot brings them', {
        instance: event.instanceId,
        openMs: Math.round(event.openMs),
      });
    case 'chainGapHealed':
      return info('The missing changes of an instance have come', {
        instance: event.instanceId,
        openMs: Math.round(event.openMs),
        by: event.by,
      });
    case 'ownMissing':
      return error('The bucket does not show an object that it took; publishing it again', { name: event.name });
    case 'storedWrong':
      return error('The bucket holds other bytes than it was given; removing the object', { name: event.name });
    default:
      return undefined;
  }
}

type Of<Type extends SyncEventBody['type']> = Extract<SyncEventBody, { type: Type }>;

/** Told at once, then ever less often: an outage of hours is one story. */
function storeFailed({ name, error: failed, failures, retryMs }: Of<'storeFailed'>): Line {
  const text = errorText(failed);
  if (retryMs === undefined)
    return error('Store failed too many times; trying again after a pause', { error: text, failures });
  const isTold = (failures & (failures - 1)) === 0;
  return (isTold ? warn : debug)('Store failed', { name, error: text, retryMs });
}

function loaded({ object, ...event }: Of<'loaded'>): Line {
  return info('Loaded remote update', {
    snapshot_name: object.name,
    snapshot_instance: object.instanceId,
    shorthash: event.shortHash,
    entries: event.entries,
    written: event.written,
    compressed_size_bytes: event.sizeBytes,
    time_download_ms: Math.round(event.downloadMs),
    time_merge_ms: Math.round(event.mergeMs),
  });
}

function loadFailed(event: Of<'loadFailed'>): Line | undefined {
  const { name } = event.object;
  if (event.cause === 'database')
    return error('A remote object cannot be merged now; trying again', { name, error: errorText(event.error) });
  return event.tell && warn('Loading a remote object failed', { name, ...failureFields(event, event.tell) });
}

function failureFields(event: Of<'listFailed'> | Of<'loadFailed'>, tell: NonNullable<typeof event.tell>): LogFields {
  return { error: errorText(event.error), ...reportFields(tell) };
}

const line =
  (level: Line['level']) =>
  (message: string, fields: LogFields): Line => ({ level, message, fields });
const debug = line('debug');
const info = line('info');
const warn = line('warn');
const error = line('error');
