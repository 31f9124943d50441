import { DbiFlag, LmdbError, MapFullError } from '../../../src/lmdb/index.ts';
import { KeySet } from '../../../src/shadow/index.ts';
import { shadowedName } from '../../../src/shadow/store/names.ts';
import { KINDS, type Kind, type Pair } from '../../btree/fixture.ts';
import { shadowKeyOf } from '../../golden/offline-model.ts';
import type { ApplicationWrite } from '../application/application.ts';
import type { LockstepApplication } from '../application/lockstep-application.ts';
import { assertSame } from '../fleet/assert-same.ts';
import { LogicalClock } from '../fleet/logical-clock.ts';
import { Peer } from '../fleet/peer.ts';
import { type DecodedObject, decodeBytes } from '../objects/decode-object.ts';
import { ALL_KINDS, applicationWrites, NATIVE_KINDS, type Step, type Write } from './shared-history.ts';

export interface HistoryOptions {
  readonly mode: 'shadow' | 'dupsort' | 'native';
  readonly pages: boolean;
  readonly lockMaxMs: number;
  /** How far the second machine's clock is off. */
  readonly skewSeconds: number;
  readonly writeMap: boolean;
  /** Whose shadow lies in a sidecar. */
  readonly sidecars?: readonly [boolean, boolean];
}

/** What the histories reached; without races and slices they would prove little. */
export interface Reached {
  rounds: number;
  merges: number;
  written: number;
  commitsUnderOurNose: number;
  slices: number;
  restarts: number;
}

/** Exchanges until nothing moves any more; more would mean that something moves for ever. */
const MOST_EXCHANGES = 6;

/** Two peers, the objects that they have published, and what each application last wanted of every key. */
export class History {
  readonly #peers: [Peer, Peer];
  readonly #kinds: readonly Kind[];
  readonly #options: HistoryOptions;
  readonly #reached: Reached;
  readonly #objects: Buffer[] = [];
  /** Last word of each application: DBI and shadow key, to the value (undefined: deleted). */
  readonly #lastWords: [Map<string, string | undefined>, Map<string, string | undefined>] = [new Map(), new Map()];

  constructor(
    applications: readonly [LockstepApplication, LockstepApplication],
    options: HistoryOptions,
    reached: Reached,
  ) {
    const { mode, pages, lockMaxMs, skewSeconds, writeMap, sidecars = [false, false] } = options;
    const clock = new LogicalClock();
    const native = mode === 'native';
    const settings = { native, lockMaxMs, pages, application: { writeMap } };
    this.#options = options;
    this.#reached = reached;
    this.#peers = [
      new Peer(applications[0], clock, { ...settings, sidecar: sidecars[0] }),
      new Peer(applications[1], clock.skewed(skewSeconds), { ...settings, sidecar: sidecars[1] }),
    ];
    this.#kinds = native ? NATIVE_KINDS : ALL_KINDS.filter((kind) => mode === 'dupsort' || !isDupSort(kind));
    for (const peer of this.#peers) peer.tracker.localRound();
  }

  dispose(): void {
    for (const peer of this.#peers) peer.dispose();
  }

  async take(step: Step): Promise<void> {
    const peer = this.#peers[step.peer]!;
    switch (step.do) {
      case 'write':
        this.#write(step.peer, step.writes);
        return;
      case 'writeBeforeLock':
        await this.#writeBeforeLock(step, peer);
        return;
      case 'round':
        this.#round(peer);
        return;
      case 'publish':
        await this.#publish(step.peer, []);
        return;
      case 'merge':
        await this.#merge(peer, step.object);
        return;
      case 'failedRound':
        this.#failedRound(peer);
        return;
      case 'restart':
        this.#reached.restarts++;
        peer.restart();
        this.#round(peer);
        return;
      case 'distrust':
        this.#distrust(peer);
    }
  }

  /** Something to take a lock for, and the application's commit just before it. */
  async #writeBeforeLock(step: Step & { do: 'writeBeforeLock' }, peer: Peer): Promise<void> {
    // Beside a sidecar a round takes no lock.
    const hasRoundLocks = this.#options.mode !== 'native' && peer.sidecar === undefined;
    const other = 1 - step.peer;
    if (step.during === 'round' && hasRoundLocks) this.#write(step.peer, step.cause);
    else await this.#publish(other, step.cause);
    const skipped = Array.from({ length: step.skip }, () => () => {});
    peer.beforeLock.push(...skipped, () => {
      this.#reached.commitsUnderOurNose++;
      this.#write(step.peer, step.writes);
    });
    if (step.during === 'round' && hasRoundLocks) this.#round(peer);
    else await this.#merge(peer, this.#objects.length - 1);
    peer.beforeLock.length = 0;
  }

  async #publish(index: number, writes: readonly Write[]): Promise<void> {
    const peer = this.#peers[index]!;
    if (writes.length > 0) this.#write(index, writes);
    this.#round(peer);
    this.#objects.push(await peer.snapshot());
  }

  #write(index: number, writes: readonly Write[]): void {
    const peer = this.#peers[index]!;
    const before = peer.dump();
    const there = new Set(before.keys());
    const stamp = headerOf(peer.clock.nowNano());
    const wrap = this.#options.mode === 'native' ? (value: Buffer) => Buffer.concat([stamp, value]) : undefined;
    const all: ApplicationWrite[] = [];
    for (const write of writes) {
      const some = applicationWrites(write, this.#kinds, (dbi) => there.has(dbi), wrap);
      for (const one of some) {
        if (one.op === 'put') there.add(one.dbi);
        if (one.op === 'drop' && one.remove) there.delete(one.dbi);
      }
      all.push(...some);
    }
    peer.write(...all);
    this.#noteWords(this.#lastWords[index]!, before, peer.dump());
  }

  #noteWords(
    words: Map<string, string | undefined>,
    before: ReadonlyMap<string, readonly Pair[]>,
    after: ReadonlyMap<string, readonly Pair[]>,
  ): void {
    for (const kind of this.#kinds) {
      const was = entriesOf(kind, before.get(kind) ?? []);
      const is = entriesOf(kind, after.get(kind) ?? []);
      for (const [key, value] of is) if (was.get(key) !== value) words.set(key, value);
      for (const key of was.keys()) if (!is.has(key)) words.set(key, undefined);
    }
  }

  #round(peer: Peer): void {
    peer.tracker.localRound();
    this.#reached.rounds++;
    this.#assertInStep(peer);
  }

  #assertInStep(peer: Peer): void {
    // What the application did under our nose, after the round's last lock, is for the next one.
    while (peer.tracker.hasNews) peer.tracker.localRound();
    peer.assertMainIsShadow();
    peer.assertNothingMissed();
    peer.assertNoLeaks();
  }

  async #merge(peer: Peer, which: number): Promise<void> {
    if (this.#objects.length === 0) return;
    const locks = peer.locks;
    const { written } = await peer.merge(this.#objects[which % this.#objects.length]!);
    this.#reached.merges++;
    this.#reached.written += written;
    // One lock for the local round, which takes none beside a sidecar, and one for the first slice.
    const whole = this.#options.mode === 'native' || peer.sidecar ? 1 : 2;
    if (peer.locks - locks > whole) this.#reached.slices++;
    this.#assertInStep(peer);
  }

  /** A full map: what was noticed is kept for the next round, also when the old reader is given up. */
  #failedRound(peer: Peer): void {
    peer.failsNextLock = true;
    try {
      peer.tracker.localRound();
    } catch (error) {
      if (!(error instanceof MapFullError)) throw error;
    }
    peer.failsNextLock = false;
  }

  /** The held reader was cleared from the lock table by somebody else. */
  #distrust(peer: Peer): void {
    const { views } = peer.tracker;
    const isTrusted = views.isTrusted;
    views.isTrusted = () => false;
    try {
      this.#round(peer);
    } catch (error) {
      // Beside a sidecar no lock protects what is read: nothing of it is recorded, and the next round reads it once more.
      if (!peer.sidecar || !(error instanceof LmdbError) || error.code !== 'READER_CLEARED') throw error;
    } finally {
      views.isTrusted = isTrusted;
    }
  }

  /** Everybody merges everything, until nothing moves: then all are equal (I2), and nothing old has come back (I3). */
  async settle(): Promise<void> {
    const [a, b] = this.#peers;
    for (let exchange = 1; ; exchange++) {
      let written = 0;
      for (const peer of this.#peers) this.#round(peer);
      const objects = [await a.snapshot(), await b.snapshot(), ...(exchange === 1 ? this.#objects : [])];
      for (const object of objects) for (const peer of this.#peers) written += (await peer.merge(object)).written;
      if (written === 0) break;
      if (exchange === MOST_EXCHANGES) throw new Error(`still moving after ${exchange} exchanges (I1)`);
    }
    for (const peer of this.#peers) this.#assertInStep(peer);
    const [left, right] = [a.mainDump(), b.mainDump()];
    for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const native = this.#options.mode === 'native';
      assertSame(`${name} here and there (I2)`, linesOf(left[name], native), linesOf(right[name], native));
    }
    if (this.#options.mode !== 'native') this.#assertLastWords(left);
    if (this.#options.sidecars) await this.#assertSameObjects();
  }

  /** What is published does not show where a shadow lies: byte for byte, full snapshots and deltas of every key. */
  async #assertSameObjects(): Promise<void> {
    const keys = new KeySet(Number.POSITIVE_INFINITY);
    for (const [name, pairs] of this.#peers[0].shadowDump()) {
      const dbiName = shadowedName(name);
      if (dbiName === undefined) continue;
      for (const [key] of pairs) keys.add(dbiName, Buffer.from(key, 'latin1'), 0, key.length);
    }
    for (const which of [undefined, keys]) {
      const [here, there] = await Promise.all(this.#peers.map((peer) => peer.content(which)));
      if (here!.equals(there!)) continue;
      const [left, right] = [await decodeBytes(here!), await decodeBytes(there!)];
      assertSame(which ? 'deltas' : 'snapshots', linesIn(left), linesIn(right));
      // An application that makes a DBI anew may give it other flags.
      if (left.dbis.some(({ name, flags }) => right.dbis.some((dbi) => dbi.name === name && dbi.flags !== flags)))
        return;
      throw new Error('objects are the same, and their bytes are not');
    }
  }

  /** Every entry is what one of the applications last wanted; nothing overwritten or deleted has come back. */
  #assertLastWords(main: Record<string, readonly Pair[]>): void {
    const entries = new Map<string, string>();
    for (const kind of this.#kinds)
      for (const [key, value] of entriesOf(kind, main[kind] ?? [])) entries.set(key, value);
    const [first, second] = this.#lastWords;
    for (const key of new Set([...entries.keys(), ...first.keys(), ...second.keys()])) {
      const value = entries.get(key);
      const wanted = [first, second].filter((words) => words.has(key)).map((words) => words.get(key));
      if (wanted.includes(value)) continue;
      // LMDB drops an empty duplicate when its key gets another one.
      if (value === undefined && wanted.includes('') && isDupSort(key.split(' ')[0] as Kind)) continue;
      const show = (text: string | undefined): string => (text === undefined ? 'deleted' : text.slice(0, 60));
      throw new Error(`${key}: is ${show(value)}, last wanted was ${wanted.map(show).join(' or ')} (I3)`);
    }
  }
}

function isDupSort(kind: Kind): boolean {
  return (KINDS[kind] & DbiFlag.dupSort) !== 0;
}

function entriesOf(kind: Kind, pairs: readonly Pair[]): Map<string, string> {
  const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
  return new Map(
    pairs.map(([key, value]) => [`${kind} ${shadowKeyOf(hex(key), hex(value), isDupSort(kind))}`, hex(value)]),
  );
}

/** Without the transaction id of a native header, which is each instance's own. */
function linesOf(pairs: readonly Pair[] | undefined, native: boolean): string[] {
  return (pairs ?? []).map(([key, value]) => `${key}=${native ? value.slice(0, 8) + value.slice(16) : value}`);
}

function linesIn({ dbis }: DecodedObject): string[] {
  return dbis.flatMap(({ name, entries }) => [name, ...entries.map((entry) => `${name} ${JSON.stringify(entry)}`)]);
}

function headerOf(nano: bigint): Buffer {
  const header = Buffer.alloc(24);
  header.writeBigUInt64BE(nano);
  return header;
}
