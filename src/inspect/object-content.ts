import { compareKeys } from '../btree/index.ts';
import { DbiFlag } from '../lmdb/index.ts';
import { Entry } from '../merge/index.ts';
import { type EntryRef, isDeletedEntry, type OpenObject, type ReadOptions, readSnapshot } from '../snapshot/index.ts';
import type { Content, Walker } from './content.ts';

/** One entry, bytes of its own. */
interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly hi: number;
  readonly lo: number;
  readonly deleted: boolean;
}

/**
 * Reads an object whole into memory, in the order of its keys. Of a key that comes twice, which only a foreign writer does, the last one
 * counts.
 * @throws CorruptSnapshotError, RefusedSnapshotError, and what `open` throws
 */
export async function readContents(open: OpenObject, options: ReadOptions): Promise<Content[]> {
  const dbis = new Map<string, { flags: number; rows: Map<string, Row> }>();
  let rows = new Map<string, Row>();
  let formatVersion = 0;
  await readSnapshot(
    open,
    {
      header: (header) => {
        formatVersion = header.formatVersion;
      },
      dbi: ({ name, flags }) => {
        // Keys of a DUPSORT DBI have the transform's form in an object: each is one entry, in the order of bytes.
        const dbi = dbis.get(name) ?? { flags, rows: new Map<string, Row>() };
        dbis.set(name, dbi);
        rows = dbi.rows;
      },
      entry: (ref) => {
        const row = rowOf(ref, formatVersion);
        rows.set(row.key.toString('latin1'), row);
      },
      restart: () => dbis.clear(),
    },
    options,
  );
  return [...dbis].map(([name, { flags, rows: found }]) => contentOf(name, flags, [...found.values()]));
}

function contentOf(name: string, flags: number, rows: Row[]): Content {
  const keyFlags = flags & DbiFlag.dupSort ? 0 : flags;
  const order = compareKeys(keyFlags);
  rows.sort((a, b) => order(a.key, 0, a.key.length, b.key, 0, b.key.length));
  const walk = (): Walker => new RowWalker(rows);
  return { name, flags: keyFlags, hasTimes: true, isPairs: false, entries: rows.length, walk };
}

function rowOf(ref: EntryRef, formatVersion: number): Row {
  const { buffer, keyStart, keyEnd, valueStart, valueEnd } = ref;
  const deleted = isDeletedEntry(formatVersion, ref.flags, valueEnd - valueStart);
  return {
    key: Buffer.from(buffer.subarray(keyStart, keyEnd)),
    value: deleted ? Buffer.alloc(0) : Buffer.from(buffer.subarray(valueStart, valueEnd)),
    hi: ref.timestampHi,
    lo: ref.timestampLo,
    deleted,
  };
}

class RowWalker implements Walker {
  readonly entry = new Entry();
  readonly #rows: readonly Row[];
  #next = 0;

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  next(): boolean {
    const row = this.#rows[this.#next++];
    if (row === undefined) return false;
    this.entry.setKey(row.key, 0, row.key.length);
    this.entry.setTime(row.hi, row.lo);
    if (row.deleted) this.entry.setDeleted();
    else this.entry.setValue(row.value, 0, row.value.length);
    return true;
  }
}
