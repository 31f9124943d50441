import { BadValueSizeError, DbsFullError } from '../../lmdb/index.ts';
import { CorruptSnapshotError, RefusedSnapshotError, shortHash } from '../../snapshot/index.ts';
import {
  digestOf,
  type ObjectInfo,
  type ObjectStorage,
  type Spool,
  type SpoolOptions,
  StorageError,
} from '../../storage/index.ts';
import type { Batch, ChainIndex, ListedObject } from '../chain/index.ts';
import { isPassing, type MergeBatch, type MergeObject, type MergeResult } from '../local/index.ts';
import { downloadProgress, errorInfo, RepeatedFailure, type Report, refOf } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';
import { type Download, downloadObject } from './download.ts';
import { LimitMeter } from './limit-meter.ts';
import { Sightings } from './sightings.ts';

export interface ReceiverOptions {
  readonly databaseName: string;
  readonly storage: ObjectStorage;
  readonly index: ChainIndex;
  /** Our own, as it stands in the names of objects. */
  readonly instanceId: string;
  /** `memory_downloaded_snapshots`: downloads under way at once. */
  readonly concurrency: number;
  readonly retryIntervalMs: number;
  /** A single pass waits for no full map or disk, and for no storage that goes on failing. */
  readonly onlyOnce: boolean;
  /** With `onlyOnce`: failures in a row, of the listing or of one instance's object, that end it; default: any number. */
  readonly attempts?: number;
  /** Objects from before it, in ns since 1970, may hold what was deleted and is forgotten (`ChainIndex.outdated`); default 0. */
  readonly forgottenBefore?: () => bigint;
  readonly clock: Clock;
  readonly report: Report;
  readonly spool: (options: SpoolOptions) => Spool;
  /** `onBegin`: to be called when its turn has come. */
  readonly merge: (batch: MergeBatch, onBegin: () => void) => Promise<readonly MergeResult[]>;
  /** Told of each object that is merged, with what it brought. */
  readonly onMerged: (object: ListedObject, result: MergeResult) => void;
  /** An object was merged, refused or found gone: the loop looks what is due next. */
  readonly onSettled: () => void;
  /** An object was well-formed, but not for us: with `only_once` the run ends with this error. */
  readonly onRefused: (error: RefusedSnapshotError) => void;
  /** An error that is not the object's or the storage's: ends the database's loop. */
  readonly onFatal: (error: unknown) => void;
}

/** Deltas of one batch that are fetched at the same time: on a remote bucket each costs a round trip. */
const CONCURRENT_DELTAS = 8;

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
      const times = { startedMs, nowMs: clock.monotonicMs(), forgottenBeforeNano: forgottenBefore() };
      const strange = index.update(listing, times);
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

  /** Starts loading what is due and not under way. @param isWanted of which instances; default: of all */
  start(signal: AbortSignal, isWanted = (_instanceId: string): boolean => true): void {
    const { index, concurrency, clock, onFatal } = this.#options;
    const nowMs = clock.monotonicMs();
    const waiting = new Set<string>();
    for (const batch of index.due()) {
      const { instanceId } = batch;
      if (signal.aborted) return;
      if (!isWanted(instanceId)) continue;
      if (this.#underWay.has(instanceId)) continue;
      if ((this.#notBeforeMs.get(instanceId) ?? 0) > nowMs) continue;
      if (this.#underWay.size >= concurrency) {
        waiting.add(instanceId);
        this.#downloading.waits(instanceId);
        continue;
      }
      this.#downloading.begins(instanceId);
      const load = this.#load(batch, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) onFatal(error);
        })
        .finally(() => {
          this.#underWay.delete(instanceId);
          this.#downloading.ends(instanceId);
          this.#options.onSettled();
        });
      this.#underWay.set(instanceId, load);
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

  async #load(batch: Batch, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const downloads: Download[] = [];
    // Of which object the next error speaks.
    let at: ListedObject | undefined;
    try {
      const startedMs = clock.monotonicMs();
      for (let from = 0; from < batch.objects.length; from += CONCURRENT_DELTAS) {
        const group = batch.objects.slice(from, from + CONCURRENT_DELTAS);
        const outcomes = await Promise.allSettled(group.map((object) => this.#download(object, signal)));
        for (const outcome of outcomes) if (outcome.status === 'fulfilled') downloads.push(outcome.value);
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome.status === 'fulfilled') continue;
          at = group[index];
          throw outcome.reason;
        }
      }
      const downloadedMs = clock.monotonicMs();
      const objects: MergeObject[] = downloads.map(({ body }, index) => ({
        name: batch.objects[index]!.name.full,
        body,
      }));
      const results = await this.#merge(batch, objects).catch(async (error: unknown) => {
        if (isObjectsFault(error)) {
          const index = objects.findIndex(({ name }) => name === error.objectName);
          at = batch.objects[index];
          await this.#readAgain(at!, downloads[index]!, signal);
        }
        throw error;
      });
      this.#settle(batch, downloads, results, downloadedMs - startedMs, clock.monotonicMs() - downloadedMs);
    } catch (error) {
      if (!signal.aborted) this.#failed(at ? [at] : batch.objects, error, signal);
    } finally {
      for (const download of downloads) download.dispose();
    }
  }

  async #merge({ instanceId, kind }: Batch, objects: readonly MergeObject[]): Promise<readonly MergeResult[]> {
    this.#merging.waits(instanceId);
    try {
      return await this.#options.merge({ kind, objects }, () => this.#merging.begins(instanceId));
    } finally {
      this.#merging.ends(instanceId);
    }
  }

  #settle(
    { instanceId, objects }: Batch,
    downloads: readonly Download[],
    results: readonly MergeResult[],
    downloadMs: number,
    mergeMs: number,
  ): void {
    const { index, report, onMerged } = this.#options;
    // All of them first: the transaction was one, and whoever asks for C must not see half of it.
    for (const object of objects) index.markMerged(object);
    this.#loading.delete(instanceId);
    this.#notBeforeMs.delete(instanceId);
    for (const [at, object] of objects.entries()) {
      const result = results[at]!;
      onMerged(object, result);
      report({
        type: 'loaded',
        object: refOf(object.name),
        shortHash: shortHash(object.name),
        sizeBytes: downloads[at]!.body.sizeBytes,
        entries: result.entries,
        written: result.written,
        downloadMs,
        mergeMs,
      });
    }
  }

  /**
   * @param objects of which one, or who knows which, is at fault
   * @throws what is neither the object's fault nor passing
   */
  #failed(objects: readonly ListedObject[], error: unknown, signal: AbortSignal): void {
    const { index, report, clock, onlyOnce } = this.#options;
    const [first] = objects;
    const { instanceId } = first!.name;
    const object = refOf(first!.name);
    if (isObjectsFault(error) || isTooMuch(error)) {
      // A bad object stops nobody (decision 11): refused whole, told once, an older one of that instance is used.
      this.#notBeforeMs.delete(instanceId);
      if (error instanceof RefusedSnapshotError) this.#options.onRefused(error);
      for (const bad of objects) {
        index.markRefused(bad);
        report({ type: 'refused', object: refOf(bad.name), error: errorInfo(error) });
      }
    } else if (error instanceof StorageError && error.notFound) {
      // Cleaned since the listing; the next one tells.
      index.markGone(first!);
      this.#notBeforeMs.delete(instanceId);
      report({ type: 'gone', object });
    } else if (error instanceof StorageError) {
      const loading = this.#loading.get(instanceId) ?? new RepeatedFailure();
      this.#loading.set(instanceId, loading);
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
      this.#retryLater(instanceId, signal);
    } else if (isPassing(error) && !onlyOnce) {
      this.#retryLater(instanceId, signal);
      report({ type: 'loadFailed', object, error: errorInfo(error), cause: 'database' });
    } else {
      throw error;
    }
  }

  #download(object: ListedObject, signal: AbortSignal): Promise<Download> {
    const { storage, spool, clock, report } = this.#options;
    const { name, sizeBytes: totalBytes } = object;
    const onProgress = downloadProgress({ name: name.full, totalBytes, nowMs: () => clock.monotonicMs(), report });
    return downloadObject(storage, name.full, spool, signal, onProgress);
  }

  /**
   * Bytes that were damaged on the way are not the object's fault: before it is refused for good it is read once more.
   * @throws StorageError, retryable, when the two readings differ
   */
  async #readAgain(object: ListedObject, download: Download, signal: AbortSignal): Promise<void> {
    const again = await this.#download(object, signal);
    const { full: objectName } = object.name;
    try {
      if ((await digestOf(download.body.open())) === (await digestOf(again.body.open()))) return;
      throw new StorageError(`load of ${JSON.stringify(objectName)}: the bytes were damaged on the way`, {
        operation: 'load',
        objectName,
        retryable: true,
        errorLabel: 'Damaged',
        hint: 'two readings differ: look for a faulty proxy, network card or memory',
      });
    } finally {
      again.dispose();
    }
  }

  /** Wakes the loop when the time has come, which may be long before it would list again. */
  #retryLater(instanceId: string, signal: AbortSignal): void {
    const { clock, retryIntervalMs, onSettled } = this.#options;
    const notBeforeMs = clock.monotonicMs() + retryIntervalMs;
    this.#notBeforeMs.set(instanceId, notBeforeMs);
    void clock.sleep(retryIntervalMs, signal).then(() => {
      // The wait is over, also when the timer fires a moment early: nothing else may wake the loop for long.
      if (this.#notBeforeMs.get(instanceId) === notBeforeMs) this.#notBeforeMs.set(instanceId, 0);
      onSettled();
    });
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
