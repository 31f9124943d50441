import { LmdbstreamError } from '../errors/index.ts';
import { type DatabaseView, storeOf } from '../shadow/index.ts';
import {
  type DbiHeader,
  type EntryRef,
  FLAG_DELETED,
  RefusedSnapshotError,
  type SnapshotHeader,
  type SnapshotVisitor,
} from '../snapshot/index.ts';
import { PDNS_DBI, releasesOf, SCHEMA_VERSION_KEY, schemaVersionOf } from './schema.ts';

const MIGRATE =
  'machines with different schemas cannot share zones: see "Upgrading PowerDNS" in docs/powerdns.md; accept_schema_change does it all the same';

/** The application has migrated its LMDB to another schema; nothing of that is recorded or published. */
export class PdnsSchemaChangedError extends LmdbstreamError {
  constructor(before: number, now: number) {
    const text = `PowerDNS has changed the schema of this LMDB from version ${before} to ${now} (${releasesOf(now)}); nothing of it is published`;
    super('PDNS_SCHEMA_CHANGED', text, { hint: MIGRATE });
  }
}

/** The schema version that PowerDNS has written into its main file; undefined: it is no such file, or has none yet. */
export function schemaVersionIn(view: DatabaseView): number | undefined {
  const reader = view.dbis.get(PDNS_DBI)?.reader();
  if (!reader?.get(SCHEMA_VERSION_KEY, 0, SCHEMA_VERSION_KEY.length)) return undefined;
  return schemaVersionOf(reader.valueBuffer.subarray(reader.valueStart, reader.valueEnd));
}

/**
 * Shadow mode: the version that PowerDNS wrote against the one that is recorded. To be asked before anything else is recorded, so
 * that a restart says the same.
 * @throws PdnsSchemaChangedError
 */
export function assertSchemaUnchanged(view: DatabaseView): void {
  const now = schemaVersionIn(view);
  if (now === undefined) return;
  const stored = storeOf(false).entries(view, PDNS_DBI)?.reader();
  if (!stored?.find(SCHEMA_VERSION_KEY, 0, SCHEMA_VERSION_KEY.length) || stored.entry.deleted) return;
  const { valueBuffer, valueStart, valueEnd } = stored.entry;
  const before = schemaVersionOf(valueBuffer.subarray(valueStart, valueEnd));
  if (before !== undefined && before !== now) throw new PdnsSchemaChangedError(before, now);
}

/** Passes an object on, and refuses one that another schema wrote: decided before anything of it is used (I7). */
export class SchemaGuard implements SnapshotVisitor {
  readonly #next: SnapshotVisitor;
  readonly #objectName: string;
  readonly #own: number;
  #isPdns = false;

  /** @param own the version in the LMDB here */
  constructor(next: SnapshotVisitor, objectName: string, own: number) {
    this.#next = next;
    this.#objectName = objectName;
    this.#own = own;
  }

  header(header: SnapshotHeader): void {
    this.#next.header(header);
  }

  dbi(dbi: DbiHeader): void {
    this.#isPdns = dbi.name === PDNS_DBI;
    this.#next.dbi(dbi);
  }

  entry(entry: EntryRef): void {
    if (this.#isPdns) this.#check(entry);
    this.#next.entry(entry);
  }

  dbiEnd(): void {
    this.#next.dbiEnd?.();
  }

  restart(): void {
    this.#next.restart();
  }

  #check({ buffer, keyStart, keyEnd, valueStart, valueEnd, flags }: EntryRef): void {
    if (flags & FLAG_DELETED || !buffer.subarray(keyStart, keyEnd).equals(SCHEMA_VERSION_KEY)) return;
    const theirs = schemaVersionOf(buffer.subarray(valueStart, valueEnd));
    if (theirs === undefined || theirs === this.#own) return;
    const what = `it was written with schema version ${theirs} (${releasesOf(theirs)}), and the LMDB here has ${this.#own} (${releasesOf(this.#own)})`;
    throw new RefusedSnapshotError(this.#objectName, 'pdns-schema', what);
  }
}
