import { DBI_FLAGS_MASK, DbiFlag, isDbiName, MAX_KEY_SIZE, showDbiName } from '../lmdb/index.ts';
import {
  checkTransform,
  type DbiHeader,
  ORIGINAL_FLAGS_FORMAT_VERSION,
  RefusedSnapshotError,
} from '../snapshot/index.ts';
import { applicationKeyLength, ShadowKey } from './dupsort.ts';
import { dupsortWithoutHack } from './errors.ts';
import { shadowName } from './names.ts';
import type { DatabaseView, DbiView } from './view.ts';

/** How a database is kept; the same for all its DBIs. */
export interface Schema {
  /** `schema_tracks_changes`: the application's own values carry the header, there is no shadow. */
  readonly native: boolean;
  readonly dupsortHack: boolean;
  /** `dbi_options.DBI.override_create_flags`. */
  readonly overrideCreateFlags: ReadonlyMap<string, number>;
}

/** Where the entries of one DBI of a snapshot go. */
export interface Target {
  readonly name: string;
  /** Flags of the application's DBI, as it is here or as it will be made. */
  readonly flags: number;
  readonly createsMain: boolean;
  /** The DBI whose values carry headers: the shadow, or in native mode the DBI itself. */
  readonly tracked: DbiView | undefined;
  readonly main: DbiView | undefined;
}

/**
 * Decides where a snapshot's DBI goes.
 * @throws RefusedSnapshotError: nothing of the object is used (I7)
 * @throws UnsupportedDbiError: the application's DBI here cannot be tracked
 */
export function targetOf(
  dbi: DbiHeader,
  formatVersion: number,
  objectName: string,
  schema: Schema,
  view: DatabaseView,
): Target {
  const refusal = checkTransform(dbi, {
    formatVersion,
    nativeMode: schema.native,
    dupsortHack: schema.dupsortHack,
    objectName,
  });
  if (refusal) throw refusal;
  const main = view.dbis.get(dbi.name);
  const override = schema.overrideCreateFlags.get(dbi.name);
  const flags = main ? main.flags : (override ?? dbi.flags) & DBI_FLAGS_MASK;
  if (!main && override === undefined && !schema.native && formatVersion < ORIGINAL_FLAGS_FORMAT_VERSION) {
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} does not exist here, and format version ${formatVersion} does not tell its flags`,
    );
  }
  const isDupSort = (flags & DbiFlag.dupSort) !== 0;
  if (isDupSort && (schema.native || !schema.dupsortHack)) {
    // One that is here already is the operator's business; one that an object would make is the object's fault.
    if (main) throw dupsortWithoutHack(dbi.name, schema.native);
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} has MDB_DUPSORT, which cannot be kept here`,
    );
  }
  if (!schema.native && !isDbiName(shadowName(dbi.name))) {
    throw new RefusedSnapshotError(
      objectName,
      'dbi-name',
      `no shadow of DBI ${showDbiName(dbi.name)} can be made: its name is too long`,
    );
  }
  const saysDupSort = (dbi.flags & DbiFlag.dupSort) !== 0;
  if (main && formatVersion >= ORIGINAL_FLAGS_FORMAT_VERSION && saysDupSort !== isDupSort) {
    const there = saysDupSort ? 'has' : 'has no';
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} ${there} MDB_DUPSORT there, unlike the one here`,
    );
  }
  const tracked = schema.native ? main : view.dbis.get(shadowName(dbi.name));
  return { name: dbi.name, flags, createsMain: !main, tracked, main };
}

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

  /** @returns length of the application's key within the entry's key */
  check(
    buffer: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    deleted: boolean,
  ): number {
    if (!this.#isDupSort) {
      if (this.#needsInteger) this.#checkInteger(keyEnd - keyStart, buffer, keyStart, keyEnd);
      return keyEnd - keyStart;
    }
    const length = applicationKeyLength(buffer, keyStart, keyEnd);
    if (length < 0) throw this.#refuse('key-size', buffer, keyStart, keyEnd, 'is not a dupsort_hack key');
    if (this.#needsInteger) this.#checkInteger(length, buffer, keyStart, keyEnd);
    if (!deleted) this.#checkPair(buffer, keyStart, keyEnd, length, valueStart, valueEnd);
    return length;
  }

  #checkPair(buffer: Buffer, ks: number, ke: number, keyLength: number, valueStart: number, valueEnd: number): void {
    const size = valueEnd - valueStart;
    if (size > MAX_KEY_SIZE) throw this.#refuse('value-size', buffer, ks, ke, `has a duplicate of ${size} bytes`);
    if (this.#fixedDuplicates) {
      if (this.#duplicateSize === 0) this.#duplicateSize = size;
      if (size === 0 || size !== this.#duplicateSize) {
        throw this.#refuse('value-size', buffer, ks, ke, `has a duplicate of ${size} bytes among fixed ones`);
      }
    }
    const shadowKey = this.#shadowKey;
    shadowKey.encode(buffer, ks, ks + keyLength, buffer, valueStart, valueEnd);
    if (shadowKey.bytes.compare(buffer, ks, ke, 0, shadowKey.length) !== 0) {
      throw this.#refuse('key-size', buffer, ks, ke, 'is not the dupsort_hack key of its value');
    }
  }

  #checkInteger(size: number, buffer: Buffer, keyStart: number, keyEnd: number): void {
    if (this.#integerSize === 0 && (size === 4 || size === 8)) this.#integerSize = size;
    if (size !== this.#integerSize) {
      throw this.#refuse('key-size', buffer, keyStart, keyEnd, `has ${size} bytes, and the DBI integer keys`);
    }
  }

  #learnSizes(): void {
    const { main, tracked } = this.#target;
    // The marks of deleted integer keys are keys of the same size.
    if (this.#needsInteger && !this.#isDupSort && tracked && tracked.entries > 0) {
      const marks = tracked.walk();
      if (marks.next()) this.#integerSize = marks.keyEnd - marks.keyStart;
    }
    if (!main || main.entries === 0 || !(this.#needsInteger || this.#fixedDuplicates)) return;
    const walker = main.walk();
    if (!walker.next()) return;
    if (this.#needsInteger) this.#integerSize = walker.keyEnd - walker.keyStart;
    if (this.#fixedDuplicates) this.#duplicateSize = walker.valueEnd - walker.valueStart;
  }

  #refuse(reason: 'key-size' | 'value-size', buffer: Buffer, start: number, end: number, what: string): Error {
    const key = buffer.toString('hex', start, end);
    return new RefusedSnapshotError(
      this.#objectName,
      reason,
      `DBI ${showDbiName(this.#target.name)}: key ${key} ${what}`,
    );
  }
}
