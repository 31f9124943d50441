import { compareKeys, type DiffSink, sameBytes } from '../btree/index.ts';
import { DbiFlag } from '../lmdb/index.ts';
import { type Entry, stampOf, type Time } from '../merge/index.ts';
import { applicationKeyLength, DUPSORT_MAX_KEY_SIZE, ShadowKey, valueOffset } from './dupsort.ts';
import { dbiKindChanged, dupsortKeyLength, dupsortNotUnique } from './errors.ts';
import type { KeySet } from './key-set.ts';
import { PlannedWrite, type WriteSink } from './planned.ts';
import { SidecarEntry, type StoredEntries, type StoredReader } from './store/index.ts';
import type { DbiView, EntryReader, EntryWalker } from './view.ts';

export interface LocalDbi {
  readonly name: string;
  /** Flags of the application's DBI; those last known when it was dropped. */
  readonly flags: number;
  /** undefined: dropped by the application, which deletes its entries where they are not kept (decision 9). */
  readonly main: DbiView | undefined;
  readonly stored: StoredEntries | undefined;
}

/** The time of the changes that are being looked at. */
export interface LocalTimes {
  /** Of the commit (decision 5). */
  readonly commit: Time;
  /** The database has no shadow yet: what has no entry at all starts at 1 ns, below whatever the fleet knows. */
  readonly isFirstMigration: boolean;
}

/** What collects keys on the way; in shadow mode keys of the shadow. */
export interface LocalKeys {
  /** Every key looked at. */
  readonly touched?: KeySet | undefined;
  /** Every key that is written because of a local change: it is to be published. */
  readonly unpublished?: KeySet | undefined;
}

const FIRST_MIGRATION: Time = { hi: 0, lo: 1 };

/**
 * Main DBI → shadow for one DBI (shadow mode): decides what a candidate means by comparing main with the shadow, so that a superset
 * of the real changes is always safe (I6), and gives a sink what must be written.
 */
export class LocalComparer implements DiffSink {
  readonly #dbi: LocalDbi;
  readonly #time: Time;
  readonly #sink: WriteSink;
  readonly #keys: LocalKeys;
  readonly #reader: StoredReader | undefined;
  readonly #shadowKey = new ShadowKey();
  readonly #write = new PlannedWrite();
  #mainReader: EntryReader | undefined;
  #isPlanned = false;
  #refills = false;
  /** Some of what main lacks is to come back. */
  hasBroughtBack = false;
  /** Entries marked deleted so far. */
  deletions = 0;

  constructor(dbi: LocalDbi, times: LocalTimes, sink: WriteSink, keys: LocalKeys = {}) {
    this.#dbi = dbi;
    const isFirst = times.isFirstMigration && !dbi.stored?.count;
    this.#time = isFirst ? FIRST_MIGRATION : times.commit;
    this.#sink = sink;
    this.#keys = keys;
    this.#reader = dbi.stored && dbi.stored.count > 0 ? dbi.stored.reader('none') : undefined;
  }

  get isDupSort(): boolean {
    return (this.#dbi.flags & DbiFlag.dupSort) !== 0;
  }

  /** A new DBI gets its shadow even while it is empty, so that the snapshot names it, and a delta. */
  ensureShadow(): void {
    if (!this.#dbi.main || this.#dbi.stored) return;
    this.#plan();
    if (this.#dbi.main.entries === 0) this.#keys.unpublished?.addWhole(this.#dbi.name);
  }

  /** The shadow holds nothing, so all of main is to be copied into it. */
  get isFill(): boolean {
    const { main, stored } = this.#dbi;
    return main !== undefined && main.entries > 0 && (stored === undefined || stored.count === 0);
  }

  /** A key of a plain DBI that may have changed; `value` is undefined when main no longer has it. */
  candidate(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer | undefined,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#keys.touched?.add(this.#dbi.name, key, keyStart, keyEnd);
    const isStored = this.#reader?.find(key, keyStart, keyEnd) ?? false;
    if (!value) {
      if (isStored) this.#delete(this.#reader!.entry);
      return;
    }
    const write = this.#write;
    write.setKey(key, keyStart, keyEnd);
    write.setValue(value, valueStart, valueEnd);
    this.#compare(isStored);
  }

  /** A pair of a DUPSORT DBI that may have changed. */
  pair(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
    present: boolean,
  ): void {
    const keyLength = keyEnd - keyStart;
    if (keyLength === 0 || keyLength > DUPSORT_MAX_KEY_SIZE) {
      if (!present) return;
      throw dupsortKeyLength(this.#dbi.name, key.subarray(keyStart, keyEnd));
    }
    const shadowKey = this.#shadowKey;
    const { bytes } = shadowKey;
    shadowKey.encode(key, keyStart, keyEnd, value, valueStart, valueEnd);
    this.#keys.touched?.add(this.#dbi.name, bytes, 0, shadowKey.length);
    const isStored = this.#reader?.find(bytes, 0, shadowKey.length) ?? false;
    if (present) {
      if (shadowKey.isCut) this.#assertUnique(key, keyStart, keyEnd);
      const write = this.#write;
      write.setKey(bytes, 0, shadowKey.length);
      write.setValue(value, valueStart, valueEnd);
      this.#compare(isStored);
    } else if (isStored && !(shadowKey.isCut && this.#countWithShadowKey(keyStart, keyEnd) > 0)) {
      this.#delete(this.#reader!.entry);
    }
  }

  /**
   * Compares everything; without a lock, from the pages of one transaction.
   * @param upTo the last key of main to look at, beyond which the shadow holds nothing
   */
  compareAll(upTo?: Buffer): void {
    this.ensureShadow();
    this.#keys.touched?.addWhole(this.#dbi.name);
    const { main, stored } = this.#dbi;
    if (this.isDupSort) {
      this.#comparePairs(upTo);
    } else if (main && stored && compareKeys(main.flags) === stored.order) {
      this.#zip(main, stored, upTo);
    } else {
      const walker = main?.walk();
      while (walker?.next() && !this.#isBeyond(walker, upTo)) {
        const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
        this.candidate(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
      }
      this.#sweepShadow(({ keyBuffer, keyStart, keyEnd }) => this.#main()?.get(keyBuffer, keyStart, keyEnd) ?? false);
    }
  }

  #isBeyond({ keyBuffer, keyStart, keyEnd }: EntryWalker, upTo: Buffer | undefined): boolean {
    return upTo !== undefined && compareKeys(this.#dbi.flags)(keyBuffer, keyStart, keyEnd, upTo, 0, upTo.length) > 0;
  }

  /** Compares everything, but what main lacks is no deletion: it comes back from the shadow, with the time that it has. */
  refill(): void {
    this.#refills = true;
    this.compareAll();
  }

  #comparePairs(upTo?: Buffer): void {
    const { main, name } = this.#dbi;
    const walker = main?.walk();
    while (walker?.next() && !this.#isBeyond(walker, upTo)) {
      const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
      this.pair(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, true);
    }
    this.#sweepShadow(({ keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd }) => {
      const length = applicationKeyLength(keyBuffer, keyStart, keyEnd);
      if (length < 0) throw dbiKindChanged(name);
      const reader = this.#main();
      if (!reader) return false;
      if (reader.getPair(keyBuffer, keyStart, keyStart + length, valueBuffer, valueStart, valueEnd)) return true;
      // Another pair may have taken this shadow key over; `pair` has dealt with it.
      const isCut = keyEnd - keyStart === this.#shadowKey.bytes.length;
      return isCut && this.#countPrefix(keyBuffer, keyStart, keyEnd, length) > 0;
    });
  }

  /** Marks every live entry deleted that `isInMain` does not find. */
  #sweepShadow(isInMain: (entry: Entry) => boolean): void {
    // What comes back is written; and of a pair the value says which it is.
    const walker = this.#dbi.stored?.walk(this.isDupSort ? 'present' : 'none');
    while (walker?.next()) {
      const { entry } = walker;
      if (!entry.deleted && !isInMain(entry)) this.#delete(entry);
    }
  }

  /** Both in one order: one pass over each. */
  #zip(main: DbiView, stored: StoredEntries, upTo?: Buffer): void {
    const { order } = stored;
    const mine = main.walk();
    const theirs = stored.walk('none');
    const { entry } = theirs;
    let hasMine = mine.next();
    let hasTheirs = theirs.next();
    while (hasMine || hasTheirs) {
      if (!hasTheirs && this.#isBeyond(mine, upTo)) return;
      const side = !hasTheirs
        ? -1
        : !hasMine
          ? 1
          : order(mine.keyBuffer, mine.keyStart, mine.keyEnd, entry.keyBuffer, entry.keyStart, entry.keyEnd);
      if (side < 0) {
        this.#take(mine);
        this.#add(0, 0);
      } else if (side > 0) {
        this.#delete(entry);
      } else if (entry.deleted || !theirs.hasValue(mine.valueBuffer, mine.valueStart, mine.valueEnd)) {
        this.#take(mine);
        this.#add(entry.timestampHi, entry.timestampLo);
      }
      if (side <= 0) hasMine = mine.next();
      if (side >= 0) hasTheirs = theirs.next();
    }
  }

  #take({ keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd }: EntryWalker): void {
    this.#write.setKey(keyBuffer, keyStart, keyEnd);
    this.#write.setValue(valueBuffer, valueStart, valueEnd);
  }

  /** What main has (`#write`) with the entry that the reader has found. */
  #compare(isStored: boolean): void {
    if (!isStored) {
      this.#add(0, 0);
      return;
    }
    const { valueBuffer, valueStart, valueEnd } = this.#write;
    const { entry } = this.#reader!;
    if (entry.deleted || !this.#reader!.hasValue(valueBuffer, valueStart, valueEnd)) {
      this.#add(entry.timestampHi, entry.timestampLo);
    }
  }

  /** Marks an entry deleted; a mark stays. */
  #delete(entry: Entry): void {
    if (entry.deleted) return;
    const write = this.#write;
    write.setKey(entry.keyBuffer, entry.keyStart, entry.keyEnd);
    // A sidecar that has only its digest: nobody has the value.
    if (this.#refills && !(entry instanceof SidecarEntry && entry.isDigest)) {
      this.#bringBack(entry);
      return;
    }
    this.deletions++;
    write.setDeleted();
    this.#add(entry.timestampHi, entry.timestampLo);
  }

  #bringBack(entry: Entry): void {
    const write = this.#write;
    write.setTime(entry.timestampHi, entry.timestampLo);
    write.setValue(entry.valueBuffer, entry.valueStart, entry.valueEnd);
    write.writesMain = true;
    this.hasBroughtBack = true;
    this.#plan();
    this.#sink.add(write);
    write.writesMain = false;
  }

  /** `#write` is to be written, in the place of an entry of that time. */
  #add(replacedHi: number, replacedLo: number): void {
    const write = this.#write;
    const time = stampOf(this.#time, replacedHi, replacedLo);
    write.setTime(time.hi, time.lo);
    this.#plan();
    this.#keys.unpublished?.add(this.#dbi.name, write.keyBuffer, write.keyStart, write.keyEnd);
    this.#sink.add(write);
  }

  #plan(): void {
    if (this.#isPlanned) return;
    const { name, flags, stored } = this.#dbi;
    const fillsEmpty = !stored || stored.count === 0;
    this.#write.dbi = this.#sink.addDbi({ name, flags, createsMain: false, fillsEmpty, keepsValues: this.#refills });
    this.#isPlanned = true;
  }

  #main(): EntryReader | undefined {
    this.#mainReader ??= this.#dbi.main?.reader();
    return this.#mainReader;
  }

  #assertUnique(key: Buffer, keyStart: number, keyEnd: number): void {
    if (this.#countWithShadowKey(keyStart, keyEnd) > 1) {
      throw dupsortNotUnique(this.#dbi.name, key.subarray(keyStart, keyEnd));
    }
  }

  #countWithShadowKey(keyStart: number, keyEnd: number): number {
    return this.#countPrefix(this.#shadowKey.bytes, 0, this.#shadowKey.length, keyEnd - keyStart);
  }

  /** Pairs of main that share a cut shadow key. Rare: only values longer than some 250 bytes come here. */
  #countPrefix(shadowKey: Buffer, start: number, end: number, keyLength: number): number {
    const { main } = this.#dbi;
    if (!main) return 0;
    const key = Buffer.from(shadowKey.subarray(start, start + keyLength));
    const prefix = Buffer.from(shadowKey.subarray(start + valueOffset(keyLength), end - 1));
    const walker = main.walk();
    let count = 0;
    for (let more = walker.seek(key); more; more = walker.next()) {
      if (!sameBytes(walker.keyBuffer, walker.keyStart, walker.keyEnd, key, 0, key.length)) break;
      const long = walker.valueEnd - walker.valueStart >= prefix.length;
      const cutEnd = walker.valueStart + prefix.length;
      if (long && sameBytes(walker.valueBuffer, walker.valueStart, cutEnd, prefix, 0, prefix.length)) count++;
    }
    return count;
  }
}
