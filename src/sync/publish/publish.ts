import { hostname } from 'node:os';
import { describeError } from '../../errors/index.ts';
import type { Log } from '../../log/index.ts';
import { snapshotSources } from '../../shadow/index.ts';
import { buildSnapshotName, encodeSnapshot, GENERATION_ID, type TimestampNano } from '../../snapshot/index.ts';
import { type ObjectStorage, type RetryPolicy, Spool, StorageError } from '../../storage/index.ts';
import type { Exclusive } from '../local/exclusive.ts';
import type { Held } from '../local/held.ts';
import { isPassing } from '../local/local-changes.ts';
import type { Tracker } from '../local/tracker.ts';
import type { DatabaseStatus } from '../status/status.ts';
import type { Clock } from '../time/clock.ts';
import { Wake } from '../time/wake.ts';

export interface PublisherOptions {
  readonly databaseName: string;
  readonly instanceId: string;
  readonly native: boolean;
  readonly tracker: Tracker;
  readonly turns: Exclusive;
  readonly storage: ObjectStorage;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: DatabaseStatus;
  /** Told before the bytes leave: a listing may show the object before the store returns. */
  readonly onStore: (name: string) => void;
  /** Told when the bucket said yes: what was merged before the snapshot was taken is in it. */
  readonly onStored: (name: string, included: ReadonlyMap<string, bigint>) => void;
  /** What is merged at this moment, by instance. */
  readonly merged: () => ReadonlyMap<string, bigint>;
}

interface Encoded {
  readonly name: string;
  readonly body: Spool;
  readonly included: ReadonlyMap<string, bigint>;
  readonly txnId: number;
  readonly encodeMs: number;
}

/** How long an upload under way, and the last attempt, may take after a stop was asked for. */
const FINAL_STORE_MS = 30_000;

/**
 * Publishes full snapshots, as a task of its own: while the bucket fails, merging goes on, and a newer state replaces the
 * body that waits. A change counts as published only when the bucket said yes (I3).
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #wake = new Wake();
  /** An attempt has ended, or encoding has. */
  readonly #changed = new Wake();
  /** The bucket has the word: from the end of encoding to the next encoding. */
  #isAtBucket = false;
  #lastNano: bigint;
  /** Changes asked to be published, and those that an upload has carried. */
  #requested = 0;
  #published = 0;
  /** Attempts to store, failed ones included. */
  #attempts = 0;
  #lastStoredMs: number;
  #gaveUp: unknown;

  /** @param lastNano time of our newest object: names never go back (decision 10) */
  constructor(options: PublisherOptions, lastNano: bigint) {
    this.#options = options;
    this.#lastNano = lastNano;
    this.#lastStoredMs = options.clock.monotonicMs();
  }

  request(): void {
    this.#requested++;
    this.#wake.notify();
  }

  /** Something waits to be published. */
  get isDue(): boolean {
    return this.#published < this.#requested;
  }

  /** Time since the last successful store, or the start. */
  get sinceStoredMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastStoredMs;
  }

  /** The error of a store that was given up after the configured attempts; the change stays due. */
  get gaveUp(): unknown {
    return this.#gaveUp;
  }

  /** Resolves after the next attempt, or when nothing is due. */
  async attempted(signal: AbortSignal): Promise<void> {
    const before = this.#attempts;
    while (this.isDue && this.#attempts === before && !signal.aborted) await this.#changed.wait(60_000, signal);
  }

  /**
   * Resolves when what is due has been taken out of the database, or must wait for the bucket: an upload that is slow or is
   * being retried holds up nobody (decision 11).
   */
  async taken(signal: AbortSignal): Promise<void> {
    while (this.isDue && !this.#isAtBucket && !signal.aborted) await this.#changed.wait(60_000, signal);
  }

  /** Until aborted; what is due then gets one last attempt. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const patience = new AbortController();
    const ended = new AbortController();
    const onStop = (): void => {
      void clock.sleep(FINAL_STORE_MS, ended.signal).then(() => {
        patience.abort(new Error(`the bucket did not answer within ${FINAL_STORE_MS / 1000} s`));
      });
    };
    signal.addEventListener('abort', onStop, { once: true });
    try {
      while (!signal.aborted) {
        if (this.isDue) await this.#publish(signal, patience.signal);
        else await this.#wake.wait(Number.POSITIVE_INFINITY, signal);
      }
      if (this.isDue) await this.#lastAttempt(patience.signal);
    } finally {
      ended.abort();
    }
  }

  async #lastAttempt(patience: AbortSignal): Promise<void> {
    const { log } = this.#options;
    let body: Spool | undefined;
    try {
      patience.throwIfAborted();
      const encoded = await this.#encode();
      body = encoded.body;
      await this.#store(encoded, this.#requested, patience);
    } catch (error) {
      log.warn(
        'Stopping with changes that are not published yet; they are safe in the LMDB and go out at the next start',
        {
          error: describeError(error),
        },
      );
    } finally {
      body?.dispose();
    }
  }

  /** Encodes and stores, again and again, until it is done or given up. */
  async #publish(signal: AbortSignal, patience: AbortSignal): Promise<void> {
    const { log, status, policy } = this.#options;
    let encoded: Encoded | undefined;
    let carries = 0;
    try {
      for (let failures = 1; !signal.aborted; failures++) {
        try {
          if (!encoded || carries < this.#requested) {
            // A newer state replaces the one that waits.
            encoded?.body.dispose();
            encoded = undefined;
            carries = this.#requested;
            this.#isAtBucket = false;
            encoded = await this.#encode();
          }
          this.#isAtBucket = true;
          this.#changed.notify();
          await this.#store(encoded, carries, patience);
          return;
        } catch (error) {
          if (patience.aborted) return;
          if (await this.#readsOnWithCursors(error)) continue;
          if (!(error instanceof StorageError || isPassing(error))) throw error;
          status.storeFailures++;
          status.lastError = describeError(error);
          const delayMs = policy.nextDelayMs(failures);
          this.#isAtBucket = true;
          this.#noteAttempt();
          if (delayMs === undefined) {
            status.storeGivenUp++;
            this.#gaveUp = error;
            log.error('Store failed too many times; trying again after a pause', {
              error: describeError(error),
              failures,
            });
            failures = 0;
            await this.#wake.wait(policy.nextDelayMs(1) ?? 60_000, signal);
            continue;
          }
          // Told at once, then ever less often: an outage of hours is one story.
          const level = (failures & (failures - 1)) === 0 ? 'warn' : 'debug';
          log[level]('Store failed', { name: encoded?.name, error: describeError(error), retryMs: delayMs });
          await this.#options.clock.sleep(delayMs, signal);
        }
      }
    } finally {
      this.#isAtBucket = false;
      encoded?.body.dispose();
    }
  }

  async #store(encoded: Encoded, carries: number, signal: AbortSignal): Promise<void> {
    const { storage, clock, log, status } = this.#options;
    this.#options.onStore(encoded.name);
    const startedMs = clock.monotonicMs();
    await storage.store(encoded.name, encoded.body, { signal });
    this.#published = Math.max(this.#published, carries);
    this.#lastStoredMs = clock.monotonicMs();
    this.#gaveUp = undefined;
    status.publishedObjects++;
    status.publishedBytes += encoded.body.sizeBytes;
    status.lastError = undefined;
    this.#options.onStored(encoded.name, encoded.included);
    log.info('Stored snapshot', {
      snapshot_name: encoded.name,
      snapshot_size: encoded.body.sizeBytes,
      time_dump_ms: Math.round(encoded.encodeMs),
      time_store_ms: Math.round(clock.monotonicMs() - startedMs),
      txnID: encoded.txnId,
    });
    this.#noteAttempt();
  }

  #noteAttempt(): void {
    this.#attempts++;
    this.#changed.notify();
  }

  /** After an error in a page. */
  #readsOnWithCursors(error: unknown): Promise<boolean> {
    const { tracker, turns } = this.#options;
    return turns.run(() => {
      if (!tracker.fallBack(error)) return false;
      if (tracker.localRound()) this.request();
      return true;
    });
  }

  async #encode(): Promise<Encoded> {
    const { tracker, turns, clock } = this.#options;
    if (!tracker.views.isPaged)
      return turns.run(() => this.#encodeHeld(tracker.views.hold(), new Map(this.#options.merged())));
    // The shadow of any transaction holds at least what main held when the base was taken, which is what the name claims.
    const { held, included } = await turns.run(() => ({
      held: tracker.views.hold(),
      included: new Map(this.#options.merged()),
    }));
    const startedMs = clock.monotonicMs();
    const encoded = await this.#encodeHeld(held, included);
    return { ...encoded, encodeMs: clock.monotonicMs() - startedMs };
  }

  async #encodeHeld(held: Held, included: ReadonlyMap<string, bigint>): Promise<Encoded> {
    const { tracker, databaseName, instanceId, native, storage } = this.#options;
    const timestampNano = this.#nextTime(tracker.base.takenNano);
    // Only a remote bucket is told what it must have received.
    const body = new Spool({ md5: storage.type !== 'fs' && storage.type !== 'memory' });
    try {
      const sources = snapshotSources(held.view, native, tracker.knownFlags);
      const meta = {
        generationId: GENERATION_ID,
        instanceId,
        hostname: hostname(),
        databaseName,
        lmdbTxnId: BigInt(held.id),
        timestampNano,
        fromLmdbTxnId: 0n,
      };
      for await (const member of encodeSnapshot(meta, sources)) body.append(member);
      body.finish();
      const name = buildSnapshotName({
        databaseName,
        instanceId,
        timestampNano,
        generationId: GENERATION_ID,
        kind: 'snapshot',
      });
      return { name, body, included, txnId: held.id, encodeMs: 0 };
    } catch (error) {
      body.dispose();
      throw error;
    } finally {
      held.release();
    }
  }

  /** Above our previous object's, whatever the clock does. */
  #nextTime(takenNano: bigint): TimestampNano {
    this.#lastNano = takenNano > this.#lastNano ? takenNano : this.#lastNano + 1n;
    return this.#lastNano as TimestampNano;
  }
}
