import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnknownFormatError } from '../../../src/btree/index.ts';
import type { SweeperConfig } from '../../../src/config/index.ts';
import { DbiFlag, Environment, MapFullError } from '../../../src/lmdb/index.ts';
import { type Log, silentLog } from '../../../src/log/index.ts';
import { TIME_ZERO, type Time } from '../../../src/merge/index.ts';
import { compareEverything, isPrivate, type KeySet, type Schema } from '../../../src/shadow/index.ts';
import { shadowedName, shadowName } from '../../../src/shadow/store/names.ts';
import { EntryPacker, readSnapshot } from '../../../src/snapshot/index.ts';
import { bytesBody, Spool } from '../../../src/storage/index.ts';
import { LmdbDatabase, type MergeResult, Sidecar, type SidecarPoint } from '../../../src/sync/local/index.ts';
import type { Tracker } from '../../../src/sync/local/tracker.ts';
import {
  type ChangeEventBody,
  type ChangeListening,
  type DatabaseStatus,
  lineOf,
  newStatus,
  reduceStatus,
  type SyncEvent,
  type SyncEventBody,
} from '../../../src/sync/status/index.ts';
import { cursorScan, type Pair } from '../../btree/fixture.ts';
import { shadowKeyOf } from '../../golden/offline-model.ts';
import type { ApplicationOptions, ApplicationWrite } from '../application/application.ts';
import type { LockstepApplication } from '../application/lockstep-application.ts';
import { assertSame } from './assert-same.ts';
import { encoded } from './encoded.ts';
import type { LogicalClock } from './logical-clock.ts';

export interface PeerOptions {
  readonly native: boolean;
  /** `lmdb_lock_max`. */
  readonly lockMaxMs: number;
  /** False: only cursors, as for a data file of unknown format. */
  readonly pages: boolean;
  /** Default `delete`: everything that is in main then travels (I2). */
  readonly droppedDbis?: 'keep' | 'delete';
  readonly application?: ApplicationOptions;
  readonly mapSizeBytes?: number;
  readonly cutoff?: () => Time;
  /** `header_extra_padding_block`. */
  readonly extraBlocks?: number;
  readonly log?: Log;
  /** Somebody listens to changes. */
  readonly changes?: Omit<ChangeListening, 'isOn'>;
  /** The shadow lies beside the LMDB. */
  readonly sidecar?: boolean;
}

/** One instance without its loop: an LMDB with its application beside it, a tracker, and objects merged by hand. */
export class Peer {
  readonly folder = mkdtempSync(join(tmpdir(), 'lmdbstream-peer-'));
  status: DatabaseStatus = newStatus('main');
  /** What was reported, oldest first. */
  readonly events: SyncEvent[] = [];
  /** What was told of changes, oldest first. */
  readonly changes: ChangeEventBody[] = [];
  /** The last transaction told before the next start. */
  toldTxnId: number | undefined = 0;
  /** Per instance what is merged, as the loop would tell it. */
  included: ReadonlyMap<string, bigint> = new Map();
  readonly clock: LogicalClock;
  readonly application: LockstepApplication;
  /** Run, once each, when the next write locks are asked for: between our read view and our lock. */
  readonly beforeLock: (() => void)[] = [];
  /** Run, once each, when a write lock was given back: before we have a view of what we committed. */
  readonly afterLock: (() => void)[] = [];
  /** Asked for a write lock so many times. */
  locks = 0;
  /** The next round or merge finds no room (MDB_MAP_FULL). */
  failsNextLock = false;
  /** Told of every point of a write at which a kill would leave something half done. */
  atPoint: (point: SidecarPoint) => void = () => {};
  readonly #options: PeerOptions;
  #environment: Environment | undefined;
  #local: LmdbDatabase | undefined;
  sidecar: Sidecar | undefined;

  constructor(application: LockstepApplication, clock: LogicalClock, options: PeerOptions) {
    this.application = application;
    this.clock = clock;
    this.#options = options;
    application.open(this.folder, { sync: false, mapSizeBytes: 64 * 2 ** 20, ...options.application });
    this.open();
  }

  get schema(): Schema {
    const { native, droppedDbis = 'delete' } = this.#options;
    return { native, dupsortHack: !native, overrideCreateFlags: new Map(), droppedDbis, acceptSchemaChange: false };
  }

  get tracker(): Tracker {
    return this.local.tracker;
  }

  get local(): LmdbDatabase {
    return this.#local!;
  }

  get environment(): Environment {
    return this.#environment!;
  }

  /** Starts, or starts again: what the application did meanwhile is an offline change. */
  open(): void {
    const { lockMaxMs, extraBlocks = 0, mapSizeBytes = 0, pages, cutoff, log = silentLog, changes } = this.#options;
    this.#environment = Environment.open(this.folder, { noSync: true, maxDbs: 64, mapSizeBytes });
    if (this.#options.sidecar) this.sidecar = this.#openSidecar(this.#environment);
    this.#local = new LmdbDatabase({
      environment: this.#environment,
      sidecar: this.sidecar,
      clock: this.clock,
      log,
      report: (event) => this.#report(event),
      schema: this.schema,
      mapSizeBytes,
      lockWatch: { waiting: () => this.#aboutToLock(), done: () => {} },
      merge: {
        extraBlocks,
        lockMaxMs,
        wholeUpTo: 0,
        maxDecompressedBytes: 2 ** 30,
        read: readSnapshot,
        collectGarbage: () => {},
        cutoff: cutoff ?? (() => TIME_ZERO),
      },
      sweeper: NO_SWEEPER,
      pack: {
        make: () => new EntryPacker({ spool: new Spool({ memoryBytes: 0 }), memberSizeBytes: 4096 }),
        leastEntries: 1,
      },
      included: () => this.included,
      changes: changes && {
        listening: { ...changes, isOn: true },
        missed: { sinceTxnId: this.toldTxnId },
        onChange: (event) => this.changes.push(event),
      },
    });
    if (!pages) this.tracker.fallBack(pagesUnknown());
  }

  #openSidecar(environment: Environment): Sidecar {
    const path = join(this.folder, 'sidecar.mdb');
    return new Sidecar({ path, environment, maxDbs: 64, noSync: true, atPoint: (point) => this.atPoint(point) });
  }

  #report(body: SyncEventBody): void {
    const event = { ...body, db: 'main', atMs: Number(this.clock.nowNano() / 1_000_000n) };
    this.events.push(event);
    this.status = reduceStatus(this.status, event);
    const line = lineOf(event);
    if (line) this.#options.log?.[line.level](line.message, line.fields);
    if (body.type === 'lock') this.afterLock.shift()?.();
  }

  close(): void {
    this.#local?.close();
  }

  restart(): void {
    this.close();
    this.open();
  }

  dispose(): void {
    this.close();
    this.application.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A copy of the data file, while we have it closed. */
  copyData(): Buffer {
    return readFileSync(this.dataPath);
  }

  /** Puts a copy in the place of the data file, as another file; the application opens that. */
  putBack(data: Buffer): void {
    this.application.close();
    // Beside the old one, so that it is another inode.
    writeFileSync(`${this.dataPath}-copy`, data);
    renameSync(`${this.dataPath}-copy`, this.dataPath);
    this.application.open(this.folder, { sync: false, mapSizeBytes: 64 * 2 ** 20, ...this.#options.application });
  }

  get dataPath(): string {
    return join(this.folder, 'data.mdb');
  }

  #aboutToLock(): void {
    this.locks++;
    if (this.failsNextLock) {
      this.failsNextLock = false;
      throw new MapFullError('MAP_FULL', 'mdb_put', -30792, 'planned by the test');
    }
    this.beforeLock.shift()?.();
  }

  /** The application commits one transaction, a second after whatever happened before. */
  write(...writes: ApplicationWrite[]): void {
    this.#createReverseDup(writes);
    if (writes.length > 0) this.application.batch(...writes);
    this.clock.touch(this.dataPath);
  }

  /** The application's binding has no REVERSEDUP; ours makes such a DBI in its stead. */
  #createReverseDup(writes: readonly ApplicationWrite[]): void {
    for (const write of writes) {
      const flags = ('flags' in write && write.flags) || 0;
      if (flags & DbiFlag.reverseDup) this.environment.write((txn) => void txn.openOrCreateDbi(write.dbi, flags));
    }
  }

  /** The shadow's (or native DBIs') content as an object of the bucket. */
  snapshot(): Promise<Buffer> {
    return this.#encoded(this.clock.nowNano());
  }

  /** The same with nothing in it that is this peer's own. @param keys of a delta */
  content(keys?: KeySet): Promise<Buffer> {
    return this.#encoded(1n, 1n, keys);
  }

  async #encoded(nano: bigint, lmdbTxnId?: bigint, keys?: KeySet): Promise<Buffer> {
    const held = this.tracker.capturable();
    const { native } = this.#options;
    const { knownFlags } = this.tracker;
    try {
      return await encoded(held.view, { native, knownFlags, nano, lmdbTxnId: lmdbTxnId ?? BigInt(held.id), keys });
    } finally {
      held.release();
    }
  }

  /** `hasLocalChanges`: a change of the application came to light meanwhile. */
  async merge(object: Buffer, objectName = 'object'): Promise<MergeResult & { hasLocalChanges: boolean }> {
    const before = this.events.length;
    const objects = [{ name: objectName, body: bytesBody(object) }];
    const [result] = await this.local.merge(
      { kind: objectName.includes('.delta.') ? 'deltas' : 'snapshot', objects },
      new AbortController().signal,
    );
    return { ...result!, hasLocalChanges: this.events.slice(before).some(({ type }) => type === 'localChange') };
  }

  /** Every DBI through cursors of its own. */
  dump(): Map<string, readonly Pair[]> {
    return this.#dumpOf(this.environment);
  }

  /** The LMDB in which the shadows lie. */
  shadowDump(): Map<string, readonly Pair[]> {
    return this.#dumpOf(this.sidecar?.environment ?? this.environment);
  }

  #dumpOf(environment: Environment): Map<string, readonly Pair[]> {
    return environment.read((txn) => new Map(txn.dbiNames().map((name) => [name, cursorScan(txn, name)])));
  }

  /** What a shadow keeps of a value, in hex: all of it, or in a sidecar what decision 16 says. */
  #keptOf(key: string, value: string, isDupSort: boolean): string {
    if (!this.sidecar) return hex(value);
    if (isDupSort && key.length + value.length + 5 <= 511) return '';
    if (value.length <= 16) return hex(value);
    return createHash('sha256').update(value, 'latin1').digest('hex').slice(0, 32);
  }

  /** The application's DBIs; those without an entry are as good as none (a dropped DBI is never dropped at a peer). */
  mainDump(): Record<string, readonly Pair[]> {
    return Object.fromEntries([...this.dump()].filter(([name, pairs]) => !isPrivate(name) && pairs.length > 0));
  }

  /** Main equals the live entries of the shadow (I4), by another statement of the rules than src/ has. */
  assertMainIsShadow(): void {
    if (this.#options.native) return;
    const dump = this.dump();
    const shadows = this.shadowDump();
    const flags = this.environment.read(
      (txn) => new Map(txn.dbiNames().map((name) => [name, txn.dbiFlags(txn.openDbi(name)!)])),
    );
    const names = new Set([...dump.keys(), ...shadows.keys()].map((name) => shadowedName(name) ?? name));
    for (const name of names) {
      // Our own notes are no DBI of the application's.
      if (isPrivate(name)) continue;
      const isDupSort = ((flags.get(name) ?? 0) & DbiFlag.dupSort) !== 0;
      const expected = (dump.get(name) ?? []).map(
        ([key, value]) => `${shadowKeyOf(hex(key), hex(value), isDupSort)}=${this.#keptOf(key, value, isDupSort)}`,
      );
      const live = (shadows.get(shadowName(name)) ?? [])
        .filter(([, stored]) => (stored.charCodeAt(17) & 1) === 0)
        .map(([key, stored]) => `${hex(key)}=${hex(stored.slice(24))}`);
      assertSame(`main ${name} and its shadow (I4)`, expected.sort(), live.sort());
    }
  }

  /** What changed incrementally is all there is to change (I6). */
  assertNothingMissed(): void {
    if (this.#options.native) return;
    const held = this.tracker.views.hold();
    const times = { commit: TIME_ZERO, isFirstMigration: false };
    try {
      const plan = compareEverything(held, { schema: this.schema, times, knownFlags: this.tracker.knownFlags });
      const { count } = plan;
      plan.dispose();
      if (count > 0) throw new Error(`a full comparison finds ${count} changes that were missed (I6)`);
    } finally {
      held.release();
    }
  }

  /** After another round: main is its shadow, nothing was missed, nothing is left open. */
  assertInStep(): void {
    this.tracker.localRound();
    this.assertMainIsShadow();
    this.assertNothingMissed();
    this.assertNoLeaks();
  }

  /** After a test: only the base is held, and nothing was left behind by an error. */
  assertNoLeaks(): void {
    const open = this.environment.openTransactions;
    const wanted = this.#options.pages ? 1 : 0;
    const beside = this.sidecar?.environment.openTransactions ?? 1;
    if (beside !== 1) throw new Error(`${beside} transactions of the sidecar are open, 1 expected`);
    if (open !== wanted) throw new Error(`${open} transactions are open, ${wanted} expected`);
  }
}

/** Nothing is swept. */
export const NO_SWEEPER: SweeperConfig = {
  enabled: false,
  retentionDays: 365_000,
  intervalMs: 1,
  firstIntervalMs: 1,
  lockDurationMs: 50,
  releaseDurationMs: 0,
  retentionLoadCutoffDurationMs: 0,
};

function pagesUnknown(): Error {
  return new UnknownFormatError('planned by the test');
}

const hex = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('hex');
