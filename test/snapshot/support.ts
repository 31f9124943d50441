import { gzipSync } from 'node:zlib';
import {
  type DbiSource,
  type EntryCursor,
  encodeSnapshot,
  type ReadOptions,
  readSnapshot,
  type SnapshotMeta,
  type SnapshotSummary,
  timestampFromParts,
  timestampHi,
  timestampLo,
  toTimestampNano,
} from '../../src/snapshot/index.ts';

export interface PlainEntry {
  /** hex */
  key: string;
  /** hex */
  value: string;
  timestampNano: bigint;
  flags: number;
}

export interface PlainDbi {
  name: string;
  flags: number;
  transform: string;
  entries: PlainEntry[];
}

export interface PlainSnapshot {
  formatVersion: number;
  compatVersion: number;
  meta: SnapshotMeta;
  dbis: PlainDbi[];
}

export const META: SnapshotMeta = {
  generationId: 'GX',
  instanceId: 'i',
  hostname: 'h',
  databaseName: 'main',
  lmdbTxnId: 5n,
  timestampNano: toTimestampNano(258n),
  fromLmdbTxnId: 0n,
};

/** A cursor over plain entries; every entry in buffers of its own, at an odd offset. */
class PlainCursor implements EntryCursor {
  keyBuffer = Buffer.alloc(0);
  keyStart = 0;
  keyEnd = 0;
  valueBuffer = Buffer.alloc(0);
  valueStart = 0;
  valueEnd = 0;
  timestampHi = 0;
  timestampLo = 0;
  flags = 0;
  readonly #entries: readonly PlainEntry[];
  readonly #onClose: () => void;
  #next = 0;

  constructor(entries: readonly PlainEntry[], onClose: () => void) {
    this.#entries = entries;
    this.#onClose = onClose;
  }

  next(): boolean {
    const entry = this.#entries[this.#next++];
    if (!entry) return false;
    this.keyBuffer = Buffer.from(`aa${entry.key}bb`, 'hex');
    this.keyStart = 1;
    this.keyEnd = this.keyBuffer.length - 1;
    this.valueBuffer = Buffer.from(`aaaaaa${entry.value}bb`, 'hex');
    this.valueStart = 3;
    this.valueEnd = this.valueBuffer.length - 1;
    const timestamp = toTimestampNano(entry.timestampNano);
    this.timestampHi = timestampHi(timestamp);
    this.timestampLo = timestampLo(timestamp);
    this.flags = entry.flags;
    return true;
  }

  close(): void {
    this.#onClose();
  }
}

export function sourceOf(dbi: PlainDbi, onClose = (): void => {}): DbiSource {
  const { name, flags, transform, entries } = dbi;
  return { name, flags, transform, open: () => new PlainCursor(entries, onClose) };
}

export async function encode(
  meta: SnapshotMeta,
  dbis: readonly PlainDbi[],
  options?: Parameters<typeof encodeSnapshot>[2],
): Promise<Buffer> {
  const members: Buffer[] = [];
  const sources = dbis.map((dbi) => sourceOf(dbi));
  for await (const member of encodeSnapshot(meta, sources, options)) members.push(member);
  return Buffer.concat(members);
}

/** Keeps everything; checks the order of the calls. */
export class Collector {
  snapshot: PlainSnapshot | undefined;
  restarts = 0;
  #open: PlainDbi | undefined;

  header(header: Omit<PlainSnapshot, 'dbis'>): void {
    if (this.snapshot) throw new TypeError('header came twice');
    const { formatVersion, compatVersion, meta } = header;
    this.snapshot = { formatVersion, compatVersion, meta, dbis: [] };
  }

  dbi(dbi: Omit<PlainDbi, 'entries'>): void {
    if (!this.snapshot || this.#open) throw new TypeError('dbi out of order');
    this.#open = { ...dbi, entries: [] };
    this.snapshot.dbis.push(this.#open);
  }

  entry(entry: Parameters<Parameters<typeof readSnapshot>[1]['entry']>[0]): void {
    if (!this.#open) throw new TypeError('entry out of order');
    this.#open.entries.push({
      key: entry.buffer.toString('hex', entry.keyStart, entry.keyEnd),
      value: entry.buffer.toString('hex', entry.valueStart, entry.valueEnd),
      timestampNano: timestampFromParts(entry.timestampHi, entry.timestampLo),
      flags: entry.flags,
    });
  }

  dbiEnd(): void {
    if (!this.#open) throw new TypeError('dbiEnd out of order');
    this.#open = undefined;
  }

  restart(): void {
    this.restarts++;
    this.snapshot = undefined;
    this.#open = undefined;
  }
}

/** The bytes in chunks of `chunkBytes`, each a fresh buffer that is overwritten once the next is asked for. */
export async function* chunksOf(bytes: Buffer, chunkBytes = 65_536): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield Buffer.from(bytes.subarray(at, at + chunkBytes));
}

export interface Decoded {
  snapshot: PlainSnapshot;
  summary: SnapshotSummary;
  restarts: number;
}

/** Reads a gzipped object whole: in chunks, or, `none`, as the one piece of memory that it is. */
export async function decode(
  object: Buffer,
  options: Partial<ReadOptions> & { chunkBytes?: number | 'none' } = {},
): Promise<Decoded> {
  const { chunkBytes, ...rest } = options;
  const collector = new Collector();
  const open = () => (chunkBytes === 'none' ? object : chunksOf(object, chunkBytes));
  const summary = await readSnapshot(open, collector, { objectName: 'object', ...rest });
  return { snapshot: collector.snapshot!, summary, restarts: collector.restarts };
}

/** Reads protobuf bytes, gzipped first. */
export function decodeRaw(raw: Buffer | string, options?: Parameters<typeof decode>[1]): Promise<Decoded> {
  const bytes = typeof raw === 'string' ? Buffer.from(raw.replaceAll(' ', ''), 'hex') : raw;
  return decode(gzipSync(bytes), options);
}

/** The error a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was accepted');
}
