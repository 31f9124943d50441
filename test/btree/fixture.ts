import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openView, PageFile, type Tree, TreeWalker, View } from '../../src/btree/index.ts';
import { DbiFlag, Environment, type EnvironmentOptions, type ReadTransaction } from '../../src/lmdb/index.ts';

/** One DBI of every kind that LMDB knows; the key is the DBI's name. */
export const KINDS = {
  plain: 0,
  reversekey: DbiFlag.reverseKey,
  integerkey: DbiFlag.integerKey,
  dup: DbiFlag.dupSort,
  dupfixed: DbiFlag.dupSort | DbiFlag.dupFixed,
  integerdup: DbiFlag.dupSort | DbiFlag.dupFixed | DbiFlag.integerDup,
  reversedup: DbiFlag.dupSort | DbiFlag.reverseDup,
  integerkeydup: DbiFlag.integerKey | DbiFlag.dupSort | DbiFlag.integerDup,
} as const;
export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** Smallest that a page file takes, so that small files have several windows. */
export const TINY_WINDOW = 64 * 1024;

/** A key or value and its place; `[key, value]` in latin1, one character a byte. */
export type Pair = readonly [key: string, value: string];

/** Everything a cursor of liblmdb yields: what all of btree/ is measured against. */
export function cursorScan(transaction: ReadTransaction, name: string): Pair[] {
  const pairs: Pair[] = [];
  const dbi = transaction.openDbi(name);
  if (dbi === undefined) return pairs;
  const cursor = transaction.cursor(dbi);
  while (cursor.next()) {
    pairs.push([
      cursor.keyBuffer.toString('latin1', cursor.keyStart, cursor.keyEnd),
      cursor.valueBuffer.toString('latin1', cursor.valueStart, cursor.valueEnd),
    ]);
  }
  cursor.close();
  return pairs;
}

/** Everything a walk over the pages yields. */
export function walkAll(tree: Tree | undefined): Pair[] {
  const pairs: Pair[] = [];
  if (!tree) return pairs;
  const walker = new TreeWalker(tree);
  while (walker.next()) pairs.push(pairAt(walker));
  return pairs;
}

export function pairAt(walker: TreeWalker): Pair {
  return [
    walker.keyBuffer.toString('latin1', walker.keyStart, walker.keyEnd),
    walker.valueBuffer.toString('latin1', walker.valueStart, walker.valueEnd),
  ];
}

/** An LMDB in a temporary folder, seen through liblmdb and through its pages. */
export interface Database {
  readonly folder: string;
  readonly environment: Environment;
  readonly file: PageFile;
  /** A held read transaction and its view; ended with the test. */
  hold(): { transaction: ReadTransaction; view: View };
}

export function openDatabase(options: EnvironmentOptions & { windowBytes?: number; folder?: string } = {}): Database {
  const { windowBytes = TINY_WINDOW, folder = mkdtempSync(join(tmpdir(), 'lmdbstream-btree-')), ...rest } = options;
  const environment = Environment.open(folder, { create: true, mapSizeBytes: 256 * 2 ** 20, noSync: true, ...rest });
  const file = new PageFile(environment.fd, { windowBytes });
  onTestFinished(() => {
    file.close();
    environment.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, environment, file, hold: () => holdView(environment, file) };
}

/** Begins read transactions until one is not overtaken by a commit. */
export function holdView(environment: Environment, file: PageFile): { transaction: ReadTransaction; view: View } {
  for (;;) {
    const transaction = environment.beginRead();
    const view = openView(file, transaction.id);
    if (view instanceof View) return { transaction, view };
    transaction.abort();
  }
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** Numbers from here on make keys of 500 bytes, where the kind allows it: eight to a page, so trees grow deep. */
export const LONG_KEYS = 2000;

/** A key of a kind, for a number: of different lengths where the kind allows it, some near LMDB's limit of 511 bytes. */
export function keyFor(kind: Kind, id: number): Buffer {
  if (KINDS[kind] & DbiFlag.integerKey) return kind === 'integerkey' ? u64(id * 0x1_0001) : u32(id * 0x101);
  if (id >= LONG_KEYS)
    return Buffer.from(String((id * 7919) % 10_000).padStart(500, kind === 'reversekey' ? '_' : '0'));
  const filler = '.'.repeat(id % 5 === 0 ? (id * 37) % 480 : id % 23);
  return Buffer.from(kind === 'reversekey' ? `${filler}${id}` : `key ${id} ${filler}`);
}

/** A value of a kind, for a number; `sizeBytes` where the kind allows it. */
export function valueFor(kind: Kind, id: number, sizeBytes: number): Buffer {
  const flags = KINDS[kind];
  if (flags & DbiFlag.integerDup) return kind === 'integerdup' ? u64(id * 0x1_0000_0003) : u32(id * 0x1_0003);
  if (flags & DbiFlag.dupFixed) return Buffer.from(String(id).padStart(12, '0'));
  const size = flags & DbiFlag.dupSort ? Math.max(1, sizeBytes % 500) : sizeBytes;
  return Buffer.from(`${id}:`.repeat(Math.ceil(size / (String(id).length + 1))).slice(0, size));
}
