import { createHash } from 'node:crypto';
import { BadValueSizeError, DbsFullError } from '../../lmdb/index.ts';
import { CorruptSnapshotError, RefusedSnapshotError, type SnapshotName, shortHash } from '../../snapshot/index.ts';
import {
  type ObjectInfo,
  type ObjectStorage,
  type Spool,
  type SpoolOptions,
  StorageError,
} from '../../storage/index.ts';
import { isPassing, type MergeResult } from '../local/index.ts';
import { errorInfo, RepeatedFailure, type Report } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';
import { LimitMeter } from './limit-meter.ts';
import { refOf } from './object-ref.ts';
import type { RemoteIndex } from './remote-index.ts';
import { Sightings } from './sightings.ts';

export interface ReceiverOptions {
  readonly databaseName: string;
  readonly storage: ObjectStorage;
  readonly index: RemoteIndex;
  /** Our own, as it stands in the names of objects. */
  readonly instanceId: string;
  /** `memory_downloaded_snapshots`: downloads under way at once. */
  readonly concurrency: number;
  readonly retryIntervalMs: number;
  /** A single pass waits for no full map or disk, and for no storage that goes on failing. */
  readonly onlyOnce: boolean;
  /** With `onlyOnce`: failures in a row, of the listing or of one instance's object, that end it; default: any number. */
  readonly attempts?: number;
  /** Objects from before it, in ns since 1970, may hold what was deleted and is forgotten (`RemoteIndex.outdated`); default 0. */
  readonly forgottenBefore?: () => bigint;
  readonly clock: Clock;
  readonly report: Report;
  readonly spool: (options: SpoolOptions) => Spool;
  /** `onBegin`: to be called when its turn has come. */
  readonly merge: (name: SnapshotName, body: Spool, onBegin: () => void) => Promise<MergeResult>;
  /** An object was merged, refused or found gone: the loop looks what is due next. */
  readonly onSettled: () => void;
  /** An object was well-formed, but not for us: with `only_once` the run ends with this error. */
  readonly onRefused: (error: RefusedSnapshotError) => void;
  /** An error that is not the object's or the storage's: ends the database's loop. */
  readonly onFatal: (error: unknown) => void;
}

/** Bytes of one download kept in memory; the rest goes to an unlinked temporary file. */
const DOWNLOAD_MEMORY_BYTES = 4 * 1024 * 1024;

/** Lists the bucket and loads what is due, each instance by itself: a slow or failing one holds up nobody. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #notBeforeMs = new Map<string, number>();
  readonly #listing = new RepeatedFailure();
  readonly #loading = new Map<string, RepeatedFailure>();
  readonly #sightings: Sightings;
  readonly #downloading: LimitMeter;
  readonly #merging: LimitMeter;
  #toldOutdated: ReadonlySet<string> = new Set();

  constructor(options: ReceiverOptions) {
    const { instanceId, concurrency, clock, report } = options;
    this.#options = options;
    this.#sightings = new Sightings(instanceId, report);
    this.#downloading = new LimitMeter({ limit: 'download', max: concurrency, clock, report });
    // One at a time: all of them write to the same database.
    this.#merging = new LimitMeter({ limit: 'decompress', max: 1, clock, report });
  }

  /**
   * A failure is counted, and logged at once and then ever less often.
   * @returns whether the listing succeeded
   * @throws StorageError with `onlyOnce`, when there is no use in trying on
   */
  async list(signal: AbortSignal): Promise<boolean> {
    const { storage, databaseName, index, clock, report, forgottenBefore = () => 0n } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const listing: ObjectInfo[] = [];
      for await (const info of storage.list(`${databaseName}__`, { signal })) listing.push(info);
      const strange = index.update(listing, forgottenBefore());
      for (const name of strange) report({ type: 'foreignObject', name });
      this.#tellOutdated();
      this.#sightings.listed(index.newest());
      const over = this.#listing.worked();
      const instances = index.instances().length;
      const durationMs = clock.monotonicMs() - startedMs;
      const sizeBytes = listing.reduce((sum, info) => sum + info.sizeBytes, 0);
      const recovered = over !== undefined;
      report({ type: 'listed', objects: listing.length, sizeBytes, instances, durationMs, recovered, over });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof StorageError)) throw error;
      const tell = this.#listing.failed(nowMs(clock));
      const givesUp = this.#givesUp(error, this.#listing);
      const { failures } = this.#listing;
      report({ type: 'listFailed', error: errorInfo(error), failures, tell: givesUp ? undefined : tell });
      if (givesUp) throw error;
      return false;
    }
  }

  #givesUp(error: StorageError, { failures }: RepeatedFailure): boolean {
    const { onlyOnce, attempts = Number.POSITIVE_INFINITY } = this.#options;
    return onlyOnce && (!error.retryable || failures >= attempts);
  }

  #tellOutdated(): void {
    const outdated = this.#options.index.outdated();
    for (const name of outdated) {
      if (!this.#toldOutdated.has(name)) this.#options.report({ type: 'outdatedObject', name });
    }
    this.#toldOutdated = new Set(outdated);
  }

  /** Starts loading what is due and not under way. */
  start(signal: AbortSignal): void {
    const { index, concurrency, clock, onFatal } = this.#options;
    const nowMs = clock.monotonicMs();
    const waiting = new Set<string>();
    for (const name of index.due()) {
      if (signal.aborted) return;
      if (this.#underWay.has(name.instanceId)) continue;
      if ((this.#notBeforeMs.get(name.instanceId) ?? 0) > nowMs) continue;
      if (this.#underWay.size >= concurrency) {
        waiting.add(name.instanceId);
        this.#downloading.waits(name.instanceId);
        continue;
      }
      this.#downloading.begins(name.instanceId);
      const load = this.#load(name, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) onFatal(error);
        })
        .finally(() => {
          this.#underWay.delete(name.instanceId);
          this.#downloading.ends(name.instanceId);
          this.#options.onSettled();
        });
      this.#underWay.set(name.instanceId, load);
    }
    this.#downloading.keepWaiting(waiting);
  }

  /** An instance's object cannot be loaded at the moment. */
  get hasTrouble(): boolean {
    return this.#notBeforeMs.size > 0;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  async #load(name: SnapshotName, signal: AbortSignal): Promise<void> {
    const { index, report, clock, spool } = this.#options;
    const body = spool({ memoryBytes: DOWNLOAD_MEMORY_BYTES });
    try {
      const startedMs = clock.monotonicMs();
      await this.#download(name, body, signal);
      const downloadedMs = clock.monotonicMs();
      const { entries, written } = await this.#merge(name, body).catch(async (error: unknown) => {
        if (isObjectsFault(error)) await this.#readAgain(name, body, signal);
        throw error;
      });
      index.markMerged(name);
      this.#loading.delete(name.instanceId);
      this.#notBeforeMs.delete(name.instanceId);
      report({
        type: 'loaded',
        object: refOf(name),
        shortHash: shortHash(name),
        sizeBytes: body.sizeBytes,
        entries,
        written,
        downloadMs: downloadedMs - startedMs,
        mergeMs: clock.monotonicMs() - downloadedMs,
      });
    } catch (error) {
      if (!signal.aborted) this.#failed(name, error, signal);
    } finally {
      body.dispose();
    }
  }

  async #merge(name: SnapshotName, body: Spool): Promise<MergeResult> {
    this.#merging.waits(name.instanceId);
    try {
      return await this.#options.merge(name, body, () => this.#merging.begins(name.instanceId));
    } finally {
      this.#merging.ends(name.instanceId);
    }
  }

  /** @throws what is neither the object's fault nor passing */
  #failed(name: SnapshotName, error: unknown, signal: AbortSignal): void {
    const { index, report, clock, onlyOnce } = this.#options;
    const object = refOf(name);
    if (isObjectsFault(error) || isTooMuch(error)) {
      // A bad object stops nobody (decision 11): refused whole, told once, an older one of that instance is used.
      index.markRefused(name);
      this.#notBeforeMs.delete(name.instanceId);
      if (error instanceof RefusedSnapshotError) this.#options.onRefused(error);
      report({ type: 'refused', object, error: errorInfo(error) });
    } else if (error instanceof StorageError && error.notFound) {
      // Cleaned since the listing; the next one tells.
      index.markGone(name);
      this.#notBeforeMs.delete(name.instanceId);
      report({ type: 'gone', object });
    } else if (error instanceof StorageError) {
      const loading = this.#loading.get(name.instanceId) ?? new RepeatedFailure();
      this.#loading.set(name.instanceId, loading);
      const tell = loading.failed(nowMs(clock));
      const givesUp = this.#givesUp(error, loading);
      report({
        type: 'loadFailed',
        object,
        error: errorInfo(error),
        cause: 'storage',
        tell: givesUp ? undefined : tell,
      });
      if (givesUp) throw error;
      this.#retryLater(name, signal);
    } else if (isPassing(error) && !onlyOnce) {
      this.#retryLater(name, signal);
      report({ type: 'loadFailed', object, error: errorInfo(error), cause: 'database' });
    } else {
      throw error;
    }
  }

  async #download(name: SnapshotName, body: Spool, signal: AbortSignal): Promise<void> {
    const { stream } = await this.#options.storage.load(name.full, { signal });
    for await (const chunk of stream) body.append(chunk);
    body.finish();
  }

  /**
   * Bytes that were damaged on the way are not the object's fault: before it is refused for good it is read once more.
   * @throws StorageError, retryable, when the two readings differ
   */
  async #readAgain(name: SnapshotName, body: Spool, signal: AbortSignal): Promise<void> {
    const again = this.#options.spool({ memoryBytes: DOWNLOAD_MEMORY_BYTES });
    try {
      await this.#download(name, again, signal);
      if ((await digestOf(body)) === (await digestOf(again))) return;
      throw new StorageError(`load of ${JSON.stringify(name.full)}: the bytes were damaged on the way`, {
        operation: 'load',
        objectName: name.full,
        retryable: true,
        errorLabel: 'Damaged',
        hint: 'two readings differ: look for a faulty proxy, network card or memory',
      });
    } finally {
      again.dispose();
    }
  }

  /** Wakes the loop when the time has come, which may be long before it would list again. */
  #retryLater({ instanceId }: SnapshotName, signal: AbortSignal): void {
    const { clock, retryIntervalMs, onSettled } = this.#options;
    this.#notBeforeMs.set(instanceId, clock.monotonicMs() + retryIntervalMs);
    void clock.sleep(retryIntervalMs, signal).then(onSettled);
  }
}

function isObjectsFault(error: unknown): error is CorruptSnapshotError | RefusedSnapshotError {
  return error instanceof CorruptSnapshotError || error instanceof RefusedSnapshotError;
}

/**
 * The checks before the transaction should have found a key that LMDB does not take. More DBIs than `max_dbs` are too many for as long as
 * we run. Everything was rolled back (I7).
 */
function isTooMuch(error: unknown): error is BadValueSizeError | DbsFullError {
  return error instanceof BadValueSizeError || error instanceof DbsFullError;
}

async function digestOf(body: Spool): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body.open()) hash.update(chunk);
  return hash.digest('hex');
}
