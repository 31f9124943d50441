/** What can be told about one database at any time; the operator's side (status page, metrics) is built on it. */
export interface DatabaseStatus {
  readonly name: string;
  phase: 'opening' | 'listing' | 'joining' | 'running' | 'stopped' | 'failed';
  /** Local changes that were written to the shadow, and what they cost. */
  localRounds: number;
  localEntries: number;
  mergedObjects: number;
  mergedEntries: number;
  refusedObjects: number;
  publishedObjects: number;
  publishedBytes: number;
  storeFailures: number;
  /** Stores that were given up after `storage_retry_count` attempts; the change stays due. */
  storeGivenUp: number;
  listFailures: number;
  loadFailures: number;
  /** Time under LMDB's write lock, and the longest of it. */
  lockHeldMs: number;
  lockHeldMaxMs: number;
  lockWaitMs: number;
  fullScans: number;
  /** Differences that a full scan found and the incremental way had missed: a defect of ours (I6). */
  fullScanDifferences: number;
  /** The held reader had lost its protection and everything was compared. */
  distrustedReaders: number;
  /** Remote entries stamped far in the future. */
  futureTimestamps: number;
  /** Another process publishes under our instance name. */
  duplicateInstance: string | undefined;
  lastError: string | undefined;
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
    lockHeldMs: 0,
    lockHeldMaxMs: 0,
    lockWaitMs: 0,
    fullScans: 0,
    fullScanDifferences: 0,
    distrustedReaders: 0,
    futureTimestamps: 0,
    duplicateInstance: undefined,
    lastError: undefined,
  };
}
