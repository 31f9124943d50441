import { compareKeys, type KeyOrder, sameBytes } from '../btree/index.ts';
import { ByteCopier, ByteMatcher, MAX_KEY_SIZE } from '../lmdb/index.ts';
import {
  applicationStart,
  type Contender,
  HeaderError,
  headerProblem,
  incomingWins,
  isDeleted,
  isStaleDeletion,
  type Time,
  timestampHiOf,
  timestampLoOf,
} from '../merge/index.ts';
import {
  checkVersions,
  type DbiHeader,
  type EntryRef,
  isDeletedEntry,
  type SnapshotHeader,
  type SnapshotVisitor,
} from '../snapshot/index.ts';
import { isPrivate, shadowFlags } from './names.ts';
import { type Slice, WritePlan } from './plan.ts';
import { EntryChecker, type Schema, type Target, targetOf } from './target.ts';
import type { DatabaseView, EntryReader } from './view.ts';

const NO_BYTES = Buffer.alloc(0);

export interface RemoteOptions {
  readonly objectName: string;
  readonly schema: Schema;
  /** What the winners are found against: a read transaction, without a lock (decision 4). */
  readonly view: DatabaseView;
  /** Deletions of unknown keys before this are not added. */
  readonly cutoff: Time;
  /** Told of a DBI that is left out: `_sync*` in a snapshot. */
  readonly onPrivateDbi: (name: string) => void;
  /** Told of every other DBI in the object. */
  readonly onDbi?: (dbi: DbiHeader) => void;
}

/**
 * Remote snapshot → plan: reads a snapshot's entries as they are decoded, compares each with what is here, and plans the
 * winners. Shadow and native mode differ only in which DBI carries the headers. Throws refuse the object whole (I7).
 */
export class RemoteComparer implements SnapshotVisitor {
  readonly #options: RemoteOptions;
  #plan: WritePlan;
  #header: SnapshotHeader | undefined;
  #target: Target | undefined;
  #checker: EntryChecker | undefined;
  #reader: EntryReader | undefined;
  #planned: number | undefined;
  readonly #incoming: Contender = contender();
  readonly #present: Contender = contender();
  readonly #old: Slice = { buffer: NO_BYTES, start: 0, end: 0 };
  readonly #names = new Set<string>();
  readonly #lastKey = Buffer.allocUnsafeSlow(MAX_KEY_SIZE);
  #lastKeyLength = -1;
  readonly #keys = new ByteCopier();
  readonly #matcher = new ByteMatcher();
  #keyOrder: KeyOrder = compareKeys(0);
  /** The latest time in the object, for noticing a peer whose clock is far ahead. */
  newestHi = 0;
  newestLo = 0;
  entries = 0;

  /** @param plan where the winners go; after a `restart` it is another one */
  constructor(options: RemoteOptions, plan: WritePlan = new WritePlan()) {
    this.#options = options;
    this.#plan = plan;
  }

  get plan(): WritePlan {
    return this.#plan;
  }

  /** What the object says of itself; undefined until it was read. */
  get snapshotHeader(): SnapshotHeader | undefined {
    return this.#header;
  }

  header(header: SnapshotHeader): void {
    const refusal = checkVersions(header, this.#options.objectName);
    if (refusal) throw refusal;
    this.#header = header;
  }

  restart(): void {
    this.#plan.dispose();
    this.#plan = new WritePlan();
    this.#target = undefined;
    this.#names.clear();
    this.entries = 0;
  }

  dbi(dbi: DbiHeader): void {
    this.#target = undefined;
    this.#planned = undefined;
    if (isPrivate(dbi.name)) {
      this.#options.onPrivateDbi(dbi.name);
      return;
    }
    const { objectName, schema, view } = this.#options;
    const target = targetOf(dbi, this.#header!.formatVersion, objectName, schema, view);
    this.#options.onDbi?.(dbi);
    this.#target = target;
    this.#lastKeyLength = -1;
    this.#keyOrder = compareKeys(schema.native ? target.flags : shadowFlags(target.flags));
    if (this.#names.has(dbi.name)) this.#plan.isOrdered = false;
    this.#names.add(dbi.name);
    this.#checker = new EntryChecker(objectName, target);
    this.#reader = target.tracked && target.tracked.entries > 0 ? target.tracked.reader() : undefined;
    if (target.createsMain) this.#index(target);
  }

  entry(entry: EntryRef): void {
    const target = this.#target;
    if (!target) return;
    this.entries++;
    const { buffer, keyStart, keyEnd, valueStart } = entry;
    const deleted = isDeletedEntry(this.#header!.formatVersion, entry.flags, entry.valueEnd - valueStart);
    const valueEnd = deleted ? valueStart : entry.valueEnd;
    this.#noteTime(entry.timestampHi, entry.timestampLo);
    const isHere = this.#reader?.get(buffer, keyStart, keyEnd) ?? false;
    // What is here already needs no check, and it is what most entries of a snapshot are.
    if (isHere && this.#holds(entry, deleted, valueEnd)) return;
    this.#checker!.check(buffer, keyStart, keyEnd, valueStart, valueEnd, deleted);
    const incoming = this.#incoming;
    incoming.timestampHi = entry.timestampHi;
    incoming.timestampLo = entry.timestampLo;
    incoming.deleted = deleted;
    incoming.buffer = buffer;
    incoming.start = valueStart;
    incoming.end = valueEnd;
    const present = isHere ? this.#presentOf(target, buffer, keyStart, keyEnd) : undefined;
    if (present ? !incomingWins(present, incoming) : isStaleDeletion(incoming, this.#options.cutoff)) return;
    const wasLive = present !== undefined && !present.deleted;
    const index = this.#index(target);
    this.#noteOrder(buffer, keyStart, keyEnd);
    this.#plan.add(
      index,
      entry.timestampHi,
      entry.timestampLo,
      deleted,
      buffer,
      keyStart,
      keyEnd,
      buffer,
      valueStart,
      valueEnd,
      deleted ? wasLive : !(wasLive && sameValue(present, incoming)),
      wasLive ? this.#oldValue(present) : undefined,
    );
  }

  dbiEnd(): void {
    this.#target = undefined;
  }

  /** Whether the entry that the reader has found is this very one. */
  #holds({ buffer, valueStart, timestampHi, timestampLo }: EntryRef, deleted: boolean, valueEnd: number): boolean {
    const reader = this.#reader!;
    const present = reader.valueBuffer;
    const start = reader.valueStart;
    const end = reader.valueEnd;
    const at = applicationStart(present, start, end);
    return (
      at >= 0 &&
      timestampLoOf(present, start) === timestampLo &&
      timestampHiOf(present, start) === timestampHi &&
      isDeleted(present, start) === deleted &&
      this.#matcher.same(present, at, end, buffer, valueStart, valueEnd)
    );
  }

  /** The entry here of an incoming key, which the reader has found; undefined when it counts as absent. */
  #presentOf(target: Target, key: Buffer, keyStart: number, keyEnd: number): Contender | undefined {
    const reader = this.#reader!;
    const { valueBuffer, valueStart, valueEnd } = reader;
    // A native DBI may hold a value of no bytes at all, which counts as absent (HDR-13).
    if (valueStart === valueEnd) return undefined;
    const at = applicationStart(valueBuffer, valueStart, valueEnd);
    if (at < 0) {
      const problem = headerProblem(valueBuffer, valueStart, valueEnd);
      throw new HeaderError(target.tracked!.name, key.subarray(keyStart, keyEnd), problem);
    }
    const present = this.#present;
    present.timestampHi = timestampHiOf(valueBuffer, valueStart);
    present.timestampLo = timestampLoOf(valueBuffer, valueStart);
    present.deleted = isDeleted(valueBuffer, valueStart);
    present.buffer = valueBuffer;
    present.start = at;
    present.end = valueEnd;
    return present;
  }

  #oldValue(present: Contender): Slice {
    this.#old.buffer = present.buffer as Buffer;
    this.#old.start = present.start;
    this.#old.end = present.end;
    return this.#old;
  }

  #noteTime(hi: number, lo: number): void {
    if (hi > this.newestHi || (hi === this.newestHi && lo > this.newestLo)) {
      this.newestHi = hi;
      this.newestLo = lo;
    }
  }

  /** A key may come twice in a foreign object; then each winner is decided again when it is written (I1). */
  #noteOrder(key: Buffer, keyStart: number, keyEnd: number): void {
    const last = this.#lastKey;
    const isFirst = this.#lastKeyLength < 0;
    if (!isFirst && this.#keyOrder(last, 0, this.#lastKeyLength, key, keyStart, keyEnd) >= 0)
      this.#plan.isOrdered = false;
    this.#keys.copy(key, keyStart, keyEnd, last, 0);
    this.#lastKeyLength = keyEnd - keyStart;
  }

  #index(target: Target): number {
    this.#planned ??= this.#plan.addDbi({
      name: target.name,
      flags: target.flags,
      createsMain: target.createsMain,
      fillsEmpty: !target.tracked || target.tracked.entries === 0,
    });
    return this.#planned;
  }
}

function contender(): Contender {
  return { timestampHi: 0, timestampLo: 0, deleted: false, buffer: NO_BYTES, start: 0, end: 0 };
}

function sameValue(a: Contender, b: Contender): boolean {
  return sameBytes(a.buffer as Buffer, a.start, a.end, b.buffer as Buffer, b.start, b.end);
}
