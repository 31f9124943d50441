import { parseSnapshotName } from '../../snapshot/index.ts';
import type { SyncEvent } from '../../sync/index.ts';
import { nanoToMs } from '../model.ts';
import type { LIGHTNING_STREAM, LMDBSTREAM } from './definitions.ts';
import type { Instruments } from './instruments.ts';

export const PHASES = ['opening', 'listing', 'joining', 'running', 'stopped', 'failed'] as const;

/** The metrics of Lightning Stream. Which moment counts where is what it does, see `docs/metrics.md`. */
export function applyToReference(metrics: Instruments<typeof LIGHTNING_STREAM>, event: SyncEvent): void {
  const { db: lmdb, atMs } = event;
  switch (event.type) {
    case 'listed':
      metrics.listCalls.inc();
      metrics.inStorageCount.set({ lmdb }, event.objects);
      metrics.inStorageBytes.set({ lmdb }, event.sizeBytes);
      return;
    case 'listFailed':
      metrics.listCalls.inc();
      metrics.listFailed.inc({ lmdb });
      return;
    case 'loaded': {
      const labels = { lmdb, syncer_instance: event.object.instanceId };
      const objectTimeMs = nanoToMs(event.object.timestampNano);
      metrics.loadCalls.inc();
      metrics.loadBytes.inc(event.sizeBytes);
      metrics.lastReceived.set(labels, objectTimeMs / 1000);
      metrics.lastReceivedAge.observe(labels, Math.max(0, atMs - objectTimeMs) / 1000);
      return;
    }
    case 'loadFailed':
    case 'refused':
      metrics.loadCalls.inc();
      metrics.loadFailed.inc({ lmdb, syncer_instance: event.object.instanceId });
      return;
    case 'stored':
      metrics.storeCalls.inc();
      metrics.storeBytes.inc(event.sizeBytes);
      if (event.object.kind !== 'snapshot') return;
      metrics.generated.inc({ lmdb });
      metrics.generatedLast.set({ lmdb }, nanoToMs(event.object.timestampNano) / 1000);
      metrics.generatedLastSize.set({ lmdb }, event.sizeBytes);
      return;
    case 'storeFailed':
      metrics.storeCalls.inc();
      metrics.storeFailed.inc({ lmdb });
      if (event.retryMs === undefined) metrics.storeGivenUp.inc({ lmdb });
      return;
    case 'cleanerListed':
      metrics.cleanerListCalls.inc();
      if (event.failed) metrics.cleanerListFailed.inc();
      return;
    case 'cleaned':
      if (event.failed) metrics.cleanerDeleteFailed.inc();
      else metrics.cleanerDeleted.inc({ lmdb, reason: event.reason });
      return;
    case 'swept':
      metrics.sweeperCleaned.inc({ lmdb }, event.cleanedEntries);
      metrics.sweeperAvailable.set({ lmdb }, 1);
      metrics.sweeperTotal.set({ lmdb }, event.totalEntries);
      metrics.sweeperDeleted.set({ lmdb }, event.deletedEntries);
      metrics.sweeperDuration.observe({ lmdb }, event.durationMs / 1000);
      return;
    case 'limit': {
      const labels = { lmdb, limit_name: event.limit };
      metrics.limit.set(labels, event.max);
      metrics.limitActive.set(labels, event.active);
      metrics.limitWaiting.set(labels, event.waiting);
      return;
    }
    case 'turn': {
      const labels = { lmdb, limit_name: event.limit };
      metrics.limitAcquired.inc(labels);
      metrics.limitActiveTime.observe(labels, event.activeMs / 1000);
      metrics.limitWaitingTime.observe(labels, event.waitMs / 1000);
      return;
    }
  }
}

/**
 * The metrics that Lightning Stream has not.
 * @param ownInstanceId whose objects are no peer's: our own newest is merged at start
 */
export function applyToOurs(metrics: Instruments<typeof LMDBSTREAM>, event: SyncEvent, ownInstanceId: string): void {
  const { db: lmdb, atMs } = event;
  if ('error' in event) metrics.errors.inc({ lmdb });
  switch (event.type) {
    case 'phase':
      for (const phase of PHASES) metrics.phase.set({ lmdb, phase }, phase === event.phase ? 1 : 0);
      return;
    case 'localChange':
      metrics.changesRecorded.inc({ lmdb }, event.entries);
      return;
    case 'loaded': {
      metrics.changesMerged.inc({ lmdb }, event.written);
      metrics.objectsMerged.inc({ lmdb, kind: event.object.kind });
      if (event.object.instanceId === ownInstanceId) return;
      const labels = { lmdb, syncer_instance: event.object.instanceId };
      const lagSeconds = (atMs - nanoToMs(event.object.timestampNano)) / 1000;
      metrics.peerLag.set(labels, Math.max(0, lagSeconds));
      metrics.clockAhead.set(labels, Math.max(0, -lagSeconds));
      metrics.mergeLag.observe({ lmdb }, Math.max(0, lagSeconds));
      return;
    }
    case 'refused':
      metrics.refused.inc({ lmdb, syncer_instance: event.object.instanceId });
      return;
    case 'stored':
      metrics.objectsPublished.inc({ lmdb, kind: event.object.kind });
      metrics.bytesPublished.inc({ lmdb, kind: event.object.kind }, event.sizeBytes);
      return;
    case 'lock':
      metrics.lockWait.observe({ lmdb }, event.waitMs / 1000);
      metrics.lockHeld.observe({ lmdb }, event.heldMs / 1000);
      return;
    case 'fullScan':
      metrics.fullScans.inc({ lmdb });
      metrics.fullScanDifferences.inc({ lmdb }, event.differences);
      return;
    case 'distrustedReader':
      metrics.distrustedReaders.inc({ lmdb });
      return;
    case 'futureTimestamps': {
      const aheadMs = Math.max(0, nanoToMs(event.newestNano) - atMs);
      metrics.futureTimestamps.inc({ lmdb });
      metrics.clockAhead.set({ lmdb, syncer_instance: instanceOf(event.name) }, aheadMs / 1000);
      return;
    }
    case 'duplicateInstance':
      metrics.duplicateInstance.set({ lmdb }, 1);
      return;
    case 'chain':
      metrics.chainLength.set({ lmdb }, event.length);
      return;
    case 'chainGap':
      metrics.chainGaps.inc({ lmdb, syncer_instance: event.instanceId });
      return;
    case 'compacted':
      metrics.compactions.inc({ lmdb });
      return;
    case 'duplicateZones':
      metrics.duplicateZones.set({ lmdb }, event.zones.length);
      return;
    case 'lmdbStats':
      if (!event.stats.sidecar) return;
      metrics.sidecarSize.set({ lmdb }, event.stats.sidecar.fileSizeBytes);
      metrics.sidecarEntries.set({ lmdb }, event.stats.sidecar.entries);
      return;
    case 'detached':
      metrics.detachedDbis.set({ lmdb }, event.dbis.length);
      return;
  }
}

/** Only names that were parsed before come here. */
function instanceOf(name: string): string {
  return parseSnapshotName(name).instanceId;
}
