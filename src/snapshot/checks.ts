import {
  DUPSORT_TRANSFORM,
  EMPTY_VALUE_FORMAT_VERSION,
  FLAG_DELETED,
  NEWEST_READABLE_COMPAT_VERSION,
  ORIGINAL_FLAGS_FORMAT_VERSION,
} from './constants.ts';
import { RefusedSnapshotError } from './errors.ts';
import type { DbiHeader, SnapshotHeader } from './message.ts';

const MDB_DUPSORT = 0x04;

/** How this instance keeps the database, as far as it decides which transforms can be loaded. */
export interface TransformSettings {
  /** `formatVersion` of the snapshot. */
  readonly formatVersion: number;
  /** `schema_tracks_changes`: the application writes the headers itself, there are no shadow DBIs. */
  readonly nativeMode: boolean;
  /** `dupsort_hack` of the database. */
  readonly dupsortHack: boolean;
  readonly objectName: string;
}

/** Whether the snapshot is of a version we can read (LWW-01, LWW-02, LWW-05, SNP-16); `undefined` if it is. */
export function checkVersions(
  header: Pick<SnapshotHeader, 'formatVersion' | 'compatVersion' | 'hasDbis'>,
  objectName: string,
): RefusedSnapshotError | undefined {
  const { formatVersion, compatVersion, hasDbis } = header;
  if (compatVersion > NEWEST_READABLE_COMPAT_VERSION) {
    return new RefusedSnapshotError(
      objectName,
      'compat-version',
      `it needs a reader of version ${compatVersion}, this one reads up to ${NEWEST_READABLE_COMPAT_VERSION} (format version ${formatVersion})`,
    );
  }
  if (formatVersion === 0 && hasDbis) {
    return new RefusedSnapshotError(objectName, 'format-version', 'it has no format version');
  }
  return undefined;
}

/** Whether the DBI's transform is one this instance can undo (SNP-30 to SNP-34); `undefined` if it is. */
export function checkTransform(dbi: DbiHeader, settings: TransformSettings): RefusedSnapshotError | undefined {
  const refuse = (detail: string): RefusedSnapshotError =>
    new RefusedSnapshotError(settings.objectName, 'transform', `DBI ${JSON.stringify(dbi.name)}: ${detail}`);
  const { transform } = dbi;
  if (transform !== '' && transform !== DUPSORT_TRANSFORM) {
    return refuse(`transform ${JSON.stringify(transform)} is unknown`);
  }
  if (transform !== '' && settings.nativeMode) {
    return refuse(`transform ${transform} cannot be used where the schema tracks changes`);
  }
  if (settings.formatVersion >= ORIGINAL_FLAGS_FORMAT_VERSION) {
    const dupsort = (dbi.flags & MDB_DUPSORT) !== 0;
    if (dupsort && transform === '') return refuse(`a dupsort DBI needs the transform ${DUPSORT_TRANSFORM}`);
    if (!dupsort && transform !== '') return refuse(`transform ${transform}, but its flags are not those of dupsort`);
  }
  if (transform !== '' && !settings.dupsortHack) {
    return refuse(`transform ${transform}, but dupsort_hack is off for this database`);
  }
  return undefined;
}

/** Whether an entry is a tombstone: the flag, or, before format version 2, an empty value (LWW-18). */
export function isDeletedEntry(formatVersion: number, flags: number, valueLength: number): boolean {
  return (flags & FLAG_DELETED) !== 0 || (formatVersion < EMPTY_VALUE_FORMAT_VERSION && valueLength === 0);
}
