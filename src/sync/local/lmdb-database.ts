import type { SweeperConfig } from '../../config/index.ts';
import type { Environment, InstanceLock } from '../../lmdb/index.ts';
import type { Log } from '../../log/index.ts';
import { timeOf } from '../../merge/index.ts';
import { PDNS_DBI, SCHEMA_VERSION_KEY, schemaVersionIn } from '../../powerdns/index.ts';
import {
  collectSince,
  deltaSources,
  entryCount,
  type KeySet,
  newestTime,
  type Schema,
  snapshotSources,
} from '../../shadow/index.ts';
import { snapshotNameOf } from '../../snapshot/index.ts';
import type { ChangeOrigin, EnvironmentStats, LmdbStats, Report } from '../status/index.ts';
import { Sweeper } from '../sweep/index.ts';
import { type Clock, nowMs } from '../time/index.ts';
import { type ChangeReceiver, ChangeTeller } from './change-teller.ts';
import { readerCleared } from './compare-local.ts';
import { type FileWatch, watchFile } from './data-file.ts';
import { Exclusive } from './exclusive.ts';
import { FillPacking, type PackedFill, type PackOptions } from './fill-packing.ts';
import type { Held } from './held.ts';
import { environmentStats, lmdbStats } from './lmdb-stats.ts';
import type { Capture, LocalDatabase, Memory, MergeBatch, MergeResult, ShownState } from './local-database.ts';
import { holdsEntries, type MergeOptions, mergeObjects } from './merge-object.ts';
import { PackedStart } from './packed-start.ts';
import { SameFile } from './same-file.ts';
import type { Sidecar } from './sidecar.ts';
import { SidecarMemory } from './sidecar-memory.ts';
import { REST_MS } from './slice-time.ts';
import { Tracker } from './tracker.ts';
import { type LockWatch, WriteLock } from './write-lock.ts';

export interface LmdbDatabaseOptions {
  readonly environment: Environment;
  /** Given back at the end. */
  readonly instanceLock?: InstanceLock | undefined;
  readonly schema: Schema;
  /** `options.map_size`: how far the map may be enlarged. */
  readonly mapSizeBytes: number;
  readonly merge: Omit<MergeOptions, 'schema' | 'clock' | 'report' | 'log' | 'signal'>;
  readonly sweeper: SweeperConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
  /** Per instance the time of its newest object that is merged; asked within the turn of a capture. */
  readonly included: () => ReadonlyMap<string, bigint>;
  /** Packs what the first filling copies, for the snapshot that follows it; undefined: nothing will be published. */
  readonly pack?: PackOptions | undefined;
  readonly lockWatch?: LockWatch | undefined;
  /** Told what changed in the application's DBIs. */
  readonly changes?: ChangeReceiver | undefined;
  /** Where the entries lie, when it is not the LMDB itself; closed at the end. */
  readonly sidecar?: Sidecar | undefined;
}

/** A filling goes on to its end, also while we stop. */
const NEVER = new AbortController().signal;

interface HeldCapture {
  readonly held: Held;
  readonly packed: PackedFill | undefined;
  readonly capture: Capture;
}

/** The tracker over liblmdb. Takes its turns, and reads on with cursors after an error in a page: that is caught here alone. */
export class LmdbDatabase implements LocalDatabase {
  readonly #options: LmdbDatabaseOptions;
  readonly #turns = new Exclusive();
  readonly #tracker: Tracker;
  readonly #sweeper: Sweeper;
  readonly #sameFile: SameFile;
  readonly #teller: ChangeTeller;
  readonly #packed = new PackedStart();
  /** After the first round, before anything was merged. */
  #start: { readonly txnId: number; readonly hasEntries: boolean } | undefined;

  constructor(options: LmdbDatabaseOptions) {
    const { environment, clock, report, schema, mapSizeBytes, lockWatch, sidecar } = options;
    this.#options = options;
    const sameFile = new SameFile(environment);
    this.#sameFile = sameFile;
    const lock = new WriteLock({ environment, clock, report, watch: lockWatch, mapSizeBytes, sameFile });
    const { lockMaxMs } = options.merge;
    const { native } = schema;
    const teller = new ChangeTeller({ native, report, receiver: options.changes });
    this.#teller = teller;
    this.#tracker = new Tracker({ environment, clock, report, schema, lock, lockMaxMs, sameFile, sidecar, teller });
    this.#sweeper = this.#makeSweeper();
  }

  get memory(): Memory | undefined {
    const { sidecar, schema, clock, report, merge } = this.#options;
    const tracker = this.#tracker;
    const turn = <T>(work: () => T | Promise<T>): Promise<T> => this.#turns.run(work);
    return sidecar && new SidecarMemory({ ...merge, sidecar, tracker, turn, schema, clock, report });
  }

  get tracker(): Tracker {
    return this.#tracker;
  }

  get hasNews(): boolean {
    return this.#tracker.hasNews;
  }

  assertSameFile(): void {
    this.#sameFile.assert();
  }

  get txnId(): number {
    return this.#tracker.baseIfAny?.id ?? 0;
  }

  localRound(): Promise<void> {
    return this.#turn(async () => {
      await this.#round();
      // What later transactions write is known as it happens.
      this.#start ??= this.#read((held) => {
        this.#teller.started(held);
        return { txnId: held.id, hasEntries: holdsEntries(held.view) };
      });
    });
  }

  /** The first round may fill shadows: its steps are turns of the event loop, and what it copies is packed on the way. */
  async #round(): Promise<void> {
    const { clock, pack } = this.#options;
    if (!pack || this.#start || this.#options.merge.lockMaxMs <= 0) {
      this.#tracker.localRound();
      return;
    }
    const packing = new FillPacking(pack);
    try {
      const steps = this.#tracker.localRoundInSteps(packing);
      while (!steps.next().done) {
        await clock.sleep(REST_MS, NEVER);
        await packing.settle();
      }
      this.#packed.keep(await packing.finish(this.#tracker.base));
    } catch (error) {
      packing.drop();
      throw error;
    }
  }

  fullScan(): Promise<void> {
    return this.#turn(() => void this.#tracker.fullScan());
  }

  merge(batch: MergeBatch, signal: AbortSignal): Promise<readonly MergeResult[]> {
    const { schema, clock, report, log, merge } = this.#options;
    const options = { ...merge, schema, clock, report, log, signal };
    return this.#turn(() => this.#teller.during(originOf(batch), () => mergeObjects(this.#tracker, batch, options)));
  }

  collectUnpublished(shown: ShownState | undefined): Promise<void> {
    return this.#turn(() => {
      const { unpublished } = this.#tracker;
      if (!this.#start?.hasEntries || unpublished.hasOverflowed) return;
      const untilTxnId = this.#start.txnId;
      // Without an object of ours, or with one of another LMDB, nothing tells what is published.
      if (!shown || shown.txnId > untilTxnId || shown.timestampNano <= this.#anewNano) return unpublished.overflow();
      const since = { txnId: shown.txnId, time: timeOf(shown.timestampNano), untilTxnId };
      this.#read(({ view }) => collectSince(view, this.#options.schema.native, since, unpublished));
    });
  }

  get #anewNano(): bigint {
    return BigInt(this.#options.sidecar?.state.anewNano ?? -1);
  }

  #read<T>(look: (held: Held) => T): T {
    const held = this.#tracker.readable();
    try {
      return look(held);
    } finally {
      this.#tracker.doneReading(held);
    }
  }

  capture<T>(use: (capture: Capture) => Promise<T>): Promise<T> {
    return this.#withCursors(async () => {
      // Two cursor views must not meet, so the turn then lasts until the view is read.
      if (!this.#tracker.views.canReadBesideWriter) return this.#turns.run(() => this.#use(this.#hold(), use));
      return this.#use(await this.#turns.run(() => this.#hold()), use);
    });
  }

  giveBack(unpublished: KeySet): void {
    this.#tracker.unpublished.addAll(unpublished);
  }

  async sweep(signal: AbortSignal): Promise<void> {
    await this.#sweeper.sweepOnce(signal);
  }

  newestNano(): Promise<bigint | undefined> {
    return this.#turn(() => {
      const held = this.#tracker.views.hold();
      try {
        return newestTime(held.view, this.#options.schema.native);
      } finally {
        held.release();
      }
    });
  }

  stats(): EnvironmentStats {
    return environmentStats(this.#options.environment);
  }

  lmdbStats(): Promise<LmdbStats> {
    const { environment, sidecar } = this.#options;
    return this.#turn(() => lmdbStats(environment, this.#tracker.baseIfAny, sidecar?.environment));
  }

  watch(onTouched: () => void): FileWatch {
    return watchFile(this.#options.environment.dataPath, onTouched);
  }

  idle(): Promise<unknown> {
    return this.#turns.idle();
  }

  close(): void {
    this.#packed.dispose();
    this.#tracker.close();
    this.#options.sidecar?.close();
    this.#options.environment.close();
    this.#options.instanceLock?.release();
  }

  /** What one turn takes: all of it is read before anything else may run, so the time is never later than the view (I3). */
  #hold(): HeldCapture {
    const { schema, report } = this.#options;
    const tracker = this.#tracker;
    // Of a file that was replaced only what was recorded by then can be read.
    const held = this.#sameFile.isSame ? tracker.capturable() : tracker.base;
    if (!held.isOpen) this.#sameFile.assert();
    // The shadow of any transaction holds at least what main held when the base was taken, which is what the name claims.
    // So does the id: keys of what was committed since are not among the unpublished ones yet.
    const { id: txnId, takenNano: timestampNano } = tracker.base;
    report({ type: 'captured', txnId, timestampNano });
    const packed = held.id === txnId ? this.#packed.take(tracker.baseIfAny) : undefined;
    const capture = {
      txnId,
      timestampNano,
      included: new Map(this.#options.included()),
      unpublished: tracker.takeUnpublished(),
      named: (nano: bigint) => this.#options.sidecar?.noteName(nano),
      sources: () => snapshotSources(held.view, schema.native, tracker.knownFlags, packed?.dbis),
      countOf: (keys: KeySet) => entryCount(held.view, schema.native, keys),
      deltaSources: (keys: KeySet) => {
        // A peer of another schema must refuse every delta, not only the one that changed the version.
        if (!keys.isEmpty && schemaVersionIn(held.view) !== undefined)
          keys.add(PDNS_DBI, SCHEMA_VERSION_KEY, 0, SCHEMA_VERSION_KEY.length);
        return deltaSources(held.view, schema.native, tracker.knownFlags, keys);
      },
      assertProtected: () => {
        if (!tracker.isProtected(held)) throw readerCleared();
      },
    };
    return { held, packed, capture };
  }

  async #use<T>({ held, packed, capture }: HeldCapture, use: (capture: Capture) => Promise<T>): Promise<T> {
    try {
      return await use(capture);
    } catch (error) {
      this.giveBack(capture.unpublished);
      // An error in a page, or an entry, that is another transaction's.
      capture.assertProtected();
      throw error;
    } finally {
      packed?.dispose();
      if (held !== this.#tracker.baseIfAny) held.release();
    }
  }

  #turn<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#withCursors(() =>
      this.#turns.run(() => {
        this.#packed.check(this.#tracker.baseIfAny);
        return work();
      }),
    );
  }

  /** Does `work`, and after an error in a page once more, with cursors. */
  async #withCursors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const readsOn = await this.#turns.run(() => {
        if (!this.#tracker.fallBack(error)) return false;
        this.#tracker.localRound();
        return true;
      });
      if (!readsOn) throw error;
      return work();
    }
  }

  #makeSweeper(): Sweeper {
    const { environment, schema, sweeper, clock, log, report, sidecar } = this.#options;
    const holder = sidecar?.environment ?? environment;
    return new Sweeper({
      // A turn: DBI handles of two transactions must not meet, and the reader table may have few slots.
      read: (body) => this.#turns.run(() => holder.read(body)),
      mode: schema.native ? 'native' : 'shadow',
      config: sweeper,
      log,
      now: () => nowMs(clock),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, until) => clock.sleep(ms, until),
      observer: { swept: (swept) => report({ type: 'swept', ...swept }) },
      write: (body) =>
        this.#turn(() => {
          this.#tracker.localRound();
          // Old deletion marks: for the application nothing changes.
          return this.#teller.during(undefined, () => this.#tracker.writeEntries((transaction) => body(transaction)));
        }),
    });
  }
}

/** All objects of a batch are of one instance. */
function originOf({ objects: [first] }: MergeBatch): ChangeOrigin | undefined {
  return first && { kind: 'remote', instanceId: snapshotNameOf(first.name)?.instanceId ?? first.name };
}
