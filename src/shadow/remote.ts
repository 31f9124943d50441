import { compareKeys, type KeyOrder } from '../btree/index.ts';
import { ByteCopier, MAX_KEY_SIZE } from '../lmdb/index.ts';
import { incomingWins, isStaleDeletion, type Time } from '../merge/index.ts';
import {
  checkVersions,
  type DbiHeader,
  type EntryRef,
  isDeletedEntry,
  type SnapshotHeader,
  type SnapshotVisitor,
} from '../snapshot/index.ts';
import { EntryChecker } from './entry-checker.ts';
import { PlannedWrite, type WinnerSink } from './planned.ts';
import type { Schema } from './schema.ts';
import { isPrivate, type StoredReader, storeOf, type Values } from './store/index.ts';
import { type Target, targetOf } from './target.ts';
import type { DatabaseView } from './view.ts';

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
  /** Called every few thousand entries. */
  readonly onProgress?: ((entries: number) => void) | undefined;
  /** What a view of a sidecar is good for; `agreed` where nothing is said. */
  readonly values?: Values;
}

/** Entries between two calls, less one. */
const PROGRESS_MASK = 0xfff;

/**
 * Remote snapshot → winners: takes a snapshot's entries as they are decoded, compares each with what is here, and gives the winners
 * to a sink. Shadow and native mode differ only in which DBI carries the headers. Throws refuse the object whole (I7).
 */
export class RemoteComparer implements SnapshotVisitor {
  readonly #options: RemoteOptions;
  readonly #winners: WinnerSink;
  #header: SnapshotHeader | undefined;
  #target: Target | undefined;
  #checker: EntryChecker | undefined;
  #reader: StoredReader | undefined;
  #isPlanned = false;
  readonly #incoming = new PlannedWrite();
  readonly #names = new Set<string>();
  readonly #lastKey = Buffer.allocUnsafeSlow(MAX_KEY_SIZE);
  #lastKeyLength = -1;
  readonly #keys = new ByteCopier();
  #keyOrder: KeyOrder = compareKeys(0);
  /** The latest time in the object, for noticing a peer whose clock is far ahead. */
  newestHi = 0;
  newestLo = 0;
  entries = 0;

  constructor(options: RemoteOptions, winners: WinnerSink) {
    this.#options = options;
    this.#winners = winners;
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
    this.#winners.restart();
    this.#target = undefined;
    this.#names.clear();
    this.entries = 0;
  }

  dbi(dbi: DbiHeader): void {
    this.#target = undefined;
    this.#isPlanned = false;
    if (isPrivate(dbi.name)) {
      this.#options.onPrivateDbi(dbi.name);
      return;
    }
    const { objectName, schema, view } = this.#options;
    const target = targetOf(dbi, this.#header!.formatVersion, objectName, schema, view);
    this.#options.onDbi?.(dbi);
    this.#target = target;
    this.#lastKeyLength = -1;
    this.#keyOrder = storeOf(schema.native).orderOf(target.flags);
    if (this.#names.has(dbi.name)) this.#winners.noteDisorder();
    this.#names.add(dbi.name);
    this.#checker = new EntryChecker(objectName, target);
    this.#reader = target.stored && target.stored.count > 0 ? target.stored.reader(this.#options.values) : undefined;
    if (target.createsMain) this.#plan(target);
  }

  entry(entry: EntryRef): void {
    const target = this.#target;
    if (!target) return;
    if ((++this.entries & PROGRESS_MASK) === 0) this.#options.onProgress?.(this.entries);
    const { buffer, keyStart, keyEnd, valueStart, valueEnd, timestampHi, timestampLo } = entry;
    this.#noteTime(timestampHi, timestampLo);
    const deleted = isDeletedEntry(this.#header!.formatVersion, entry.flags, valueEnd - valueStart);
    const isHere = this.#reader?.find(buffer, keyStart, keyEnd) ?? false;
    // What is here already needs no check, and it is what most entries of a snapshot are.
    if (isHere && this.#holds(entry, deleted)) return;
    const incoming = this.#incoming;
    incoming.takeDecoded(entry, deleted);
    this.#checker!.check(incoming);
    if (isHere ? !this.#wins(incoming) : isStaleDeletion(incoming, this.#options.cutoff)) return;
    this.#decideMain(incoming, isHere);
    this.#plan(target);
    this.#noteOrder(buffer, keyStart, keyEnd);
    this.#winners.add(incoming);
  }

  dbiEnd(): void {
    this.#target = undefined;
  }

  /** Whether the entry that the reader has found is this very one. */
  #holds({ buffer, valueStart, valueEnd, timestampHi, timestampLo }: EntryRef, deleted: boolean): boolean {
    const reader = this.#reader!;
    const { entry } = reader;
    return (
      entry.timestampLo === timestampLo &&
      entry.timestampHi === timestampHi &&
      entry.deleted === deleted &&
      (deleted || reader.hasValue(buffer, valueStart, valueEnd))
    );
  }

  #wins(incoming: PlannedWrite): boolean {
    return incomingWins(this.#reader!.entry, incoming);
  }

  /** What a winner changes in the application's DBI. */
  #decideMain(winner: PlannedWrite, isHere: boolean): void {
    const wasLive = isHere && !this.#reader!.entry.deleted;
    if (wasLive) winner.setOld(this.#reader!.entry);
    else winner.setNoOld();
    winner.writesMain = winner.deleted
      ? wasLive
      : !(wasLive && this.#reader!.hasValue(winner.valueBuffer, winner.valueStart, winner.valueEnd));
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
      this.#winners.noteDisorder();
    this.#keys.copy(key, keyStart, keyEnd, last, 0);
    this.#lastKeyLength = keyEnd - keyStart;
  }

  #plan({ name, flags, createsMain, stored }: Target): void {
    if (this.#isPlanned) return;
    const fillsEmpty = !stored || stored.count === 0;
    // One that is to be deleted when the application drops it comes back with whatever the fleet has written later.
    const comesBack = createsMain || this.#options.schema.droppedDbis === 'delete';
    this.#incoming.dbi = this.#winners.addDbi({ name, flags, createsMain: comesBack, fillsEmpty });
    this.#isPlanned = true;
  }
}
