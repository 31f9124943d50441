import { availableParallelism } from 'node:os';
import { dbiNameBytes } from '../lmdb/index.ts';
import { COMPAT_VERSION, DBI_TAG, FORMAT_VERSION, META_TAG, SNAPSHOT_TAG } from './constants.ts';
import { type BlockEnd, EntryEncoder } from './encode-entry.ts';
import { type CompressMember, compressMember, MemberSink } from './members.ts';
import type { DbiSource, EntryCursor, PackedEntries, SnapshotMeta } from './message.ts';
import { varintSize, writeVarint } from './varint.ts';

export interface EncodeOptions {
  /** Raw bytes per gzip member; default 1 MiB, 4 KiB to 4 MiB. */
  readonly memberSizeBytes?: number;
  /** Members compressed at the same time; default: as many as cores but one, from 2 to 4 (the libuv pool). */
  readonly maxInFlight?: number;
  readonly compress?: CompressMember;
  /** Called once, before the generator ends, unless it is left early. */
  readonly onSummary?: (summary: EncodeSummary) => void;
}

export interface EncodeSummary {
  readonly entries: number;
  readonly members: number;
  readonly rawBytes: number;
  readonly compressedBytes: number;
}

const DEFAULT_MEMBER_BYTES = 1 << 20;
/** A key of any LMDB fits. */
const MIN_MEMBER_BYTES = 4096;
/** What one gzip extra field can pad to 64:1 (`members.ts`). */
const MAX_MEMBER_BYTES = 4 << 20;
/**
 * Members compressed at once: a core is left to the application, and to the thread that may hold its write lock; more threads than
 * cores would make both wait for their turn.
 */
const DEFAULT_IN_FLIGHT = Math.min(4, Math.max(2, availableParallelism() - 1));

/**
 * Encodes a snapshot (or a delta: the same message with fewer entries) and yields the object's bytes, one gzip member
 * after the other. The bytes before compression are exactly those of the reference (docs/format.md, "Snapshot message").
 * Every cursor is opened twice, for a DBI message begins with its length: the first pass counts; what is packed already knows. Memory does not
 * depend on the size of the snapshot (decision 7).
 * @throws what a cursor throws; `Error` when the second pass shows other entries than the first.
 */
export async function* encodeSnapshot(
  meta: SnapshotMeta,
  dbis: readonly DbiSource[],
  options: EncodeOptions = {},
): AsyncGenerator<Buffer, void, void> {
  const memberSizeBytes = options.memberSizeBytes ?? DEFAULT_MEMBER_BYTES;
  const maxInFlight = options.maxInFlight ?? DEFAULT_IN_FLIGHT;
  if (memberSizeBytes < MIN_MEMBER_BYTES || memberSizeBytes > MAX_MEMBER_BYTES) {
    throw new RangeError(`a member has ${MIN_MEMBER_BYTES} to ${MAX_MEMBER_BYTES} bytes`);
  }
  if (maxInFlight < 1) throw new RangeError('at least one member must be in flight');
  const sink = new MemberSink(memberSizeBytes, maxInFlight, options.compress ?? compressMember);
  let entries = 0;
  yield* writeBytes(sink, encodeHeader(meta));
  for (const dbi of dbis) {
    const fields = encodeDbiFields(dbi);
    const { packed } = dbi;
    const tally = packed ?? (await measure(dbi));
    yield* writeBytes(sink, messageStart(SNAPSHOT_TAG.dbi, fields.length + tally.bytes));
    yield* writeBytes(sink, fields);
    yield* packed ? writePacked(sink, packed) : writeEntries(sink, dbi, tally);
    entries += tally.entries;
  }
  yield* sink.drain();
  const { members, rawBytes, compressedBytes } = sink;
  options.onSummary?.({ entries, members, rawBytes, compressedBytes });
}

interface Tally {
  readonly bytes: number;
  readonly entries: number;
}

/** Entries counted between two turns of the event loop, so that uploads and timers of this thread go on. */
const COUNT_SLICE = 65_536;

async function measure(dbi: DbiSource): Promise<Tally> {
  const tally = { bytes: 0, entries: 0 };
  const encoder = new EntryEncoder();
  const cursor = dbi.open('sizes');
  try {
    while (encoder.measure(cursor, tally, COUNT_SLICE)) await nextTurn();
  } finally {
    cursor.close?.();
  }
  return tally;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function* writeEntries(sink: MemberSink, dbi: DbiSource, tally: Tally): AsyncGenerator<Buffer, void, void> {
  const encoder = new EntryEncoder();
  const cursor = dbi.open();
  try {
    for (;;) {
      const end: BlockEnd = encoder.fill(cursor, sink);
      if (end === 'done') break;
      if (end === 'too-large' && sink.length === 0) yield* writeLargeEntry(sink, encoder, cursor);
      else yield* flush(sink);
    }
  } finally {
    cursor.close?.();
  }
  if (encoder.bytes !== tally.bytes || encoder.entries !== tally.entries) {
    throw new Error(
      `DBI ${JSON.stringify(dbi.name)} changed while it was encoded: ${tally.entries} entries, then ${encoder.entries}`,
    );
  }
}

/** What is packed begins with a member of its own. */
async function* writePacked(sink: MemberSink, packed: PackedEntries): AsyncGenerator<Buffer, void, void> {
  yield* sink.drain();
  for (const chunk of packed.chunks()) {
    sink.compressedBytes += chunk.length;
    yield chunk;
  }
  sink.rawBytes += packed.bytes;
  sink.members += packed.members;
}

/** An entry larger than a member: its key starts a member, its value runs through as many as it takes. */
async function* writeLargeEntry(
  sink: MemberSink,
  encoder: EntryEncoder,
  cursor: EntryCursor,
): AsyncGenerator<Buffer, void, void> {
  const { before, after } = encoder.frameLarge(cursor);
  yield* writeBytes(sink, before);
  for (let at = cursor.valueStart; at < cursor.valueEnd; ) {
    if (sink.length === sink.raw.length) yield* flush(sink);
    const end = Math.min(cursor.valueEnd, at + sink.raw.length - sink.length);
    sink.length += cursor.valueBuffer.copy(sink.raw, sink.length, at, end);
    at = end;
  }
  yield* writeBytes(sink, after);
}

async function* writeBytes(sink: MemberSink, bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; ) {
    if (sink.length === sink.raw.length) yield* flush(sink);
    const end = Math.min(bytes.length, at + sink.raw.length - sink.length);
    sink.length += bytes.copy(sink.raw, sink.length, at, end);
    at = end;
  }
}

async function* flush(sink: MemberSink): AsyncGenerator<Buffer, void, void> {
  const member = await sink.flush();
  if (member !== undefined) yield member;
}

/** Fields 1, 4 and 2 of Snapshot. */
function encodeHeader(meta: SnapshotMeta): Buffer {
  const body = encodeMeta(meta);
  return Buffer.concat([
    varintField(SNAPSHOT_TAG.formatVersion, FORMAT_VERSION),
    varintField(SNAPSHOT_TAG.compatVersion, COMPAT_VERSION),
    messageStart(SNAPSHOT_TAG.meta, body.length),
    body,
  ]);
}

function encodeMeta(meta: SnapshotMeta): Buffer {
  return Buffer.concat([
    stringField(META_TAG.generationId, meta.generationId),
    stringField(META_TAG.instanceId, meta.instanceId),
    stringField(META_TAG.hostname, meta.hostname),
    stringField(META_TAG.databaseName, meta.databaseName),
    positiveField(META_TAG.lmdbTxnId, meta.lmdbTxnId),
    fixed64Field(META_TAG.timestampNano, meta.timestampNano),
    positiveField(META_TAG.fromLmdbTxnId, meta.fromLmdbTxnId),
  ]);
}

function encodeDbiFields(dbi: DbiSource): Buffer {
  return Buffer.concat([
    bytesField(DBI_TAG.name, dbiNameBytes(dbi.name)),
    dbi.flags === 0 ? Buffer.alloc(0) : varintField(DBI_TAG.flags, dbi.flags),
    stringField(DBI_TAG.transform, dbi.transform),
  ]);
}

function messageStart(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(1 + varintSize(length));
  bytes[0] = tag;
  writeVarint(bytes, 1, length);
  return bytes;
}

/** A varint field is framed as a message is: a tag and one varint. */
const varintField = messageStart;

function positiveField(tag: number, value: bigint): Buffer {
  if (value <= 0n) return Buffer.alloc(0);
  const bytes = [tag];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

function fixed64Field(tag: number, value: bigint): Buffer {
  if (value <= 0n) return Buffer.alloc(0);
  const bytes = Buffer.alloc(9);
  bytes[0] = tag;
  bytes.writeBigUInt64LE(value, 1);
  return bytes;
}

function stringField(tag: number, text: string): Buffer {
  return bytesField(tag, Buffer.from(text, 'utf8'));
}

function bytesField(tag: number, bytes: Buffer): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0);
  return Buffer.concat([messageStart(tag, bytes.length), bytes]);
}
