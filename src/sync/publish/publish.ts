import { GENERATION_ID, type SnapshotName } from '../../snapshot/index.ts';
import { type ObjectStorage, type RetryPolicy, StorageError } from '../../storage/index.ts';
import { namesOf, nextTimeNano, type OwnChain, type PublishPlan, planPublishing } from '../chain/index.ts';
import { type Capture, isPassing, type LocalDatabase, type ShownState } from '../local/index.ts';
import { errorInfo, type Report, refOf } from '../status/index.ts';
import { type Clock, Wake } from '../time/index.ts';
import { Allowance, type AllowanceLimits } from './allowance.ts';
import { DeltaKeys } from './delta-keys.ts';
import { type MadeObject, type MakeOptions, makeObjects } from './made.ts';

/** What the objects in the bucket say. */
export interface PublisherView {
  ownChain(): OwnChain;
  /** An instance in the fleet writes, and does not read deltas. */
  hasLegacyWriter(): boolean;
}

export interface PublisherOptions {
  readonly databaseName: string;
  readonly instanceId: string;
  readonly mode: 'auto' | 'off';
  /** `storage_force_snapshot_interval`; 0: none is forced. */
  readonly forceIntervalMs: number;
  readonly limits: AllowanceLimits;
  readonly local: LocalDatabase;
  /** The newest object of ours that was merged at start. */
  readonly shown: ShownState | undefined;
  readonly storage: ObjectStorage;
  readonly make: Pick<MakeOptions, 'hostname' | 'encode' | 'spool'>;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly report: Report;
  readonly view: PublisherView;
  /**
   * Told before the bytes leave: a listing may show the object before the store returns, and also when that fails.
   * @param digest of what is sent, for what no peer needs to fetch
   */
  readonly onStore: (name: string, digest: string | undefined) => void;
  /** Told when the bucket said yes. */
  readonly onStored: (name: SnapshotName, sizeBytes: number, within: WithinFull) => void;
  /** Told whenever the facts may have changed. */
  readonly onMoved: () => void;
}

/** What can be decided by. */
export interface PublisherFacts {
  /** Something waits to be published. */
  readonly isDue: boolean;
  /** What is due was taken out of the database, or must wait for the bucket or for its turn. */
  readonly isAtBucket: boolean;
  /** The configured attempts are used up; the change stays due. */
  readonly hasGivenUp: boolean;
}

/** What was merged before an object was made, and is in it when it is a full snapshot. */
export interface WithinFull {
  readonly included: ReadonlyMap<string, bigint>;
  /** As in `OwnChain`. */
  readonly foreignNews: number;
}

/** What one view gave. */
interface Made {
  readonly objects: MadeObject[];
  readonly capture: Capture;
  readonly foreignNews: number;
  /** Of the requests so far, how many the view was taken after. */
  readonly carries: number;
  readonly waitsFor: PublishPlan['waitsFor'];
  /** An object that holds the changes is in the bucket. */
  isPublished: boolean;
}

/** How long an upload under way, and the last attempt, may take after a stop was asked for. */
const FINAL_STORE_MS = 30_000;

/**
 * Publishes what changed here, as a task of its own: deltas, full snapshots where they are needed (`planPublishing`). While the
 * bucket fails, merging goes on, and a newer state replaces the one that waits. A change counts as published only when the
 * bucket said yes (I3); until then its keys stay among the unpublished ones.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #wake: Wake;
  readonly #allowance: Allowance;
  readonly #deltaKeys = new DeltaKeys();
  #isAtBucket = false;
  /** All that is unpublished is among the unpublished keys. */
  #hasCollected = false;
  /** Of all objects that we tried to store. */
  #newestNano = 0n;
  #lastTxnId = 0;
  /** Changes asked to be published, and those that an object has carried. */
  #requested = 0;
  #published = 0;
  #lastFullMs: number;
  #gaveUp: unknown;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#wake = new Wake(options.clock);
    this.#allowance = new Allowance(options.limits, options.clock);
    this.#lastFullMs = options.clock.monotonicMs();
    this.#lastTxnId = options.shown?.txnId ?? 0;
  }

  request(): void {
    this.#requested++;
    this.#wake.notify();
    this.#options.onMoved();
  }

  /** To be called after a listing: who does not read deltas needs a full snapshot of what they hold, also when nothing changes any more. */
  noteListing(): void {
    const { mode, view } = this.#options;
    if (mode === 'off' || this.#isDue || view.ownChain().deltas.length === 0) return;
    if (view.hasLegacyWriter()) this.request();
  }

  get facts(): PublisherFacts {
    return { isDue: this.#isDue, isAtBucket: this.#isAtBucket, hasGivenUp: this.#gaveUp !== undefined };
  }

  get #isDue(): boolean {
    return this.#published < this.#requested;
  }

  /** Time since the last full snapshot was stored, or the start. */
  get sinceFullMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastFullMs;
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
      await this.#collect(signal);
      while (!signal.aborted) {
        if (this.#isDue) await this.#publish(signal, patience.signal);
        else await this.#wake.wait(Number.POSITIVE_INFINITY, signal);
      }
      if (this.#isDue && this.#hasCollected) await this.#lastAttempt(patience.signal);
    } finally {
      ended.abort();
    }
  }

  /**
   * What a killed process left unpublished is known only now, when our own objects are merged (I5). Nothing is published before: a
   * delta would claim that nothing else had changed.
   */
  async #collect(signal: AbortSignal): Promise<void> {
    const { mode, local, shown } = this.#options;
    for (let failures = 1; !this.#hasCollected && !signal.aborted; failures++) {
      try {
        if (mode === 'auto') await local.collectUnpublished(shown);
        this.#hasCollected = true;
      } catch (error) {
        if (!isPassing(error)) throw error;
        failures = await this.#failed(error, undefined, failures, signal);
      }
    }
  }

  async #lastAttempt(patience: AbortSignal): Promise<void> {
    let made: Made | undefined;
    try {
      patience.throwIfAborted();
      // The last word waits for no turn.
      made = await this.#make({ mayPublishDelta: true, mayPublishFull: true });
      await this.#store(made, patience);
    } catch (error) {
      this.#options.report({ type: 'leftUnpublished', error: errorInfo(error) });
    } finally {
      this.#drop(made);
    }
  }

  /** Makes and stores, again and again, until it is done or given up. */
  async #publish(signal: AbortSignal, patience: AbortSignal): Promise<void> {
    let made: Made | undefined;
    try {
      for (let failures = 1; !signal.aborted; failures++) {
        try {
          if (!made || made.carries < this.#requested || made.objects.length === 0) {
            // A newer state replaces the one that waits.
            this.#drop(made);
            made = undefined;
            await this.#waitForTurn(signal);
            if (signal.aborted) return;
            this.#isAtBucket = false;
            const mayPublishFull = this.#allowance.has('full');
            made = await this.#make({ mayPublishDelta: this.#allowance.has('delta'), mayPublishFull });
          }
          this.#isAtBucket = true;
          this.#options.onMoved();
          await this.#store(made, patience);
          if (!made.waitsFor) return;
          await this.#waitFor(made.waitsFor, signal);
          failures = 0;
        } catch (error) {
          if (patience.aborted) return;
          if (!(error instanceof StorageError || isPassing(error))) throw error;
          this.#isAtBucket = true;
          failures = await this.#failed(error, made?.objects[0]?.name.full, failures, signal);
        }
      }
    } finally {
      this.#isAtBucket = false;
      this.#drop(made);
    }
  }

  /** Nothing is taken out of the database while nothing may be published: the next delta has all that changes meanwhile. */
  async #waitForTurn(signal: AbortSignal): Promise<void> {
    const isOff = this.#options.mode === 'off';
    const fullMs = this.#allowance.waitMs('full');
    const waitMs = isOff ? fullMs : Math.min(this.#allowance.waitMs('delta'), fullMs);
    if (waitMs > 0) await this.#sleep(waitMs, signal);
  }

  async #waitFor(kind: 'delta' | 'full', signal: AbortSignal): Promise<void> {
    const waitMs = this.#allowance.waitMs(kind);
    // While a full snapshot waits for its turn, a change goes out as a delta at once.
    if (kind === 'full') await this.#wake.wait(waitMs, signal);
    else await this.#sleep(waitMs, signal);
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.#isAtBucket = true;
    this.#options.onMoved();
    await this.#options.clock.sleep(ms, signal);
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

  /** One object after the other: nothing may claim what follows a delta that is not in the bucket. */
  async #store(made: Made, signal: AbortSignal): Promise<void> {
    const { storage, clock, report, onStore, onStored, onMoved } = this.#options;
    const { objects, capture, carries, foreignNews } = made;
    for (let next = objects[0]; next; next = objects[0]) {
      const { name, role, body, keys, encodeMs, digest } = next;
      onStore(name.full, digest);
      if (role !== 'compacted') this.#allowance.take(role);
      const startedMs = clock.monotonicMs();
      await storage.store(name.full, body, { signal });
      const { sizeBytes } = body;
      objects.shift();
      body.dispose();
      made.isPublished = true;
      if (keys) this.#deltaKeys.add(name.full, keys);
      if (role === 'full') this.#lastFullMs = clock.monotonicMs();
      this.#lastTxnId = capture.txnId;
      this.#gaveUp = undefined;
      onStored(name, sizeBytes, { included: capture.included, foreignNews });
      const storeMs = clock.monotonicMs() - startedMs;
      if (role === 'compacted') report({ type: 'compacted' });
      report({ type: 'stored', object: refOf(name), sizeBytes, txnId: capture.txnId, encodeMs, storeMs });
    }
    if (!made.waitsFor) this.#published = Math.max(this.#published, carries);
    if (!made.waitsFor) this.#isAtBucket = false;
    onMoved();
  }

  /** What was not stored is still to be published. */
  #drop(made: Made | undefined): void {
    if (!made) return;
    for (const { body } of made.objects) body.dispose();
    if (!made.isPublished) this.#options.local.giveBack(made.capture.unpublished);
  }

  #make(may: { readonly mayPublishDelta: boolean; readonly mayPublishFull: boolean }): Promise<Made> {
    // Asked before the view is taken: a request that comes meanwhile may be about a later commit.
    const carries = this.#requested;
    return this.#options.local.capture(async (capture) => {
      const { databaseName, instanceId, mode, storage, clock, view, make } = this.#options;
      const { unpublished } = capture;
      const chain = view.ownChain();
      const compactable = this.#deltaKeys.known(chain.deltas);
      const overflowed = unpublished.hasOverflowed;
      const plan = planPublishing({
        mode,
        chain,
        compactable,
        unpublished: {
          // Without deltas whatever is asked for is a full snapshot.
          hasChanges: mode === 'off' || !unpublished.isEmpty,
          estimatedBytes: overflowed ? Number.POSITIVE_INFINITY : RECORD_BYTES * capture.countOf(unpublished),
          overflowed,
        },
        hasLegacyWriter: view.hasLegacyWriter(),
        sinceFullMs: this.sinceFullMs,
        forceIntervalMs: this.#options.forceIntervalMs,
        ...may,
      });
      const newestNano = chain.newestNano > this.#newestNano ? chain.newestNano : this.#newestNano;
      const parts = { databaseName, instanceId, generationId: GENERATION_ID };
      const names = namesOf(plan, parts, mode, nextTimeNano(capture.timestampNano, newestNano));
      if (names.delta || names.full) {
        this.#newestNano = names.newestNano;
        capture.named(names.newestNano);
      }
      const compactedKeys = plan.compaction && this.#deltaKeys.union(plan.compaction.replaces, unpublished);
      const md5 = storage.type !== 'fs' && storage.type !== 'memory';
      const options = { ...make, md5, monotonicMs: () => clock.monotonicMs() };
      const objects = await makeObjects(capture, names, compactedKeys, this.#lastTxnId, options);
      // What is published holds the changes, and what is not published has none or keeps them.
      const { foreignNews } = chain;
      return { objects, capture, foreignNews, carries, waitsFor: plan.waitsFor, isPublished: false };
    });
  }
}

/** About what an entry weighs in a delta, compressed. */
const RECORD_BYTES = 60;
