import { Registry } from 'prom-client';
import type { DeliveryOutcome } from '../../events/index.ts';
import type { SyncEvent } from '../../sync/index.ts';
import { LIGHTNING_STREAM, LMDBSTREAM } from './definitions.ts';
import { EventMetrics } from './event-metrics.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { LmdbMetrics } from './lmdb-metrics.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { applyToOurs, applyToReference, PHASES } from './reduce.ts';
import { StorageMetrics } from './storage-metrics.ts';

export interface MetricsOptions {
  readonly databases: readonly string[];
  readonly version: string;
  readonly instance: string;
  /** The same as it stands in the names of objects. */
  readonly instanceId: string;
  /** The text of `/proc/self/smaps`; undefined where there is none, or it is not wanted. */
  readonly readSmaps: () => Promise<string | undefined>;
  /** ms since 1970 UTC. */
  readonly now: () => number;
  readonly lockWaitingSinceMs: (db: string) => number | undefined;
  /** Change events that wait, by consumer. */
  readonly eventsWaiting: () => ReadonlyMap<string, number>;
}

/** Events of all workers, reduced to what `/metrics` answers. */
export class Metrics {
  readonly #options: MetricsOptions;
  /** Our own: a library that uses the global one cannot disturb it. */
  readonly #registry = new Registry();
  readonly #reference: Instruments<typeof LIGHTNING_STREAM>;
  readonly #lmdb: LmdbMetrics;
  readonly #ours: Instruments<typeof LMDBSTREAM>;
  readonly #storage: StorageMetrics;
  readonly #events: EventMetrics;
  readonly #process: ProcessMetrics;
  /** Instances that have gauges, by database. */
  readonly #peers = new Map<string, Set<string>>();

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#reference = createInstruments(LIGHTNING_STREAM, this.#registry);
    this.#lmdb = new LmdbMetrics(this.#registry);
    this.#storage = new StorageMetrics(this.#registry);
    this.#ours = createInstruments(LMDBSTREAM, this.#registry);
    this.#events = new EventMetrics(this.#registry);
    this.#process = new ProcessMetrics(this.#registry);
    this.#ours.info.set({ version: options.version, instance: options.instance }, 1);
    for (const lmdb of options.databases) this.#startAtZero(lmdb);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  apply(event: SyncEvent): void {
    if (event.type === 'instances') this.#keepPeers(event.db, event.instanceIds);
    else if (event.type === 'storageCall') this.#storage.apply(event);
    else {
      if (event.type === 'loaded') this.#knowPeer(event.db, event.object.instanceId);
      if (event.type === 'lmdbStats') this.#lmdb.apply(event.db, event.stats);
      applyToReference(this.#reference, event);
      applyToOurs(this.#ours, event, this.#options.instanceId);
    }
  }

  applyOutcome(outcome: DeliveryOutcome): void {
    this.#events.apply(outcome);
  }

  /** The answer in the text format of Prometheus. */
  async text(): Promise<string> {
    const { databases, now, lockWaitingSinceMs, readSmaps } = this.#options;
    const nowMs = now();
    for (const lmdb of databases) {
      const sinceMs = lockWaitingSinceMs(lmdb) ?? nowMs;
      this.#ours.lockWaiting.set({ lmdb }, Math.max(0, (nowMs - sinceMs) / 1000));
    }
    this.#events.collect(this.#options.eventsWaiting());
    this.#process.collect();
    await this.#lmdb.collectSmaps(readSmaps);
    return this.#registry.metrics();
  }

  #knowPeer(lmdb: string, instanceId: string): void {
    const known = this.#peers.get(lmdb);
    if (known === undefined) this.#peers.set(lmdb, new Set([instanceId]));
    else known.add(instanceId);
  }

  /** Gauges of a peer that has left end with it; its counters stay, for they are sums. */
  #keepPeers(lmdb: string, instanceIds: readonly string[]): void {
    const known = this.#peers.get(lmdb) ?? new Set();
    for (const instanceId of known) {
      if (instanceIds.includes(instanceId)) continue;
      known.delete(instanceId);
      const labels = { lmdb, syncer_instance: instanceId };
      for (const gauge of [this.#reference.lastReceived, this.#ours.peerLag, this.#ours.clockAhead])
        gauge.remove(labels);
    }
  }

  /** A rate needs a first value: what may be counted is there from the start. */
  #startAtZero(lmdb: string): void {
    const { generated, storeFailed, storeGivenUp, listFailed, sweeperCleaned } = this.#reference;
    const ours = this.#ours;
    for (const counter of [generated, storeFailed, storeGivenUp, listFailed, sweeperCleaned]) counter.inc({ lmdb }, 0);
    for (const counter of [ours.changesRecorded, ours.changesMerged, ours.fullScans, ours.fullScanDifferences]) {
      counter.inc({ lmdb }, 0);
    }
    for (const counter of [ours.distrustedReaders, ours.futureTimestamps, ours.compactions, ours.errors]) {
      counter.inc({ lmdb }, 0);
    }
    for (const gauge of [ours.duplicateInstance, ours.detachedDbis, ours.duplicateZones, ours.chainLength])
      gauge.set({ lmdb }, 0);
    for (const histogram of [ours.lockWait, ours.lockHeld, ours.mergeLag]) histogram.zero({ lmdb });
    for (const phase of PHASES) ours.phase.set({ lmdb, phase }, phase === 'opening' ? 1 : 0);
  }
}
