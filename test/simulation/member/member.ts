import { existsSync, mkdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '../../../src/lmdb/index.ts';
import { silentLog } from '../../../src/log/index.ts';
import { Spool } from '../../../src/storage/index.ts';
import { type DatabaseOptions, DatabaseSync, type SyncEvent, systemPorts } from '../../../src/sync/index.ts';
import type { LocalDatabase } from '../../../src/sync/local/index.ts';
import type { Fleet } from '../fleet.ts';
import { contentOf } from '../oracle/content.ts';
import { MemberModel } from '../oracle/member-model.ts';
import type { MemberSettings, Scenario } from '../scenario.ts';
import { clockOf, MachineClock } from '../world/clock.ts';
import { codecOf } from '../world/codec.ts';
import { Life } from '../world/life.ts';
import { showFields } from '../world/trace.ts';
import { apply, showWrites, writesOf } from './application.ts';
import { backUpFiles, putBack } from './backup.ts';
import { Beside } from './beside.ts';
import { clearReaders } from './clear-readers.ts';
import { configOf } from './config.ts';
import { Watched } from './watched.ts';

type State = 'down' | 'running' | 'dying' | 'stopping';

/** One machine: an LMDB, the application that writes to it, and an instance of ours that comes and goes. */
export class Member {
  readonly settings: MemberSettings;
  readonly model: MemberModel;
  readonly clock: MachineClock;
  state: State = 'down';
  /** Nothing happens to it by itself any more. */
  isQuiet = false;
  acknowledgedTxnId = 0;
  readonly #fleet: Fleet;
  readonly #folder: string;
  #environment: Environment | undefined;
  #life = new Life();
  #local: LocalDatabase | undefined;
  readonly beside: Beside | undefined;
  #watched: Watched | undefined;
  #abort = new AbortController();
  #isLocked = false;
  #isWriting = false;
  #beforeLockTxnId = 0;
  #touched: () => void = () => {};
  #writes = 0;

  constructor(fleet: Fleet, settings: MemberSettings, folder: string) {
    this.#fleet = fleet;
    this.settings = settings;
    this.#folder = join(folder, settings.name);
    mkdirSync(this.#folder, { recursive: true });
    this.clock = new MachineClock(fleet.world);
    this.clock.offsetNano = BigInt(settings.skewMs) * 1_000_000n;
    const { ledger, world } = fleet;
    this.model = new MemberModel({
      name: settings.name,
      native: this.#scenario.kind === 'native',
      isBeside: this.#scenario.store === 'sidecar' && this.#scenario.kind !== 'native',
      ledger,
      violated: (invariant, text) => world.violated(invariant, `${settings.name}: ${text}`),
      forgottenBefore: () => fleet.forgottenBeforeNano,
      highestNano: () => this.clock.highestNano,
    });
    if (this.model.isBeside) this.beside = new Beside(this.#folder, fleet, this);
    this.clock.onLook = (nano) => this.model.lower(nano);
  }

  get name(): string {
    return this.settings.name;
  }

  get #scenario(): Scenario {
    return this.#fleet.scenario;
  }

  get environment(): Environment | undefined {
    return this.#environment;
  }

  start(): void {
    const { world } = this.#fleet;
    const life = new Life();
    this.#life = life;
    this.#isLocked = false;
    this.acknowledgedTxnId = 0;
    this.state = 'running';
    this.#tell(() => 'starts');
    const watched = new Watched(this.#fleet, this);
    this.#watched = watched;
    const clock = clockOf(world, this.clock, life, { onLook: () => this.#onLook(), onPause: () => this.#race() });
    const config = configOf(this.#scenario, this.settings, this.#folder);
    const lmdb = config.lmdbs.get('main')!;
    const storage = this.#fleet.bucket.port(this.name, life);
    const ports = systemPorts({
      config,
      lmdb,
      storage,
      clock,
      random: () => world.random.next(),
      codec: codecOf(world, clock, (name) => watched.reading(name)),
      openEnvironment: ({ path, options }) => {
        this.#environment = Environment.open(path, { ...options, noSync: true });
        return this.#environment;
      },
      openSidecar: (given) => this.beside!.open(given, life),
      lockWatch: { waiting: () => this.#beforeLock(), done: () => {} },
    });
    const options: DatabaseOptions = {
      config,
      lmdb,
      mode: 'sync',
      log: silentLog,
      onEvent: (event) => {
        if (!life.isOver) this.#onEvent(event);
      },
      ports: {
        ...ports,
        hostname: this.name,
        spool: (given) => new Spool({ ...given, memoryBytes: Number.POSITIVE_INFINITY }),
        open: (context) => {
          watched.included = context.included;
          const local = ports.open({
            ...context,
            report: (event) => {
              // What was under way when the process was killed may have been committed.
              if (event.type === 'lock') this.#afterLock();
              if (life.isOver) return;
              this.beside?.told(event);
              if (event.type === 'captured') watched.captured(event.txnId, event.timestampNano);
              context.report(event);
              if (event.type === 'lock') this.#race();
            },
          });
          this.#local = watched.over(local, (onTouched) => {
            this.#touched = onTouched;
          });
          return this.#local;
        },
      },
    };
    this.#abort = new AbortController();
    const run = new DatabaseSync(options).run(this.#abort.signal);
    run.then(
      () => this.#ended(life, undefined),
      (error: unknown) => this.#ended(life, error),
    );
  }

  #ended(life: Life, error: unknown): void {
    if (life.isOver) return;
    this.#tell(() => `ended${error === undefined ? '' : `: ${(error as Error).message}`}`);
    if (error !== undefined || this.state !== 'stopping') {
      this.#fleet.world.violated('alive', `${this.name} ended by itself: ${(error as Error)?.stack ?? 'no error'}`);
    }
    life.isOver = true;
    this.#gone();
    this.#fleet.buried(this);
  }

  #gone(): void {
    this.#environment?.close();
    this.#environment = undefined;
    this.#local = undefined;
    this.#watched = undefined;
    this.#isLocked = false;
    this.#touched = () => {};
    this.state = 'down';
  }

  /** As SIGTERM. */
  stop(): void {
    if (this.state !== 'running') return;
    this.#tell(() => 'is told to stop');
    this.state = 'stopping';
    this.#abort.abort();
  }

  /** As SIGKILL: at the await where it stands, or the next one. */
  crash(): void {
    if (this.state !== 'running' && this.state !== 'stopping') return;
    this.#tell(() => 'is killed');
    this.#life.isOver = true;
    this.state = 'dying';
    // What is on the stack has to unwind before the LMDB is closed.
    this.#fleet.world.at(0, () => this.#bury());
  }

  #bury(): void {
    const local = this.#local;
    // Ends every transaction, as the kernel and the next opener do.
    try {
      local?.close();
    } finally {
      this.#gone();
    }
    this.#fleet.buried(this);
  }

  /** The instance looks at the clock. */
  #onLook(): void {
    if (this.isQuiet || this.#isWriting) return;
    const { world } = this.#fleet;
    const { slowLook, crashAtLook } = this.#scenario;
    if (slowLook > 0 && world.random.chance(slowLook)) world.spend(world.random.between(1, 150));
    // It goes on to the next await, or to the next lock, and no further.
    if (crashAtLook > 0 && this.state === 'running' && world.random.chance(crashAtLook)) this.crash();
    this.#race(this.#scenario.race);
  }

  /** The application is faster. */
  #race(probability = Math.min(1, this.#scenario.race * 20)): void {
    if (this.isQuiet || this.#isWriting || this.#isLocked || this.state !== 'running') return;
    if (probability > 0 && this.#fleet.world.random.chance(probability)) this.write();
  }

  #beforeLock(): void {
    this.#life.assert();
    this.#race();
    this.#isLocked = true;
    this.#beforeLockTxnId = this.#environment!.info().lastTxnId;
  }

  /** The write lock was given back, and nobody has committed since. */
  #afterLock(): void {
    this.#isLocked = false;
    const environment = this.#environment!;
    const txnId = environment.info().lastTxnId;
    if (txnId === this.#beforeLockTxnId) return;
    this.#date();
    if (this.beside) return;
    const content = contentOf(environment, this.#scenario.kind === 'native');
    this.model.committed(content, txnId, content.isFilling ? new Set(['d', 'e', 'pairs']) : new Set());
    this.#watched?.committed();
  }

  /** A write to the sidecar has come so far. */
  passed(isWhole: boolean): void {
    if (isWhole) this.#watched?.committed();
    const { crash } = this.#scenario;
    if (!this.isQuiet && crash > 0 && this.#fleet.world.random.chance(crash)) this.crash();
  }

  #date(): void {
    utimesSync(this.dataPath, this.clock.fileSeconds, this.clock.fileSeconds);
    this.model.lower(this.clock.fileNano);
  }

  get dataPath(): string {
    return join(this.#folder, 'data.mdb');
  }

  #onEvent(event: SyncEvent): void {
    if (event.type === 'phase' && event.phase === 'joining') this.beside?.joining();
    if (['localChange', 'lock', 'limit', 'turn'].includes(event.type)) return;
    this.#tell(() => `${event.type} ${showFields(event)}`);
    this.#watched?.event(event);
  }

  /** The bucket said yes to an object of ours. */
  acknowledged(txnId: number): void {
    if (txnId > this.acknowledgedTxnId) this.acknowledgedTxnId = txnId;
  }

  /** The application commits one transaction, whether an instance runs or not. @returns whether it could */
  write(): boolean {
    if (this.#isLocked || this.#isWriting || this.state === 'dying' || this.model.isRestored) return false;
    const { world, scenario } = this.#fleet;
    this.#isWriting = true;
    const borrowed = this.#environment?.isOpen ? this.#environment : undefined;
    const environment =
      borrowed ?? Environment.open(this.#folder, { create: true, noSync: true, mapSizeBytes: MAP_BYTES });
    try {
      world.spend(world.random.between(0.05, 0.5));
      const { main, entries } = this.model;
      const nowNano = this.clock.nano;
      const label = `${this.name}.${++this.#writes}`;
      const writes = writesOf(scenario.kind, { random: world.random, label, main, entries, nowNano });
      if (writes.length === 0) return true;
      const txnId = environment.write((transaction) => {
        apply(transaction, writes);
        return transaction.id;
      });
      this.#date();
      const { fileNano, highestNano } = this.clock;
      const isComparable = nowNano > highestNano;
      if (isComparable) this.clock.highestNano = nowNano;
      for (const { id, value, entry } of writes) {
        this.model.wrote(id, value, { txnId, commitNano: nowNano, isComparable, fileNano }, entry);
      }
      this.#tell(() => `writes ${showWrites(writes)} (${txnId})`);
      if (!this.settings.isWatchBlind) world.at(world.random.between(0.1, 20), () => this.#touched());
      return true;
    } catch (error) {
      // Somebody reads with cursors at this very moment.
      if (error instanceof TypeError && error.message.includes('mdb_dbi_open')) return false;
      throw error;
    } finally {
      if (!borrowed) environment.close();
      this.#isWriting = false;
    }
  }

  /** A process in another PID namespace takes our readers for dead; the application writes on. */
  clearReaders(): void {
    if (this.state !== 'running' || this.#isLocked || !this.#environment?.isOpen) return;
    // Not in the line itself, which nobody makes where no trace is kept.
    const cleared = clearReaders(join(this.#folder, 'lock.mdb'));
    this.#tell(() => `readers are cleared: ${cleared}`);
    // After few the pages are still what they were; after many they come round, with the same numbers.
    const { random } = this.#fleet.world;
    for (let count = 2 + random.below(random.pick([4, 40])); count > 0; count--) this.write();
  }

  backUp(): void {
    if (this.state !== 'down' || !existsSync(this.dataPath)) return;
    // From before the first start it would be a first start once more, with times of 1 ns.
    if (this.#scenario.kind !== 'native' && this.model.isFirstMigration) return;
    backUpFiles(this.#folder);
    this.#tell(() => 'is backed up');
  }

  /** Back to the last backup, or to nothing. */
  restore(): void {
    if (this.state !== 'down') return;
    const hasBackup = putBack(this.#folder);
    this.#tell(() => `is restored${hasBackup ? '' : ' from nothing'}`);
    const environment = Environment.open(this.#folder, { create: true, noSync: true, mapSizeBytes: MAP_BYTES });
    if (this.beside) this.beside.restore(environment);
    else this.model.reload(contentOf(environment, this.#scenario.kind === 'native'));
    environment.close();
    this.#date();
  }

  dispose(): void {
    this.#life.isOver = true;
    try {
      this.#local?.close();
    } catch {} // It may have been in the middle of anything.
    this.#environment?.close();
  }

  #tell(what: () => string): void {
    this.#fleet.world.trace.add(this.#fleet.world.nowUs, this.name, what);
  }
}

const MAP_BYTES = 64 * 2 ** 20;
