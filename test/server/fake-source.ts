import type { Config } from '../../src/config/index.ts';
import type { DeliveryOutcome } from '../../src/events/index.ts';
import type { StatusSource } from '../../src/server/index.ts';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import type { ChangeEvent, ErrorInfo, LmdbStats, ObjectRef, SyncEvent } from '../../src/sync/index.ts';
import { parse } from '../config/support.ts';

/** 2026-11-23 11:50:00 UTC. */
export const NOW_MS = Date.UTC(2026, 10, 23, 11, 50);

type Body<E> = E extends SyncEvent ? Omit<E, 'db' | 'atMs'> : never;

/** Plays the workers: what a test posts arrives at the server. */
export class FakeSource implements StatusSource {
  readonly databases: readonly string[];
  readonly lockWaits = new Map<string, number>();
  objects: readonly { readonly name: string; readonly sizeBytes: number }[] = [];
  listings = 0;
  /** Databases that were to be listed at once. */
  readonly listed: string[] = [];
  listFailure: Error | undefined;
  readonly #listeners = new Set<(event: SyncEvent) => void>();

  constructor(databases: readonly string[] = ['main']) {
    this.databases = databases;
  }

  subscribe(listener: (event: SyncEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  post(body: Body<SyncEvent>, { db = 'main', atMs = NOW_MS } = {}): void {
    for (const listener of this.#listeners) listener({ ...body, db, atMs } as SyncEvent);
  }

  readonly #changeListeners = new Set<(event: ChangeEvent) => void>();
  readonly #outcomeListeners = new Set<(outcome: DeliveryOutcome) => void>();
  readonly waiting = new Map<string, number>();

  subscribeChanges(listener: (event: ChangeEvent) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  postChange(event: ChangeEvent): void {
    for (const listener of this.#changeListeners) listener(event);
  }

  get changeListeners(): number {
    return this.#changeListeners.size;
  }

  subscribeOutcomes(listener: (outcome: DeliveryOutcome) => void): () => void {
    this.#outcomeListeners.add(listener);
    return () => this.#outcomeListeners.delete(listener);
  }

  postOutcome(outcome: DeliveryOutcome): void {
    for (const listener of this.#outcomeListeners) listener(outcome);
  }

  eventsWaiting(): ReadonlyMap<string, number> {
    return this.waiting;
  }

  listNow(db: string): void {
    this.listed.push(db);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  lockWaitingSinceMs(db: string): number | undefined {
    return this.lockWaits.get(db);
  }

  async *listObjects(): AsyncIterable<{ readonly name: string; readonly sizeBytes: number }> {
    this.listings++;
    if (this.listFailure) throw this.listFailure;
    yield* this.objects;
  }
}

export function objectOf(instanceId: string, timeMs: number, kind: ObjectRef['kind'] = 'snapshot'): ObjectRef {
  const timestampNano = toTimestampNano(BigInt(Math.round(timeMs * 1000)) * 1000n);
  const name = buildSnapshotName({ databaseName: 'main', instanceId, timestampNano, generationId: 'GX', kind });
  return { name, instanceId, timestampNano, kind };
}

export function errorOf(message: string, hint?: string): ErrorInfo {
  return { code: 'STORAGE', message, hint, stack: undefined };
}

/** The LMDB of the recorded run in `golden/data/http/metrics.txt`. */
export const LMDB_STATS: LmdbStats = {
  path: '/var/lib/app/data.mdb',
  pageSizeBytes: 4096,
  mapSizeBytes: 67_108_864,
  usedBytes: 45_056,
  fileSizeBytes: 45_056,
  lastTxnId: 5,
  readers: 1,
  maxReaders: 126,
  dbis: ['_sync_shadow_people', 'people'].map((name) => ({
    name,
    flags: [],
    entries: 2,
    depth: 1,
    branchPages: 0,
    leafPages: 1,
    overflowPages: 0,
  })),
};

export function configOf(lines = ''): Config {
  return parse(`
instance: local
lmdbs: {main: {path: /var/lib/app}}
storage: {type: s3, options: {bucket: b, access_key: AKIAIOSFODNN7, secret_key: PLANTEDSECRETkey}}
http: {address: '127.0.0.1:0'}
${lines}`);
}
