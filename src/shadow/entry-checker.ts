import { DbiFlag, MAX_KEY_SIZE, showDbiName } from '../lmdb/index.ts';
import type { Entry } from '../merge/index.ts';
import { RefusedSnapshotError } from '../snapshot/index.ts';
import { applicationKeyLength, ShadowKey } from './dupsort.ts';
import type { Target } from './target.ts';

/**
 * Checks every key and duplicate of a snapshot's DBI before anything is written: what LMDB would refuse in the middle of
 * the transaction, and what would break its order (I7).
 */
export class EntryChecker {
  readonly #objectName: string;
  readonly #target: Target;
  readonly #isDupSort: boolean;
  readonly #needsInteger: boolean;
  readonly #fixedDuplicates: boolean;
  readonly #shadowKey = new ShadowKey();
  #integerSize = 0;
  #duplicateSize = 0;

  constructor(objectName: string, target: Target) {
    this.#objectName = objectName;
    this.#target = target;
    this.#isDupSort = (target.flags & DbiFlag.dupSort) !== 0;
    this.#needsInteger = (target.flags & DbiFlag.integerKey) !== 0;
    this.#fixedDuplicates = (target.flags & (DbiFlag.dupFixed | DbiFlag.integerDup)) !== 0;
    this.#learnSizes();
  }

  /** @throws RefusedSnapshotError */
  check(entry: Entry): void {
    const { keyBuffer, keyStart, keyEnd } = entry;
    if (!this.#isDupSort) {
      if (this.#needsInteger) this.#checkInteger(keyEnd - keyStart, entry);
      return;
    }
    const length = applicationKeyLength(keyBuffer, keyStart, keyEnd);
    if (length < 0) throw this.#refuse('key-size', entry, 'is not a dupsort_hack key');
    if (this.#needsInteger) this.#checkInteger(length, entry);
    if (!entry.deleted) this.#checkPair(entry, length);
  }

  #checkPair(entry: Entry, keyLength: number): void {
    const { keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd } = entry;
    const size = valueEnd - valueStart;
    if (size > MAX_KEY_SIZE) throw this.#refuse('value-size', entry, `has a duplicate of ${size} bytes`);
    if (this.#fixedDuplicates) {
      if (this.#duplicateSize === 0) this.#duplicateSize = size;
      if (size === 0 || size !== this.#duplicateSize) {
        throw this.#refuse('value-size', entry, `has a duplicate of ${size} bytes among fixed ones`);
      }
    }
    const shadowKey = this.#shadowKey;
    shadowKey.encode(keyBuffer, keyStart, keyStart + keyLength, valueBuffer, valueStart, valueEnd);
    if (shadowKey.bytes.compare(keyBuffer, keyStart, keyEnd, 0, shadowKey.length) !== 0) {
      throw this.#refuse('key-size', entry, 'is not the dupsort_hack key of its value');
    }
  }

  #checkInteger(size: number, entry: Entry): void {
    if (this.#integerSize === 0 && (size === 4 || size === 8)) this.#integerSize = size;
    if (size !== this.#integerSize) {
      throw this.#refuse('key-size', entry, `has ${size} bytes, and the DBI integer keys`);
    }
  }

  #learnSizes(): void {
    const { main, stored } = this.#target;
    // The marks of deleted integer keys are keys of the same size.
    if (this.#needsInteger && !this.#isDupSort && stored && stored.count > 0) {
      const marks = stored.walk();
      if (marks.next()) this.#integerSize = marks.entry.keyEnd - marks.entry.keyStart;
    }
    if (!main || main.entries === 0 || !(this.#needsInteger || this.#fixedDuplicates)) return;
    const walker = main.walk();
    if (!walker.next()) return;
    if (this.#needsInteger) this.#integerSize = walker.keyEnd - walker.keyStart;
    if (this.#fixedDuplicates) this.#duplicateSize = walker.valueEnd - walker.valueStart;
  }

  #refuse(reason: 'key-size' | 'value-size', entry: Entry, what: string): Error {
    const key = entry.key().toString('hex');
    return new RefusedSnapshotError(
      this.#objectName,
      reason,
      `DBI ${showDbiName(this.#target.name)}: key ${key} ${what}`,
    );
  }
}
