import { DBI_FLAGS_MASK, DbiFlag, showDbiName } from '../lmdb/index.ts';
import {
  checkTransform,
  type DbiHeader,
  ORIGINAL_FLAGS_FORMAT_VERSION,
  RefusedSnapshotError,
} from '../snapshot/index.ts';
import { isDetached } from './detached.ts';
import { dupsortWithoutHack } from './errors.ts';
import type { Schema } from './schema.ts';
import { type StoredEntries, storeOf } from './store/index.ts';
import type { DatabaseView, DbiView } from './view.ts';

/** Where the entries of one DBI of a snapshot go. */
export interface Target {
  readonly name: string;
  /** Flags of the application's DBI, as it is here or as it will be made. */
  readonly flags: number;
  readonly createsMain: boolean;
  /** The entries here: the shadow's, or in native mode those of the DBI itself. */
  readonly stored: StoredEntries | undefined;
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
  const store = storeOf(schema.native);
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
  if (!main && !isDupSort && (flags & DbiFlag.dupFixed) !== 0) {
    // LMDB makes such a DBI without a word, and then keeps neither its values nor its order.
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} has MDB_DUPFIXED without MDB_DUPSORT`,
    );
  }
  if (isDupSort && (schema.native || !schema.dupsortHack)) {
    // One that is here already is the operator's business; one that an object would make is the object's fault.
    if (main) throw dupsortWithoutHack(dbi.name, schema.native);
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} has MDB_DUPSORT, which cannot be kept here`,
    );
  }
  if (!store.canName(dbi.name)) {
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
  const stored = store.entries(view, dbi.name);
  const isWaiting = isDetached(dbi.name, view, schema);
  if (isWaiting && stored?.order !== store.orderOf(flags)) {
    const here = 'the one that the application dropped here';
    throw new RefusedSnapshotError(
      objectName,
      'dbi-kind',
      `DBI ${showDbiName(dbi.name)} is of another kind than ${here}`,
    );
  }
  return { name: dbi.name, flags, createsMain: !main && !isWaiting, stored, main };
}
