import type { CleanupConfig } from '../../config/index.ts';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { type SnapshotName, snapshotNameOf } from '../../snapshot/index.ts';
import type { ObjectStorage } from '../../storage/index.ts';
import type { Clock } from '../time/index.ts';
import { type CleanDeletion, type CleanReason, decideCleaning, type Sighting } from './decide.ts';

/** For metrics; called as things happen. */
export interface CleanerObserver {
  listCalled?(): void;
  listFailed?(): void;
  deleted?(reason: CleanReason): void;
  deleteFailed?(): void;
}

export interface CleanerOptions {
  readonly storage: Pick<ObjectStorage, 'list' | 'delete'>;
  readonly databaseName: string;
  /** Our own, as it stands in object names. */
  readonly instanceId: string;
  readonly config: CleanupConfig;
  /** See `CleaningInput.included`; asked once a run. */
  readonly included: () => ReadonlyMap<string, bigint>;
  /** See `CleaningInput.isProven`. */
  readonly isProven?: (full: string) => boolean;
  readonly log: Log;
  readonly observer?: CleanerObserver;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly sleep: Clock['sleep'];
}

export interface CleanReport {
  /** Objects of this database in the bucket before the run. */
  readonly listed: number;
  readonly deleted: readonly CleanDeletion[];
  /** Deletions that failed; the next run tries again. */
  readonly failed: readonly CleanDeletion[];
  /** The bucket could not be listed: nothing was done. */
  readonly listFailed: boolean;
}

/** Deletions under way at once: enough to hide the latency of a bucket, few enough not to be throttled by it. */
const CONCURRENT_DELETES = 8;

/** Removes objects of one database that nobody needs any more. What goes is decided by `decideCleaning`. */
export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #log: Log;
  #sightings: ReadonlyMap<string, Sighting> = new Map();

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /** Runs at once and then about every `interval`, until aborted; resolves then. Failures never end it. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, random, sleep } = this.#options;
    while (!signal.aborted) {
      try {
        await this.runOnce(signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      // Spread by 20 % (CLN): machines that were started together do not list the bucket together for ever.
      await sleep(config.intervalMs * (0.8 + 0.4 * random()), signal);
    }
  }

  /** Rejects only with the reason of an aborted signal; what the storage refuses is logged and reported. */
  async runOnce(signal?: AbortSignal): Promise<CleanReport> {
    const { config, instanceId, included, isProven } = this.#options;
    let listing: readonly SnapshotName[];
    try {
      listing = await this.#list(signal);
    } catch (error) {
      signal?.throwIfAborted();
      this.#options.observer?.listFailed?.();
      this.#log.warn('the bucket cannot be listed, cleaning waits for the next run', { error: describeError(error) });
      return { listed: 0, deleted: [], failed: [], listFailed: true };
    }
    const { deletions, sightings } = decideCleaning({
      now: this.#options.now(),
      ownInstanceId: instanceId,
      listing,
      sightings: this.#sightings,
      included: included(),
      ...(isProven ? { isProven } : {}),
      config,
    });
    this.#sightings = sightings;
    const deleted: CleanDeletion[] = [];
    const failed: CleanDeletion[] = [];
    for (let at = 0; at < deletions.length; at += CONCURRENT_DELETES) {
      const group = deletions.slice(at, at + CONCURRENT_DELETES);
      const outcomes = await Promise.all(group.map((deletion) => this.#delete(deletion, signal)));
      for (const [index, done] of outcomes.entries()) (done ? deleted : failed).push(group[index]!);
      signal?.throwIfAborted();
    }
    if (deletions.length > 0) {
      const fields = { listed: listing.length, deleted: deleted.length, failed: failed.length };
      this.#log.info('removed objects that are no longer needed', fields);
    }
    return { listed: listing.length, deleted, failed, listFailed: false };
  }

  async #list(signal: AbortSignal | undefined): Promise<SnapshotName[]> {
    this.#options.observer?.listCalled?.();
    const names: SnapshotName[] = [];
    for await (const { name } of this.#options.storage.list(`${this.#options.databaseName}__`, { signal })) {
      // A foreign object is none of our business; the receiver says so, once.
      const parsed = snapshotNameOf(name);
      if (parsed) names.push(parsed);
    }
    return names;
  }

  async #delete(deletion: CleanDeletion, signal: AbortSignal | undefined): Promise<boolean> {
    const { name, reason } = deletion;
    try {
      await this.#options.storage.delete(name, { signal });
    } catch (error) {
      if (!signal?.aborted) {
        this.#options.observer?.deleteFailed?.();
        this.#log.warn('an object cannot be deleted', { object: name, reason, error: describeError(error) });
      }
      return false;
    }
    this.#options.observer?.deleted?.(reason);
    this.#log.debug('deleted an object', { object: name, reason });
    return true;
  }
}
