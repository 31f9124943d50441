import { LmdbstreamError } from '../errors/index.ts';

/** Why a name is not one of ours; stable, for logs and tests. */
export type SnapshotNameReason =
  | 'no-dot'
  | 'unknown-extension'
  | 'too-few-parts'
  | 'timestamp-format'
  | 'timestamp-value'
  | 'previous-timestamp';

/** An object name that does not parse. Not a fault: a bucket may hold other things, the object is ignored. */
export class SnapshotNameError extends LmdbstreamError {
  readonly objectName: string;
  readonly reason: SnapshotNameReason;

  constructor(objectName: string, reason: SnapshotNameReason, detail: string) {
    super('SNAPSHOT_NAME', `object name ${JSON.stringify(objectName)}: ${detail}`);
    this.objectName = objectName;
    this.reason = reason;
  }
}

/** What is wrong with the bytes. */
export type CorruptReason =
  | 'gzip'
  | 'empty-object'
  | 'trailing-garbage'
  | 'truncated'
  | 'tag'
  | 'wire-type'
  | 'varint'
  | 'length'
  | 'overflow'
  | 'utf8'
  | 'empty-entry'
  | 'changed';

/** The object is not the snapshot its writer made: damaged, cut off, or never one. Refused whole (I7). */
export class CorruptSnapshotError extends LmdbstreamError {
  readonly objectName: string;
  readonly reason: CorruptReason;

  constructor(objectName: string, reason: CorruptReason, detail: string, cause?: unknown) {
    super('SNAPSHOT_CORRUPT', `snapshot ${objectName} is corrupt: ${detail}`, {
      hint: 'an older snapshot of that instance is used; the next one it publishes replaces this object',
      cause,
    });
    this.objectName = objectName;
    this.reason = reason;
  }
}

/** Which rule a well-formed snapshot breaks. */
export type RefusedReason =
  | 'compat-version'
  | 'format-version'
  | 'transform'
  | 'decompressed-size'
  | 'key-size'
  | 'value-size'
  | 'dbi-name'
  | 'dbi-kind'
  | 'dbi-count'
  | 'message-size'
  | 'pdns-schema'
  | 'field-order';

const HINTS: Partial<Record<RefusedReason, string>> = {
  'compat-version': 'a newer program wrote it: update this one',
  'format-version': 'no program we know writes such a snapshot; remove the object',
  transform: 'give every instance the same schema_tracks_changes and dupsort_hack settings',
  'pdns-schema':
    'machines with different schemas cannot share zones: see "Upgrading PowerDNS" in docs/powerdns.md; it is looked at again when the version here changes',
  'decompressed-size': 'if its writer can be trusted, raise max_decompressed_size',
};

/** The object is a well-formed snapshot that this program does not take. Refused whole (I7). */
export class RefusedSnapshotError extends LmdbstreamError {
  readonly objectName: string;
  readonly reason: RefusedReason;

  constructor(objectName: string, reason: RefusedReason, detail: string) {
    super('SNAPSHOT_REFUSED', `snapshot ${objectName} is refused: ${detail}`, { hint: HINTS[reason] });
    this.objectName = objectName;
    this.reason = reason;
  }
}
