import { type DatabasePhase, type ErrorInfo, errorText, type SyncEvent } from './events.ts';

/** What can be told about one database at any time; the operator's side (status page, metrics) is built on it. */
export interface DatabaseStatus {
  readonly name: string;
  readonly phase: DatabasePhase;
  /** Rounds that recorded local changes, and the entries that they wrote to the shadow. */
  readonly localRounds: number;
  readonly localEntries: number;
  readonly mergedObjects: number;
  /** Entries of merged objects that won. */
  readonly mergedEntries: number;
  readonly refusedObjects: number;
  readonly publishedObjects: number;
  readonly publishedBytes: number;
  readonly storeFailures: number;
  /** Stores that were given up after `storage_retry_count` attempts; the change stays due. */
  readonly storeGivenUp: number;
  readonly listFailures: number;
  readonly loadFailures: number;
  /** Write locks taken, the time under them in all, the longest of it, and the time spent waiting for them. */
  readonly locks: number;
  readonly lockHeldMs: number;
  readonly lockHeldMaxMs: number;
  readonly lockWaitMs: number;
  readonly fullScans: number;
  /** Differences that a full scan found and the incremental way had missed: a defect of ours (I6). */
  readonly fullScanDifferences: number;
  /** The held reader had lost its protection and everything was compared. */
  readonly distrustedReaders: number;
  /** DBIs that the application dropped and that only their shadows keep (decision 9). */
  readonly detachedDbis: readonly string[];
  /** Zones of PowerDNS that exist twice, made on two machines. */
  readonly duplicateZones: readonly string[];
  /** Objects with entries stamped far in the future. */
  readonly futureTimestamps: number;
  /** An object that another process published under our instance name. */
  readonly duplicateInstance: string | undefined;
  /** Instances of whose changes some are missing in the bucket, and how often that has healed. */
  readonly gaps: readonly string[];
  readonly healedGaps: number;
  /** Objects of ours that the bucket took and then did not show. */
  readonly ownMissing: number;
  /** The last error that is not known to be over, as one line. */
  readonly lastError: string | undefined;
}

export function newStatus(name: string): DatabaseStatus {
  return {
    name,
    phase: 'opening',
    localRounds: 0,
    localEntries: 0,
    mergedObjects: 0,
    mergedEntries: 0,
    refusedObjects: 0,
    publishedObjects: 0,
    publishedBytes: 0,
    storeFailures: 0,
    storeGivenUp: 0,
    listFailures: 0,
    loadFailures: 0,
    locks: 0,
    lockHeldMs: 0,
    lockHeldMaxMs: 0,
    lockWaitMs: 0,
    fullScans: 0,
    fullScanDifferences: 0,
    distrustedReaders: 0,
    detachedDbis: [],
    duplicateZones: [],
    futureTimestamps: 0,
    duplicateInstance: undefined,
    gaps: [],
    healedGaps: 0,
    ownMissing: 0,
    lastError: undefined,
  };
}

/** Pure: the status after an event. The same object when the event does not change it. */
export function reduceStatus(status: DatabaseStatus, event: SyncEvent): DatabaseStatus {
  switch (event.type) {
    case 'phase':
      return { ...status, phase: event.phase };
    case 'localChange':
      if (event.entries === 0) return status;
      return {
        ...status,
        localRounds: status.localRounds + 1,
        localEntries: status.localEntries + event.entries,
      };
    case 'opened':
      return status.lastError === undefined ? status : { ...status, lastError: undefined };
    case 'dataFileReplaced':
      return { ...withError(status, event.error), phase: 'opening' };
    case 'recordFailed':
      return withError(status, event.error);
    case 'stored':
      return {
        ...status,
        publishedObjects: status.publishedObjects + 1,
        publishedBytes: status.publishedBytes + event.sizeBytes,
        lastError: undefined,
      };
    case 'storeFailed': {
      const storeGivenUp = status.storeGivenUp + (event.retryMs === undefined ? 1 : 0);
      return { ...withError(status, event.error), storeFailures: status.storeFailures + 1, storeGivenUp };
    }
    case 'listFailed':
      return { ...withError(status, event.error), listFailures: status.listFailures + 1 };
    case 'loaded':
      return {
        ...status,
        mergedObjects: status.mergedObjects + 1,
        mergedEntries: status.mergedEntries + event.written,
      };
    case 'refused':
      return { ...withError(status, event.error), refusedObjects: status.refusedObjects + 1 };
    case 'loadFailed': {
      const loadFailures = status.loadFailures + (event.cause === 'storage' ? 1 : 0);
      return { ...withError(status, event.error), loadFailures };
    }
    case 'lock':
      return {
        ...status,
        locks: status.locks + 1,
        lockWaitMs: status.lockWaitMs + event.waitMs,
        lockHeldMs: status.lockHeldMs + event.heldMs,
        lockHeldMaxMs: Math.max(status.lockHeldMaxMs, event.heldMs),
      };
    case 'fullScan':
      return {
        ...status,
        fullScans: status.fullScans + 1,
        fullScanDifferences: status.fullScanDifferences + event.differences,
      };
    case 'detached':
      return { ...status, detachedDbis: event.dbis };
    case 'duplicateZones':
      return { ...status, duplicateZones: event.zones };
    case 'distrustedReader':
      return { ...status, distrustedReaders: status.distrustedReaders + 1 };
    case 'futureTimestamps':
      return { ...status, futureTimestamps: status.futureTimestamps + 1 };
    case 'duplicateInstance':
      return { ...status, duplicateInstance: event.name };
    case 'chainGap':
      return { ...status, gaps: [...withoutInstance(status.gaps, event.instanceId), event.instanceId] };
    case 'chainGapHealed':
      return {
        ...status,
        gaps: withoutInstance(status.gaps, event.instanceId),
        healedGaps: status.healedGaps + 1,
      };
    case 'ownMissing':
      return { ...status, ownMissing: status.ownMissing + 1 };
    case 'error':
      return { ...withError(status, event.error), phase: 'failed' };
    default:
      return status;
  }
}

function withoutInstance(instanceIds: readonly string[], instanceId: string): readonly string[] {
  return instanceIds.filter((id) => id !== instanceId);
}

function withError(status: DatabaseStatus, error: ErrorInfo): DatabaseStatus {
  return { ...status, lastError: errorText(error) };
}
