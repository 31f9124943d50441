import type { TimestampNano } from './timestamp.ts';

/** `Meta` of the message: who wrote it, and what state of which database it is. Absent strings are `''`, numbers 0. */
export interface SnapshotMeta {
  readonly generationId: string;
  readonly instanceId: string;
  readonly hostname: string;
  readonly databaseName: string;
  /** The LMDB transaction it shows; signed 64 bits on the wire, written only above 0. */
  readonly lmdbTxnId: bigint;
  readonly timestampNano: TimestampNano;
  /** Deltas: the transaction it starts from; 0 in a full snapshot. */
  readonly fromLmdbTxnId: bigint;
}

/** What a snapshot says about itself before its DBIs. */
export interface SnapshotHeader {
  /** 0 when the field is absent. */
  readonly formatVersion: number;
  /** 0 when the field is absent, as in files of format versions 1 and 2. */
  readonly compatVersion: number;
  readonly meta: SnapshotMeta;
  /** Whether any DBI follows; a snapshot without one is a no-op whatever its version (SNP-16). */
  readonly hasDbis: boolean;
}

/** What a DBI says about itself before its entries. */
export interface DbiHeader {
  /** Of any bytes, as `dbiNameOf` of lmdb/ makes a string of them. */
  readonly name: string;
  /** LMDB's MDB_* bits of the original DBI (from format version 3 on); cut to unsigned 32 bits, as LMDB has them. */
  readonly flags: number;
  readonly transform: string;
}

/**
 * One entry, the same object at every call: `buffer` and the offsets are valid only until the callback returns.
 * A timestamp is two unsigned 32-bit halves, so that no bigint is made per entry.
 */
export interface EntryRef {
  buffer: Buffer;
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
  timestampHi: number;
  timestampLo: number;
  flags: number;
}

/** Takes what {@link readSnapshot} finds. An error thrown by a method ends the reading and is passed on unchanged. */
export interface SnapshotVisitor {
  /** Once, before any DBI. */
  header(header: SnapshotHeader): void;
  /** Before the entries of the DBI. A foreign writer may bring one DBI in several messages. */
  dbi(dbi: DbiHeader): void;
  entry(entry: EntryRef): void;
  /** After the last entry of the DBI. */
  dbiEnd?(): void;
  /**
   * Forget everything taken so far, it comes again from `header` on: a foreign writer has put header fields behind
   * the entries they apply to. Called at most once.
   */
  restart(): void;
}

/**
 * Entries of one DBI in LMDB order, pulled one by one. `next` moves to the next entry and returns false at the end;
 * the fields show the current entry and are valid until the next call. Nothing is allocated per entry.
 */
export interface EntryCursor {
  next(): boolean;
  readonly keyBuffer: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueBuffer: Buffer;
  readonly valueStart: number;
  /** Equal to `valueStart` for a tombstone. */
  readonly valueEnd: number;
  readonly timestampHi: number;
  readonly timestampLo: number;
  readonly flags: number;
  /** Called once when the cursor is no longer needed, also after an error. */
  close?(): void;
}

/** One DBI to write. `open` is called twice and must show the same entries both times (one read transaction). */
export interface DbiSource extends DbiHeader {
  /** @param wanted `sizes`: it is asked only how long values are, and may show no bytes of them */
  open(wanted?: 'sizes'): EntryCursor;
  /** The same entries, encoded and compressed already: then `open` is not called. */
  readonly packed?: PackedEntries | undefined;
}

/** All entries of a DBI as whole gzip members (`EntryPacker`). */
export interface PackedEntries {
  readonly entries: number;
  /** What they take within the DBI message, before compression. */
  readonly bytes: number;
  readonly members: number;
  /** The members, in chunks of any size. */
  chunks(): Iterable<Buffer>;
}
