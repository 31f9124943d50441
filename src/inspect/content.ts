import { createHash } from 'node:crypto';
import { compareDuplicates, compareKeys } from '../btree/index.ts';
import { DbiFlag, showDbiName } from '../lmdb/index.ts';
import { Entry } from '../merge/index.ts';
import { type DatabaseView, type DbiView, isPrivate, storeOf } from '../shadow/index.ts';

/** Entries in order. Those of an application's DBI, or of an object. */
export interface Walker {
  readonly entry: Entry;
  next(): boolean;
}

/** The content of one DBI, from wherever it comes. */
export interface Content {
  readonly name: string;
  /** `MDB_*` of the application's DBI. */
  readonly flags: number;
  /** Whether times and deletion marks are known. */
  readonly hasTimes: boolean;
  /** The value belongs to the key: pairs of a DUPSORT DBI. */
  readonly isPairs: boolean;
  /** Entries, deletion marks included. */
  readonly entries: number;
  walk(): Walker;
}

/** The application's DBIs of an LMDB. @param native their values carry headers */
export function contentsOf(view: DatabaseView, native: boolean): Content[] {
  const store = storeOf(true);
  return [...view.dbis.values()]
    .filter(({ name }) => !isPrivate(name))
    .map((dbi) => ({
      name: dbi.name,
      flags: dbi.flags,
      hasTimes: native,
      isPairs: (dbi.flags & DbiFlag.dupSort) !== 0,
      entries: dbi.entries,
      walk: () => (native ? store.entries(view, dbi.name)!.walk() : new PlainWalker(dbi)),
    }));
}

class PlainWalker implements Walker {
  readonly entry = new Entry();
  readonly #walker;

  constructor(dbi: DbiView) {
    this.#walker = dbi.walk();
  }

  next(): boolean {
    const walker = this.#walker;
    if (!walker.next()) return false;
    this.entry.setKey(walker.keyBuffer, walker.keyStart, walker.keyEnd);
    this.entry.setValue(walker.valueBuffer, walker.valueStart, walker.valueEnd);
    return true;
  }
}

/** The order of two entries of such contents; 0: the same key, or pair. */
export function orderOf({ flags, isPairs }: Content): (a: Entry, b: Entry) => number {
  const keys = compareKeys(flags);
  const duplicates = compareDuplicates(flags);
  return (a, b) => {
    const byKey = keys(a.keyBuffer, a.keyStart, a.keyEnd, b.keyBuffer, b.keyStart, b.keyEnd);
    if (byKey !== 0 || !isPairs) return byKey;
    return duplicates(a.valueBuffer, a.valueStart, a.valueEnd, b.valueBuffer, b.valueStart, b.valueEnd);
  };
}

export interface ContentHash {
  readonly dbi: string;
  readonly entries: number;
  readonly deleted: number;
  /** SHA-256 over the live keys and values in order, in hex: the same on two machines whose application sees the same. */
  readonly sha256: string;
}

/** Bytes gathered before the hash is called. */
const BATCH_BYTES = 64 * 1024;

/** @param each called for every entry, e.g. for progress */
export function hashOf(content: Content, each: (entry: Entry) => void = () => {}): ContentHash {
  const hash = createHash('sha256');
  const batch = Buffer.allocUnsafe(BATCH_BYTES);
  let used = 0;
  let entries = 0;
  let deleted = 0;
  const add = (bytes: Buffer, start: number, end: number): void => {
    if (used + 4 > BATCH_BYTES) used = flush();
    used = batch.writeUInt32LE(end - start, used);
    if (used + end - start <= BATCH_BYTES) {
      used += bytes.copy(batch, used, start, end);
      return;
    }
    used = flush();
    if (end - start > BATCH_BYTES) hash.update(bytes.subarray(start, end));
    else used = bytes.copy(batch, 0, start, end);
  };
  const flush = (): number => {
    hash.update(batch.subarray(0, used));
    return 0;
  };
  const walker = content.walk();
  while (walker.next()) {
    const { entry } = walker;
    each(entry);
    if (entry.deleted) {
      deleted++;
      continue;
    }
    entries++;
    add(entry.keyBuffer, entry.keyStart, entry.keyEnd);
    add(entry.valueBuffer, entry.valueStart, entry.valueEnd);
  }
  flush();
  return { dbi: showDbiName(content.name), entries, deleted, sha256: hash.digest('hex') };
}
