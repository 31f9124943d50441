import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diffDbis, diffTrees, PageFile, type Tree, TreeReader, type View } from '../../../src/btree/index.ts';
import { DbiFlag, Environment, type ReadTransaction } from '../../../src/lmdb/index.ts';
import { cursorScan, holdView, type Kind, type Pair, walkAll } from '../../btree/fixture.ts';
import type { Application, ApplicationWrite } from '../application/application.ts';
import { type History, writesOf } from './btree-history.ts';

export interface RunOptions {
  readonly writeMap: boolean;
  readonly sync: boolean;
  readonly windowBytes: number;
}

/** What the histories reached; a generator that never leaves the first page would prove nothing. */
export interface Seen {
  candidates: number;
  pairs: number;
  removed: number;
  flagChanges: number;
  reverseDup: number;
  deepest: number;
  overflow: number;
  subTrees: number;
}

/** One side: what a reader sees through cursors, and through pages. */
interface Snapshot {
  readonly transaction: ReadTransaction;
  readonly view: View;
  readonly scans: ReadonlyMap<string, readonly Pair[]>;
}

const INITIAL_MAP_BYTES = 16 * 2 ** 20;

/** An LMDB that the application writes, read here through liblmdb and through btree/. */
export class TrackedDatabase {
  readonly #application: Application;
  readonly #environment: Environment;
  readonly #file: PageFile;
  readonly #folder: string;
  readonly #seen: Seen;
  /** Which kind of DBI each name holds now; undefined: there is none. */
  #kinds = new Map<string, Kind>();
  #mapBytes = INITIAL_MAP_BYTES;
  #base: Snapshot;

  private constructor(application: Application, folder: string, windowBytes: number, seen: Seen) {
    this.#application = application;
    this.#folder = folder;
    this.#seen = seen;
    this.#environment = Environment.open(folder, { noSync: true, maxDbs: 32 });
    this.#file = new PageFile(this.#environment.fd, { windowBytes });
    this.#base = this.#snapshot();
  }

  static async open(application: Application, options: RunOptions, seen: Seen): Promise<TrackedDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-history-'));
    const { writeMap, sync, windowBytes } = options;
    await application.open(folder, { writeMap, sync, mapSizeBytes: INITIAL_MAP_BYTES, maxDbs: 32 });
    return new TrackedDatabase(application, folder, windowBytes, seen);
  }

  async close(): Promise<void> {
    this.#file.close();
    this.#environment.close();
    await this.#application.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Lets the application do what the history says. */
  async apply(history: History): Promise<void> {
    if (history.growMap && this.#mapBytes < 2 ** 28) {
      this.#mapBytes += 2 ** 22;
      await this.#application.resize(this.#mapBytes);
    }
    for (const { operations, abort } of history.transactions) {
      const kinds = new Map(this.#kinds);
      const writes = operations.flatMap((operation) => writesOf(operation, kinds));
      if (writes.length === 0) continue;
      if (abort) {
        await this.#application.begin();
        await this.#application.batch(...writes);
        await this.#application.abort();
        continue;
      }
      await this.#write(writes);
      this.#kinds = kinds;
    }
  }

  /** One transaction of the application; cut in two where a REVERSEDUP DBI is made, which its binding cannot. */
  async #write(writes: readonly ApplicationWrite[]): Promise<void> {
    let batch: ApplicationWrite[] = [];
    for (const write of writes) {
      const flags = 'flags' in write && write.flags !== undefined ? write.flags : 0;
      if (write.op === 'create' && flags & DbiFlag.reverseDup) {
        if (batch.length > 0) await this.#application.batch(...batch);
        batch = [];
        this.#environment.write((transaction) => transaction.openOrCreateDbi(write.dbi, flags));
      } else batch.push(write);
    }
    if (batch.length > 0) await this.#application.batch(...batch);
  }

  /** Compares what btree/ says with what cursors say; throws at the first difference. */
  check(keepBase: boolean): void {
    const before = this.#base;
    const after = this.#snapshot();
    checkReader(after);
    checkDiff(before, after, this.#seen);
    for (const { name, tree } of after.view.dbis()) {
      this.#seen.deepest = Math.max(this.#seen.deepest, tree.depth);
      this.#seen.overflow += tree.overflowPages;
      if (tree.flags & DbiFlag.reverseDup) this.#seen.reverseDup++;
      if (tree.isDupSort) this.#seen.subTrees += largeKeys(after.scans.get(name)!);
    }
    if (!before.view.isIntact() || !after.view.isIntact()) throw new Error('a held view lost its pages');
    if (keepBase) {
      after.transaction.abort();
      return;
    }
    before.transaction.abort();
    this.#base = after;
  }

  #snapshot(): Snapshot {
    const { transaction, view } = holdView(this.#environment, this.#file);
    const scans = new Map<string, readonly Pair[]>();
    const listed = view.dbis();
    // A reader of its own for the cursors: the held ones never open DBIs. Nobody writes meanwhile, so it sees the same.
    this.#environment.read((cursors) => {
      same('transaction', cursors.id, transaction.id);
      for (const name of cursors.dbiNames()) scans.set(name, cursorScan(cursors, name));
      for (const { name, tree } of listed) {
        const flags = cursors.dbiFlags(cursors.openDbi(name)!);
        same(`${name}: flags and entries`, [tree.flags, tree.entries], [flags, scans.get(name)?.length]);
      }
    });
    const names = listed.map(({ name }) => name);
    same('names of DBIs', names, [...scans.keys()]);
    for (const { name, tree } of listed) same(`${name}: walk`, walkAll(tree), scans.get(name));
    return { transaction, view, scans };
  }
}

/** Keys with so many bytes of duplicates that LMDB keeps them in a sub-database. */
function largeKeys(pairs: readonly Pair[]): number {
  const sizes = new Map<string, number>();
  for (const [key, value] of pairs) sizes.set(key, (sizes.get(key) ?? 0) + value.length);
  return [...sizes.values()].filter((size) => size > 4096).length;
}

/** Every key and pair is found, and those next to them are not. */
function checkReader({ view, scans }: Snapshot): void {
  for (const [name, pairs] of scans) {
    const tree = view.dbi(name)!;
    const reader = new TreeReader(tree);
    let last: string | undefined;
    for (const [key, value] of pairs) {
      const k = Buffer.from(key, 'latin1');
      const v = Buffer.from(value, 'latin1');
      if (tree.isDupSort && !reader.getPair(k, 0, k.length, v, 0, v.length)) {
        throw new Error(`${name}: a pair of ${key} is not found`);
      }
      if (key !== last) {
        if (!reader.get(k)) throw new Error(`${name}: key ${key} is not found`);
        same(
          `${name}: value of ${key}`,
          reader.valueBuffer.toString('latin1', reader.valueStart, reader.valueEnd),
          value,
        );
      }
      last = key;
    }
    const absent = Buffer.from('absent!!');
    if (reader.get(absent)) throw new Error(`${name}: found what is not there`);
  }
}

/** The old scan with the diff applied is the new scan, and the diff says nothing that was so already. */
function checkDiff(before: Snapshot, after: Snapshot, seen: Seen): void {
  const changes = new Map(diffDbis(before.view, after.view).map((change) => [change.name, change]));
  for (const name of new Set([...before.scans.keys(), ...after.scans.keys()])) {
    const oldPairs = before.scans.get(name) ?? [];
    const newPairs = after.scans.get(name) ?? [];
    const change = changes.get(name);
    if (!change) {
      same(`${name}: not listed as changed`, oldPairs, newPairs);
      continue;
    }
    same(`${name}: present`, [!!change.oldTree, !!change.newTree], [before.scans.has(name), after.scans.has(name)]);
    if (change.flagsChanged) seen.flagChanges++;
    const state = new Set(oldPairs.map(joined));
    replay(name, change.oldTree, change.newTree, state, new Map(oldPairs), seen, !change.flagsChanged);
    same(`${name}: the diff applied`, [...state].sort(), newPairs.map(joined).sort());
  }
}

function replay(
  name: string,
  oldTree: Tree | undefined,
  newTree: Tree | undefined,
  state: Set<string>,
  values: Map<string, string>,
  seen: Seen,
  isExact: boolean,
): void {
  const text = (buffer: Buffer, start: number, end: number): string => buffer.toString('latin1', start, end);
  diffTrees(oldTree, newTree, {
    candidate(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd) {
      const key = text(keyBuffer, keyStart, keyEnd);
      const value = valueBuffer && text(valueBuffer, valueStart, valueEnd);
      const old = values.get(key);
      if (isExact && value === old) throw new Error(`${name}: ${key} is a candidate, but did not change`);
      seen.candidates++;
      if (old !== undefined) state.delete(joined([key, old]));
      if (value === undefined) {
        seen.removed++;
        values.delete(key);
      } else {
        values.set(key, value);
        state.add(joined([key, value]));
      }
    },
    pair(keyBuffer, keyStart, keyEnd, duplicateBuffer, start, end, present) {
      const pair = joined([text(keyBuffer, keyStart, keyEnd), text(duplicateBuffer, start, end)]);
      if (isExact && state.has(pair) === present) throw new Error(`${name}: ${pair} is given, but did not change`);
      seen.pairs++;
      if (present) state.add(pair);
      else {
        seen.removed++;
        state.delete(pair);
      }
    },
  });
}

const joined = ([key, value]: Pair): string => `${key.length} ${key}${value}`;

/** Cheaper than `expect` on thousands of pairs, and says where. */
function same(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${excerpt(a, b)}`);
}

function excerpt(actual: string, expected: string): string {
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  const from = Math.max(0, at - 40);
  return `differs at ${at}: ${actual.slice(from, at + 80)} instead of ${expected.slice(from, at + 80)}`;
}
