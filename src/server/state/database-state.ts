import type { DatabasePhase, LmdbStats, ObjectRef, SyncEvent } from '../../sync/index.ts';
import { nanoToMs } from '../model.ts';
import { History } from './history.ts';
import { Problems } from './problems.ts';

/** What is known of another instance, from its objects. Times are ms since 1970 UTC. */
export interface PeerState {
  /** The newest object that was listed or merged. */
  newestName: string;
  newestTimeMs: number;
  /** The newest merged one, which an older one that comes late does not change; undefined: none yet. */
  mergedName: string | undefined;
  mergedTimeMs: number | undefined;
  mergedAtMs: number | undefined;
  /** From the time of the newest merged one to its merge. */
  lagMs: number | undefined;
  mergedObjects: number;
  mergedChanges: number;
  refusedObjects: number;
}

export interface PublishedState {
  readonly name: string;
  readonly kind: 'snapshot' | 'delta';
  readonly sizeBytes: number;
  readonly atMs: number;
}

/** One database, reduced from its events. */
export class DatabaseState {
  /** Our own, as it stands in the names of objects: our newest is merged at start, and that is no peer's. */
  readonly #ownInstanceId: string;
  phase: DatabasePhase = 'opening';
  recordedChanges = 0;
  mergedChanges = 0;
  publishedObjects = 0;
  publishedBytes = 0;
  lastPublished: PublishedState | undefined;
  stats: LmdbStats | undefined;
  inStorage: { readonly objects: number; readonly sizeBytes: number } | undefined;
  chainLength = 0;
  detachedDbis: readonly string[] = [];
  readonly peers = new Map<string, PeerState>();
  readonly history = new History();
  readonly problems = new Problems();

  constructor(ownInstanceId: string) {
    this.#ownInstanceId = ownInstanceId;
  }

  apply(event: SyncEvent): void {
    this.problems.apply(event);
    switch (event.type) {
      case 'phase':
        this.phase = event.phase;
        return;
      case 'error':
        this.phase = 'failed';
        return;
      case 'localChange':
        this.recordedChanges += event.entries;
        this.history.at(event.atMs).recorded += event.entries;
        return;
      case 'listed':
        this.inStorage = { objects: event.objects, sizeBytes: event.sizeBytes };
        return;
      case 'seen':
        this.#see(event.object);
        return;
      case 'instances':
        // Names of short-lived machines must not pile up for as long as the process runs.
        for (const instanceId of this.peers.keys()) {
          if (!event.instanceIds.includes(instanceId)) this.peers.delete(instanceId);
        }
        return;
      case 'loaded': {
        const { name, instanceId, timestampNano } = event.object;
        const timeMs = nanoToMs(timestampNano);
        this.mergedChanges += event.written;
        const step = this.history.at(event.atMs);
        step.merged += event.written;
        if (instanceId === this.#ownInstanceId) return;
        const peer = this.#see(event.object);
        if (timeMs >= (peer.mergedTimeMs ?? 0)) {
          peer.mergedName = name;
          peer.mergedTimeMs = timeMs;
          peer.mergedAtMs = event.atMs;
          peer.lagMs = event.atMs - timeMs;
        }
        peer.mergedObjects++;
        peer.mergedChanges += event.written;
        // While joining, objects are as old as they are: that says nothing about how fast changes travel.
        if (this.phase === 'running') step.mergeLagMaxMs = Math.max(step.mergeLagMaxMs, event.atMs - timeMs);
        return;
      }
      case 'refused':
      case 'loadFailed': {
        if (event.object.instanceId === this.#ownInstanceId) return;
        const peer = this.#see(event.object);
        if (event.type === 'refused') peer.refusedObjects++;
        return;
      }
      case 'stored': {
        const { name, kind } = event.object;
        this.publishedObjects++;
        this.publishedBytes += event.sizeBytes;
        const { sizeBytes, atMs } = event;
        this.lastPublished = { name, kind, sizeBytes, atMs };
        return;
      }
      case 'lock': {
        const step = this.history.at(event.atMs);
        step.lockWaitMaxMs = Math.max(step.lockWaitMaxMs, event.waitMs);
        step.lockHeldMaxMs = Math.max(step.lockHeldMaxMs, event.heldMs);
        return;
      }
      case 'lmdbStats':
        this.stats = event.stats;
        return;
      case 'chain':
        this.chainLength = event.length;
        return;
      case 'detached':
        this.detachedDbis = event.dbis;
        return;
    }
  }

  #see({ instanceId, name, timestampNano }: ObjectRef): PeerState {
    const timeMs = nanoToMs(timestampNano);
    const known = this.peers.get(instanceId);
    if (known === undefined) {
      const peer = {
        newestName: name,
        newestTimeMs: timeMs,
        mergedName: undefined,
        mergedTimeMs: undefined,
        mergedAtMs: undefined,
        lagMs: undefined,
        mergedObjects: 0,
        mergedChanges: 0,
        refusedObjects: 0,
      };
      this.peers.set(instanceId, peer);
      return peer;
    }
    if (timeMs >= known.newestTimeMs) {
      known.newestName = name;
      known.newestTimeMs = timeMs;
    }
    return known;
  }
}
