import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Environment, type WriteTransaction } from '../../src/lmdb/index.ts';
import { copyGoldenFile } from './objects/golden-files.ts';

const golden = resolve(import.meta.dirname, '..', 'golden', 'data');

/** A copy of files that a real PowerDNS wrote, to be changed at will. @returns the main file */
export function copyPdnsFiles(name: string, to: string): string {
  copyFolder(join(golden, name), to);
  for (const file of readdirSync(to)) chmodSync(join(to, file), 0o644);
  return join(to, 'pdns.lmdb');
}

/** A copy of the snapshots that the reference uploaded of them. */
export function copyPdnsObjects(name: string, to: string): void {
  copyFolder(join(golden, name, 'uploaded'), to);
}

export function writeLmdb<T>(path: string, body: (transaction: WriteTransaction) => T): T {
  const environment = Environment.open(path, { noSubdir: true });
  try {
    return environment.write(body);
  } finally {
    environment.close();
  }
}

/** Every entry of a DBI, in hex. */
export function entriesOf(path: string, dbiName: string): Map<string, Buffer> {
  const environment = Environment.open(path, { noSubdir: true, readOnly: true });
  try {
    return environment.read((transaction) => {
      const found = new Map<string, Buffer>();
      const dbi = transaction.openDbi(dbiName);
      if (dbi === undefined) return found;
      const cursor = transaction.cursor(dbi);
      while (cursor.next()) found.set(cursor.key().toString('hex'), cursor.value());
      return found;
    });
  } finally {
    environment.close();
  }
}

/**
 * The files after an upgrade from 4.7.3, with the shadows that a sync before it had made, and with one shard: a fleet with more cannot
 * move.
 */
export function upgradedPdnsFiles(upgraded: string, folder: string): string {
  const before = copyPdnsFiles('pdns-4.7.3/after', join(folder, 'before'));
  const main = copyPdnsFiles(`${upgraded}/after`, join(folder, 'pdns'));
  for (const suffix of ['', '-0']) copyShadows(before + suffix, main + suffix);
  setShards(main, 1);
  return main;
}

export function setShards(main: string, shards: number): void {
  writeLmdb(main, (transaction) => {
    const dbi = transaction.openDbi('pdns')!;
    const key = Buffer.from('shards');
    const value = Buffer.from(transaction.get(dbi, key)!);
    if (value.length === 4) value.writeUInt32LE(shards);
    else value.writeUInt32BE(shards, value.length - 4);
    transaction.put(dbi, key, value);
  });
}

function copyShadows(from: string, to: string): void {
  if (!existsSync(from)) throw new Error(`no ${from}`);
  const source = Environment.open(from, { noSubdir: true, readOnly: true });
  try {
    const reader = source.beginRead();
    writeLmdb(to, (transaction) => {
      for (const name of reader.dbiNames().filter((dbi) => dbi.startsWith('_sync_shadow_'))) {
        const old = reader.openDbi(name)!;
        const dbi = transaction.openOrCreateDbi(name, reader.dbiFlags(old));
        const cursor = reader.cursor(old);
        while (cursor.next()) transaction.put(dbi, cursor.key(), cursor.value());
      }
    });
  } finally {
    source.close();
  }
}

/** Writable, also from a checkout that is read-only. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) copyFolder(source, target);
    else copyGoldenFile(source, target);
  }
}
