import { DBI_TAG, MAX_KEY_BYTES, SNAPSHOT_TAG } from './constants.ts';
import { EntryDecoder } from './decode-entry.ts';
import { decodeMeta } from './decode-meta.ts';
import { RefusedSnapshotError } from './errors.ts';
import { HeaderState, type KnownHeaders } from './header-state.ts';
import { ENTRY_OVERHEAD_BYTES, MAX_META_BYTES, MAX_TRANSFORM_BYTES, type SnapshotLimits } from './limits.ts';
import type { SnapshotVisitor } from './message.ts';
import { STALLED, WIRE_LENGTH, WireReader } from './wire.ts';

export type ParseVisitor = Omit<SnapshotVisitor, 'restart'>;

export interface ParserOptions {
  readonly objectName: string;
  readonly limits: SnapshotLimits;
  /** Pass over the entries unread, deliver every DBI when it ends, and the header last: see {@link KnownHeaders}. */
  readonly headersOnly?: boolean;
  /** What an earlier pass over the headers has found; fields behind the entries are then expected. */
  readonly known?: KnownHeaders;
}

const LAST_SNAPSHOT_FIELD = 4;
const LAST_DBI_FIELD = 4;
const OUTSIDE = -1;

/**
 * Reads a Snapshot message from chunks of any size and tells a visitor. Bytes are read where they lie; only what
 * straddles two chunks is carried over, in a buffer that grows with what has arrived, never with what a length
 * promises (I7). Offsets below are into the window at hand: the chunk, or the carried bytes with the chunk behind.
 */
export class SnapshotParser {
  readonly #visitor: ParseVisitor;
  readonly #objectName: string;
  readonly #limits: SnapshotLimits;
  readonly #headersOnly: boolean;
  readonly #wire: WireReader;
  readonly #entries: EntryDecoder;
  readonly #headers: HeaderState;
  /** Absolute offset of the window's first byte, in the decompressed bytes. */
  #base = 0;
  /** Absolute offset behind the DBI message at hand, or OUTSIDE. */
  #dbiEnd = OUTSIDE;
  /** Bytes of an unknown field that are still to be passed over. */
  #skip = 0;
  /** Bytes from the unread position that must be there before reading on makes sense. */
  #need = 0;
  /** The field at the unread position is not complete. */
  #stalled = false;
  #carry = Buffer.alloc(0);
  #carryLength = 0;
  entryCount = 0;

  constructor(visitor: ParseVisitor, options: ParserOptions) {
    this.#visitor = visitor;
    this.#objectName = options.objectName;
    this.#limits = options.limits;
    this.#headersOnly = options.headersOnly ?? false;
    this.#wire = new WireReader(options.objectName);
    this.#entries = new EntryDecoder(this.#wire, options.objectName, options.limits.maxValueBytes);
    this.#headers = new HeaderState(visitor, options);
  }

  get dbiCount(): number {
    return this.#headers.dbiCount;
  }

  push(chunk: Buffer): void {
    if (this.#carryLength === 0) {
      const read = this.#parse(chunk, chunk.length);
      this.#base += read;
      if (read < chunk.length) this.#append(chunk, read);
      return;
    }
    this.#append(chunk, 0);
    if (this.#carryLength < this.#need) return;
    const read = this.#parse(this.#carry, this.#carryLength);
    this.#base += read;
    this.#carry.copyWithin(0, read, this.#carryLength);
    this.#carryLength -= read;
  }

  /** Call after the last chunk. */
  finish(): void {
    if (this.#carryLength > 0 || this.#skip > 0 || this.#dbiEnd !== OUTSIDE) {
      throw this.#wire.corrupt('truncated', 'it ends inside of a field');
    }
    this.#headers.finish();
  }

  #append(chunk: Buffer, from: number): void {
    const length = this.#carryLength + chunk.length - from;
    if (length > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#carryLength));
      this.#carry.copy(grown, 0, 0, this.#carryLength);
      this.#carry = grown;
    }
    chunk.copy(this.#carry, this.#carryLength, from);
    this.#carryLength = length;
  }

  /** Reads as many fields as are complete and returns the offset of the first that is not. */
  #parse(window: Buffer, end: number): number {
    let at = 0;
    this.#stalled = false;
    for (;;) {
      const passed = Math.min(this.#skip, end - at);
      this.#skip -= passed;
      at += passed;
      if (this.#skip > 0) return at;
      const inside = this.#dbiEnd !== OUTSIDE;
      if (!inside && at === end) return at;
      at = inside ? this.#dbiFields(window, at, end) : this.#snapshotField(window, at, end);
      if (this.#stalled) return at;
    }
  }

  /** One field of Snapshot; returns the offset behind it, or `start` when it is not complete. */
  #snapshotField(window: Buffer, start: number, end: number): number {
    const at = this.#wire.head(window, start, end, Number.POSITIVE_INFINITY);
    if (at === STALLED) return this.#stall(start, end - start + 1);
    const { length } = this.#wire;
    switch (this.#wire.tag) {
      case SNAPSHOT_TAG.formatVersion:
        this.#headers.setFormatVersion(this.#wire.u32('formatVersion'));
        return at;
      case SNAPSHOT_TAG.compatVersion:
        this.#headers.setCompatVersion(this.#wire.u32('compatVersion'));
        return at;
      case SNAPSHOT_TAG.meta:
        if (length > MAX_META_BYTES) throw this.#refuse('message-size', `its Meta is ${length} B long`);
        if (at + length > end) return this.#stall(start, at + length - start);
        this.#headers.setMeta(decodeMeta(this.#wire, window, at, at + length, this.#headers.meta));
        return at + length;
      case SNAPSHOT_TAG.dbi:
        this.#assertFits(at, length);
        this.#dbiEnd = this.#base + at + length;
        this.#headers.beginDbi();
        return at;
      default:
        this.#wire.assertUnknown(LAST_SNAPSHOT_FIELD, 'Snapshot');
        return this.#passOver(at);
    }
  }

  /** Fields of a DBI, up to its end, the end of the window, or a field to pass over. */
  #dbiFields(window: Buffer, start: number, end: number): number {
    const limit = this.#dbiEnd - this.#base;
    let at = start;
    while (at < limit) {
      let bodyStart = at + 2;
      let length = bodyStart <= end && bodyStart <= limit && window[at] === DBI_TAG.entry ? window[at + 1]! : 0x80;
      if (length >= 0x80) {
        bodyStart = this.#wire.head(window, at, end, limit);
        if (bodyStart === STALLED) return this.#stall(at, end - at + 1);
        if (this.#wire.tag !== DBI_TAG.entry) {
          at = this.#dbiHeaderField(window, at, bodyStart, end);
          if (this.#stalled || this.#skip > 0) return at;
          continue;
        }
        length = this.#wire.length;
      }
      const bodyEnd = bodyStart + length;
      if (bodyEnd > limit)
        throw this.#wire.corrupt('length', `an entry is ${length} B long, ${limit - bodyStart} B remain`);
      if (this.#headersOnly) {
        this.#skip = length;
        return bodyStart;
      }
      if (bodyEnd > end) {
        if (length > this.#limits.maxValueBytes + ENTRY_OVERHEAD_BYTES) throw this.#entries.tooLargeValue(length);
        return this.#stall(at, bodyEnd - at);
      }
      const entry = this.#entries.decode(window, bodyStart, bodyEnd);
      this.#headers.beforeEntry();
      this.#visitor.entry(entry);
      this.entryCount++;
      at = bodyEnd;
    }
    this.#dbiEnd = OUTSIDE;
    this.#headers.endDbi();
    return at;
  }

  /** A field of a DBI other than an entry; its head ends at `at`. Returns as {@link #snapshotField} does. */
  #dbiHeaderField(window: Buffer, start: number, at: number, end: number): number {
    const { length } = this.#wire;
    switch (this.#wire.tag) {
      case DBI_TAG.flags:
        this.#headers.setDbiFlags(this.#wire.lo);
        return at;
      case DBI_TAG.name:
        if (length > MAX_KEY_BYTES) throw this.#refuse('dbi-name', `a DBI has a name of ${length} B`);
        if (at + length > end) return this.#stall(start, at + length - start);
        this.#headers.setDbiName(this.#wire.dbiName(window, at));
        return at + length;
      case DBI_TAG.transform:
        if (length > MAX_TRANSFORM_BYTES) throw this.#refuse('transform', `a transform of ${length} B`);
        if (at + length > end) return this.#stall(start, at + length - start);
        this.#headers.setDbiTransform(this.#wire.text(window, at, 'a transform'));
        return at + length;
      default:
        this.#wire.assertUnknown(LAST_DBI_FIELD, 'DBI');
        return this.#passOver(at);
    }
  }

  #stall(at: number, need: number): number {
    this.#need = need;
    this.#stalled = true;
    return at;
  }

  #passOver(at: number): number {
    if ((this.#wire.tag & 7) === WIRE_LENGTH) {
      this.#assertFits(at, this.#wire.length);
      this.#skip = this.#wire.length;
    }
    return at;
  }

  /** A length the object could never have the bytes for is refused when it is read, not gigabytes later. */
  #assertFits(at: number, length: number): void {
    const total = this.#base + at + length;
    if (total <= this.#limits.maxDecompressedBytes) return;
    throw this.#refuse('decompressed-size', `it is more than ${this.#limits.maxDecompressedBytes} B decompressed`);
  }

  #refuse(reason: RefusedSnapshotError['reason'], detail: string): RefusedSnapshotError {
    return new RefusedSnapshotError(this.#objectName, reason, detail);
  }
}
