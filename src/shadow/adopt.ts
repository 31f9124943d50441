import { compareTimes, isStaleDeletion, type Time } from '../merge/index.ts';
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
import { isPrivate, Kept } from './store/index.ts';
import { type Target, targetOf } from './target.ts';
import type { DatabaseView } from './view.ts';

export interface AdoptOptions {
  readonly objectName: string;
  readonly schema: Schema;
  /** The application's LMDB and the sidecar, which need not agree. */
  readonly view: DatabaseView;
  /** Deletions of unknown keys before this are not added. */
  readonly cutoff: Time;
  /** We have published it ourselves: what it says was here. */
  readonly isOwn: boolean;
  /** The sidecar is whole, but for values of DBIs that the application has dropped. */
  readonly onlyValues: boolean;
  /** Told of every DBI in the object that the application may have. */
  readonly onDbi?: (dbi: DbiHeader) => void;
}

/** What was here at the very first start has it (decision 5); nothing is older. */
const FIRST = { timestampHi: 0, timestampLo: 1 };

/**
 * Object → entries of a sidecar that was lost, or is an old one (decision 16); the application's LMDB is left alone. Of each key:
 *
 * - ours, newer than what is known: it was here, and is known from now on; where main says something else, the application has changed it
 *   since, which the comparison finds that comes afterwards.
 * - a peer's, newer than what is known, and main says the same: it was merged here, and keeps the peer's time.
 * - a peer's, newer than what is known, and main says neither the one nor the other: the application may have changed it, or it is an older
 *   value of that peer, which nobody has any more. Nothing tells, and an old value must never be stamped as new (I12): what main has gets
 *   the time of what is known, so that the peer's wins when it is merged.
 * - a peer's, newer, and main is as is known: it was not merged yet, and will be.
 *
 * Throws refuse the object whole (I7).
 */
export class Adopter implements SnapshotVisitor {
  readonly #options: AdoptOptions;
  readonly #sink: WinnerSink;
  readonly #incoming = new PlannedWrite();
  #header: SnapshotHeader | undefined;
  #target: Target | undefined;
  #checker: EntryChecker | undefined;
  #kept: Kept | undefined;
  #isDetached = false;
  #isPlanned = false;
  entries = 0;
  /** Of the entries that are planned those of which nothing tells who wrote what main has. */
  undecided = 0;

  constructor(options: AdoptOptions, sink: WinnerSink) {
    this.#options = options;
    this.#sink = sink;
  }

  get snapshotHeader(): SnapshotHeader | undefined {
    return this.#header;
  }

  header(header: SnapshotHeader): void {
    const refusal = checkVersions(header, this.#options.objectName);
    if (refusal) throw refusal;
    this.#header = header;
  }

  restart(): void {
    this.#sink.restart();
    this.#target = undefined;
    this.entries = 0;
    this.undecided = 0;
  }

  dbi(dbi: DbiHeader): void {
    this.#target = undefined;
    this.#isPlanned = false;
    if (isPrivate(dbi.name)) return;
    const { objectName, schema, view, isOwn, onlyValues } = this.#options;
    const target = targetOf(dbi, this.#header!.formatVersion, objectName, schema, view);
    const isMissing = target.main === undefined;
    // One that a peer has made, and that never was here, comes when it is merged.
    if (isMissing && !isOwn && !target.stored) return;
    this.#isDetached = isMissing && schema.droppedDbis === 'keep';
    if (onlyValues && !(this.#isDetached && target.stored)) return;
    this.#options.onDbi?.(dbi);
    this.#target = target;
    this.#checker = new EntryChecker(objectName, target);
    this.#kept = new Kept(view, target.name, target.flags);
    if (isOwn) this.#plan();
  }

  entry(entry: EntryRef): void {
    if (!this.#target) return;
    this.entries++;
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = entry;
    const incoming = this.#incoming;
    incoming.takeDecoded(entry, isDeletedEntry(this.#header!.formatVersion, entry.flags, valueEnd - valueStart));
    const kept = this.#kept!;
    const isKept = kept.find(buffer, keyStart, keyEnd);
    if (isKept && kept.isEntry(incoming) && !(this.#isDetached && kept.entry.isDigest)) return;
    this.#checker!.check(incoming);
    if (!isKept && isStaleDeletion(incoming, this.#options.cutoff)) return;
    if (this.#isDetached) this.#adoptValue(incoming, isKept);
    else this.#adopt(incoming, isKept);
  }

  dbiEnd(): void {
    this.#target = undefined;
  }

  /** Of a DBI that the application has dropped the newest entries are kept, with their values (decision 9). */
  #adoptValue(incoming: PlannedWrite, isKept: boolean): void {
    if (isKept && !this.#kept!.isEntry(incoming) && this.#age(incoming, isKept) <= 0) return;
    this.#add(incoming);
  }

  #adopt(incoming: PlannedWrite, isKept: boolean): void {
    const kept = this.#kept!;
    const age = this.#age(incoming, isKept);
    if (this.#options.isOwn) {
      if (age > 0) this.#add(incoming);
      return;
    }
    if (age < 0) return;
    if (kept.hasInMain(incoming)) {
      if (age > 0 || !kept.isInMain) this.#add(incoming);
    } else if (!kept.isInMain) {
      const { timestampHi, timestampLo } = isKept ? kept.entry : FIRST;
      kept.takeMain(incoming, incoming);
      incoming.setTime(timestampHi, timestampLo);
      this.undecided++;
      this.#add(incoming);
    }
  }

  /** Above 0: later than what is known. */
  #age({ timestampHi, timestampLo }: PlannedWrite, isKept: boolean): number {
    const { entry } = this.#kept!;
    return isKept ? compareTimes(timestampHi, timestampLo, entry.timestampHi, entry.timestampLo) : 1;
  }

  #add(incoming: PlannedWrite): void {
    this.#plan();
    this.#sink.add(incoming);
  }

  #plan(): void {
    if (this.#isPlanned) return;
    const { name, flags, stored } = this.#target!;
    const fillsEmpty = !stored || stored.count === 0;
    const keepsValues = this.#isDetached;
    this.#incoming.dbi = this.#sink.addDbi({ name, flags, createsMain: false, fillsEmpty, keepsValues });
    this.#isPlanned = true;
  }
}
