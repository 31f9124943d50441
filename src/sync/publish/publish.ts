import type { KeySet } from '../../shadow/index.ts';
import {
  buildSnapshotName,
  type encodeSnapshot,
  GENERATION_ID,
  parseSnapshotName,
  type TimestampNano,
} from '../../snapshot/index.ts';
import {
  type ObjectStorage,
  type RetryPolicy,
  type Spool,
  type SpoolOptions,
  StorageError,
} from '../../storage/index.ts';
import { type Capture, isPassing, type LocalDatabase } from '../local/index.ts';
import { errorInfo, type Report } from '../status/index.ts';
import { type Clock, Wake } from '../time/index.ts';

export interface PublisherOptions {
  readonly databaseName: string;
  readonly instanceId: string;
  readonly hostname: string;
  readonly local: LocalDatabase;
  readonly storage: ObjectStorage;
  readonly encode: typeof encodeSnapshot;
  readonly spool: (options: SpoolOptions) => Spool;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly report: Report;
  /** Told before the bytes leave: a listing may show the object before the store returns. */
  readonly onStore: (name: string) => void;
  /** Told when the bucket said yes: what was merged before the snapshot was taken is in it. */
  readonly onStored: (name: string, included: ReadonlyMap<string, bigint>) => void;
  /** Told whenever the facts may have changed. */
  readonly onMoved: () => void;
}

/** What can be decided by. */
export interface PublisherFacts {
  /** Something waits to be published. */
  readonly isDue: boolean;
  /** What is due was taken out of the database, or must wait for the bucket. */
  readonly isAtBucket: boolean;
  /** The configured attempts are used up; the change stays due. */
  readonly hasGivenUp: boolean;
}

interface Encoded {
  readonly name: string;
  readonly body: Spool;
  readonly included: ReadonlyMap<string, bigint>;
  readonly unpublished: KeySet;
  /** Of the requests so far, how many the view was taken after. */
  readonly carries: number;
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
  readonly #wake: Wake;
  /** From the end of encoding to the next encoding. */
  #isAtBucket = false;
  #lastNano: bigint;
  /** Changes asked to be published, and those that an upload has carried. */
  #requested = 0;
  #published = 0;
  #lastStoredMs: number;
  #gaveUp: unknown;

  /** @param lastNano time of our newest object: names never go back (decision 10) */
  constructor(options: PublisherOptions, lastNano: bigint) {
    this.#options = options;
    this.#wake = new Wake(options.clock);
    this.#lastNano = lastNano;
    this.#lastStoredMs = options.clock.monotonicMs();
  }

  request(): void {
    this.#requested++;
    this.#wake.notify();
    this.#options.onMoved();
  }

  get facts(): PublisherFacts {
    return { isDue: this.#isDue, isAtBucket: this.#isAtBucket, hasGivenUp: this.#gaveUp !== undefined };
  }

  get #isDue(): boolean {
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
        if (this.#isDue) await this.#publish(signal, patience.signal);
        else await this.#wake.wait(Number.POSITIVE_INFINITY, signal);
      }
      if (this.#isDue) await this.#lastAttempt(patience.signal);
    } finally {
      ended.abort();
    }
  }

  async #lastAttempt(patience: AbortSignal): Promise<void> {
    const { report } = this.#options;
    let encoded: Encoded | undefined;
    try {
      patience.throwIfAborted();
      encoded = await this.#encode();
      await this.#store(encoded, patience);
      encoded = undefined;
    } catch (error) {
      report({ type: 'leftUnpublished', error: errorInfo(error) });
    } finally {
      this.#drop(encoded);
    }
  }

  /** Encodes and stores, again and again, until it is done or given up. */
  async #publish(signal: AbortSignal, patience: AbortSignal): Promise<void> {
    let encoded: Encoded | undefined;
    try {
      for (let failures = 1; !signal.aborted; failures++) {
        try {
          if (!encoded || encoded.carries < this.#requested) {
            // A newer state replaces the one that waits.
            this.#drop(encoded);
            encoded = undefined;
            this.#isAtBucket = false;
            encoded = await this.#encode();
          }
          this.#isAtBucket = true;
          this.#options.onMoved();
          await this.#store(encoded, patience);
          encoded = undefined;
          return;
        } catch (error) {
          if (patience.aborted) return;
          if (!(error instanceof StorageError || isPassing(error))) throw error;
          this.#isAtBucket = true;
          failures = await this.#failed(error, encoded?.name, failures, signal);
        }
      }
    } finally {
      this.#isAtBucket = false;
      this.#drop(encoded);
    }
  }

  /** Waits until the next attempt. @returns failures so far; none after a store that was given up */
  async #failed(error: unknown, name: string | undefined, failures: number, signal: AbortSignal): Promise<number> {
    const { policy, clock, report, onMoved } = this.#options;
    const retryMs = policy.nextDelayMs(failures);
    if (retryMs === undefined) this.#gaveUp = error;
    report({ type: 'storeFailed', name, error: errorInfo(error), failures, retryMs });
    onMoved();
    if (retryMs !== undefined) {
      await clock.sleep(retryMs, signal);
      return failures;
    }
    await this.#wake.wait(policy.nextDelayMs(1) ?? 60_000, signal);
    return 0;
  }

  async #store(encoded: Encoded, signal: AbortSignal): Promise<void> {
    const { storage, clock, report, onStore, onStored, onMoved } = this.#options;
    const { name, body, included, carries, txnId, encodeMs } = encoded;
    onStore(name);
    const startedMs = clock.monotonicMs();
    await storage.store(name, body, { signal });
    const { sizeBytes } = body;
    body.dispose();
    this.#published = Math.max(this.#published, carries);
    this.#lastStoredMs = clock.monotonicMs();
    this.#gaveUp = undefined;
    this.#isAtBucket = false;
    onStored(name, included);
    const { instanceId, timestampNano, kind } = parseSnapshotName(name);
    const object = { name, instanceId, timestampNano, kind };
    report({ type: 'stored', object, sizeBytes, txnId, encodeMs, storeMs: clock.monotonicMs() - startedMs });
    onMoved();
  }

  /** What was not stored is still to be published. */
  #drop(encoded: Encoded | undefined): void {
    if (!encoded) return;
    encoded.body.dispose();
    this.#options.local.giveBack(encoded.unpublished);
  }

  #encode(): Promise<Encoded> {
    // Asked before the view is taken: a request that comes meanwhile may be about a later commit.
    const carries = this.#requested;
    return this.#options.local.capture((capture) => this.#encodeView(capture, carries));
  }

  async #encodeView(capture: Capture, carries: number): Promise<Encoded> {
    const { databaseName, instanceId, hostname, storage, clock, encode, spool } = this.#options;
    const { txnId, included, unpublished } = capture;
    const startedMs = clock.monotonicMs();
    const timestampNano = this.#nextTime(capture.timestampNano);
    // Only a remote bucket is told what it must have received.
    const body = spool({ md5: storage.type !== 'fs' && storage.type !== 'memory' });
    try {
      const meta = {
        generationId: GENERATION_ID,
        instanceId,
        hostname,
        databaseName,
        lmdbTxnId: BigInt(txnId),
        timestampNano,
        fromLmdbTxnId: 0n,
      };
      for await (const member of encode(meta, capture.sources())) body.append(member);
      body.finish();
      const parts = { databaseName, instanceId, timestampNano, generationId: GENERATION_ID, kind: 'snapshot' } as const;
      const name = buildSnapshotName(parts);
      return { name, body, included, unpublished, carries, txnId, encodeMs: clock.monotonicMs() - startedMs };
    } catch (error) {
      body.dispose();
      throw error;
    }
  }

  /** Above our previous object's, whatever the clock does. */
  #nextTime(takenNano: bigint): TimestampNano {
    this.#lastNano = takenNano > this.#lastNano ? takenNano : this.#lastNano + 1n;
    return this.#lastNano as TimestampNano;
  }
}
