import { compareKeys, sameBytes } from '../btree/index.ts';
import { DbiFlag } from '../lmdb/index.ts';
import {
  applicationStart,
  HeaderError,
  headerProblem,
  isDeleted,
  stampOf,
  type Time,
  timestampHiOf,
  timestampLoOf,
} from '../merge/index.ts';
import { applicationKeyLength, DUPSORT_MAX_KEY_SIZE, ShadowKey, valueOffset } from './dupsort.ts';
import { dbiKindChanged, dupsortKeyLength, dupsortNotUnique } from './errors.ts';
import { shadowName } from './names.ts';
import type { WriteSink } from './plan.ts';
import type { TouchedKeys } from './touched.ts';
import type { DbiView, EntryReader } from './view.ts';

const NO_BYTES = Buffer.alloc(0);

export interface LocalDbi {
  readonly name: string;
  /** Flags of the application's DBI; those last known when it was dropped. */
  readonly flags: number;
  /** undefined: dropped by the application, which deletes its entries (decision 9). */
  readonly main: DbiView | undefined;
  readonly shadow: DbiView | undefined;
}

/** The time of the changes that are being looked at. */
export interface LocalTimes {
  /** Of the commit (decision 5). */
  readonly commit: Time;
  /** The database has no shadow yet: everything starts at 1 ns, below whatever the fleet knows. */
  readonly isFirstMigration: boolean;
}

const FIRST_MIGRATION: Time = { hi: 0, lo: 1 };

/**
 * Main DBI → shadow DBI for one DBI (shadow mode): decides what a candidate means by comparing main with shadow, so that
 * a superset of the real changes is always safe (I6), and adds what must be written to a plan.
 */
export class LocalComparer {
  readonly #dbi: LocalDbi;
  readonly #times: LocalTimes;
  readonly #sink: WriteSink;
  readonly #touched: TouchedKeys | undefined;
  readonly #shadowReader: EntryReader | undefined;
  readonly #shadowKey = new ShadowKey();
  #mainReader: EntryReader | undefined;
  #planned: number | undefined;

  constructor(dbi: LocalDbi, times: LocalTimes, sink: WriteSink, touched?: TouchedKeys) {
    this.#touched = touched;
    this.#dbi = dbi;
    this.#times = times;
    this.#sink = sink;
    this.#shadowReader = dbi.shadow && dbi.shadow.entries > 0 ? dbi.shadow.reader() : undefined;
  }

  get isDupSort(): boolean {
    return (this.#dbi.flags & DbiFlag.dupSort) !== 0;
  }

  /** A new DBI gets its shadow even while it is empty, so that the snapshot names it. */
  ensureShadow(): void {
    if (this.#dbi.main && !this.#dbi.shadow) this.#index();
  }

  /** The shadow holds nothing, so all of main is to be copied into it. */
  get isFill(): boolean {
    const { main, shadow } = this.#dbi;
    return main !== undefined && main.entries > 0 && (shadow === undefined || shadow.entries === 0);
  }

  /** A key of a plain DBI that may have changed; `value` is undefined when main no longer has it. */
  key(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer | undefined,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#touched?.add(this.#dbi.name, key, keyStart, keyEnd);
    const found = this.#shadowReader?.get(key, keyStart, keyEnd) ?? false;
    if (value) this.#present(found, key, keyStart, keyEnd, value, valueStart, valueEnd);
    else if (found) this.#absent(key, keyStart, keyEnd);
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
    shadowKey.encode(key, keyStart, keyEnd, value, valueStart, valueEnd);
    this.#touched?.add(this.#dbi.name, shadowKey.bytes, 0, shadowKey.length);
    const found = this.#shadowReader?.get(shadowKey.bytes, 0, shadowKey.length) ?? false;
    if (present) {
      if (shadowKey.isCut) this.#assertUnique(key, keyStart, keyEnd);
      this.#present(found, shadowKey.bytes, 0, shadowKey.length, value, valueStart, valueEnd);
    } else if (found && !(shadowKey.isCut && this.#countWithShadowKey(keyStart, keyEnd) > 0)) {
      this.#absent(shadowKey.bytes, 0, shadowKey.length);
    }
  }

  /** Compares everything; without a lock, from the pages of one transaction. */
  compareAll(): void {
    this.ensureShadow();
    this.#touched?.addWhole(this.#dbi.name);
    const { main, shadow, flags } = this.#dbi;
    if (this.isDupSort) {
      this.#comparePairs();
      return;
    }
    if (main && shadow && compareKeys(main.flags) === compareKeys(shadow.flags)) {
      this.#zip(main, shadow, flags);
      return;
    }
    if (main) {
      const walker = main.walk();
      while (walker.next()) {
        const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
        this.key(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
      }
    }
    this.#sweepShadow((key, keyStart, keyEnd) => this.#main()?.get(key, keyStart, keyEnd) ?? false);
  }

  #comparePairs(): void {
    const { main, name } = this.#dbi;
    if (main) {
      const walker = main.walk();
      while (walker.next()) {
        const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
        this.pair(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd, true);
      }
    }
    this.#sweepShadow((key, keyStart, keyEnd, value, valueStart, valueEnd) => {
      const length = applicationKeyLength(key, keyStart, keyEnd);
      if (length < 0) throw dbiKindChanged(name);
      const reader = this.#main();
      if (!reader) return false;
      if (reader.getPair(key, keyStart, keyStart + length, value, valueStart, valueEnd)) return true;
      // Another pair may have taken this shadow key over; `pair` has dealt with it.
      const isCut = keyEnd - keyStart === this.#shadowKey.bytes.length;
      return isCut && this.#countPrefix(key, keyStart, keyEnd, length) > 0;
    });
  }

  /** Marks every live shadow entry deleted that `isInMain` does not find. */
  #sweepShadow(
    isInMain: (key: Buffer, ks: number, ke: number, value: Buffer, vs: number, ve: number) => boolean,
  ): void {
    const walker = this.#dbi.shadow?.walk();
    while (walker?.next()) {
      const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = walker;
      const at = this.#application(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
      if (isDeleted(valueBuffer, valueStart)) continue;
      if (isInMain(keyBuffer, keyStart, keyEnd, valueBuffer, at, valueEnd)) continue;
      this.#delete(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart);
    }
  }

  /** Both in one order: one pass over each. */
  #zip(main: DbiView, shadow: DbiView, flags: number): void {
    const order = compareKeys(flags);
    const mine = main.walk();
    const theirs = shadow.walk();
    let hasMine = mine.next();
    let hasTheirs = theirs.next();
    while (hasMine || hasTheirs) {
      const side = !hasTheirs
        ? -1
        : !hasMine
          ? 1
          : order(mine.keyBuffer, mine.keyStart, mine.keyEnd, theirs.keyBuffer, theirs.keyStart, theirs.keyEnd);
      if (side < 0) {
        this.#write(0, 0, mine.keyBuffer, mine.keyStart, mine.keyEnd, mine.valueBuffer, mine.valueStart, mine.valueEnd);
        hasMine = mine.next();
        continue;
      }
      const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = theirs;
      const at = this.#application(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd);
      const dead = isDeleted(valueBuffer, valueStart);
      if (side > 0) {
        if (!dead) this.#delete(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart);
      } else {
        if (dead || !sameBytes(valueBuffer, at, valueEnd, mine.valueBuffer, mine.valueStart, mine.valueEnd)) {
          this.#write(
            timestampHiOf(valueBuffer, valueStart),
            timestampLoOf(valueBuffer, valueStart),
            mine.keyBuffer,
            mine.keyStart,
            mine.keyEnd,
            mine.valueBuffer,
            mine.valueStart,
            mine.valueEnd,
          );
        }
        hasMine = mine.next();
      }
      hasTheirs = theirs.next();
    }
  }

  #present(
    found: boolean,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    if (!found) {
      this.#write(0, 0, key, keyStart, keyEnd, value, valueStart, valueEnd);
      return;
    }
    const old = this.#shadowReader!;
    const at = this.#application(key, keyStart, keyEnd, old.valueBuffer, old.valueStart, old.valueEnd);
    const alive = !isDeleted(old.valueBuffer, old.valueStart);
    if (alive && sameBytes(old.valueBuffer, at, old.valueEnd, value, valueStart, valueEnd)) return;
    const hi = timestampHiOf(old.valueBuffer, old.valueStart);
    const lo = timestampLoOf(old.valueBuffer, old.valueStart);
    this.#write(hi, lo, key, keyStart, keyEnd, value, valueStart, valueEnd);
  }

  #absent(key: Buffer, keyStart: number, keyEnd: number): void {
    const old = this.#shadowReader!;
    this.#application(key, keyStart, keyEnd, old.valueBuffer, old.valueStart, old.valueEnd);
    if (!isDeleted(old.valueBuffer, old.valueStart)) {
      this.#delete(key, keyStart, keyEnd, old.valueBuffer, old.valueStart);
    }
  }

  #delete(key: Buffer, keyStart: number, keyEnd: number, entry: Buffer, entryStart: number): void {
    const time = this.#stamp(timestampHiOf(entry, entryStart), timestampLoOf(entry, entryStart));
    this.#sink.add(this.#index(), time.hi, time.lo, true, key, keyStart, keyEnd, NO_BYTES, 0, 0);
  }

  #write(
    replacedHi: number,
    replacedLo: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const time = this.#stamp(replacedHi, replacedLo);
    this.#sink.add(this.#index(), time.hi, time.lo, false, key, keyStart, keyEnd, value, valueStart, valueEnd);
  }

  #stamp(replacedHi: number, replacedLo: number): Time {
    return stampOf(this.#times.isFirstMigration ? FIRST_MIGRATION : this.#times.commit, replacedHi, replacedLo);
  }

  #index(): number {
    this.#planned ??= this.#sink.addDbi({
      name: this.#dbi.name,
      flags: this.#dbi.flags,
      createsMain: false,
      fillsEmpty: !this.#dbi.shadow || this.#dbi.shadow.entries === 0,
    });
    return this.#planned;
  }

  /** Where the application's bytes start in a shadow entry. */
  #application(key: Buffer, ks: number, ke: number, value: Buffer, valueStart: number, valueEnd: number): number {
    const at = applicationStart(value, valueStart, valueEnd);
    if (at >= 0) return at;
    throw new HeaderError(shadowName(this.#dbi.name), key.subarray(ks, ke), headerProblem(value, valueStart, valueEnd));
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
