import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  CorruptPageError,
  CustomOrderError,
  diffDbis,
  diffTrees,
  lastTxnId,
  openView,
  PageFile,
  type Tree,
  TreeReader,
  TreeWalker,
  UnknownFormatError,
  View,
} from '../../src/btree/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { KIND_NAMES, KINDS, keyFor, openDatabase, TINY_WINDOW, valueFor } from './fixture.ts';

const PAGE = 4096;

/** The bytes of a data file that has everything: DBIs of all kinds, deep trees, sub-pages, sub-databases, overflow pages. */
function dataFile(): Buffer {
  const { folder, environment } = openDatabase();
  for (const round of [0, 1]) {
    environment.write((transaction) => {
      for (const kind of KIND_NAMES) {
        const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
        for (let id = 0; id < 120; id++) {
          transaction.put(dbi, keyFor(kind, id + round), valueFor(kind, id, id % 30 === 3 ? 9000 : id));
        }
        if (!kind.includes('dup')) continue;
        for (let id = 0; id < 9; id++) transaction.put(dbi, keyFor(kind, 3), valueFor(kind, id, id + 1));
        for (let id = 0; id < 300; id++) transaction.put(dbi, keyFor(kind, 8), valueFor(kind, id, 60 + (id % 400)));
      }
    });
  }
  return readFileSync(join(folder, 'data.mdb'));
}

/** A small generator of its own (mulberry32), so that a seed says everything. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Damages that hit what matters: any byte, a header, an entry table, one page over another, the end cut off. */
function damage(data: Buffer, next: (below: number) => number): Buffer {
  let bytes = Buffer.from(data);
  const interesting = [0, 1, 0xffff, 0x8000, 15, 16, 17, PAGE - 1, PAGE, 0x22, 0x42, 0x62];
  for (let times = 1 + next(12); times > 0; times--) {
    const pages = bytes.length / PAGE;
    const page = next(pages);
    const way = next(6);
    if (way === 0) bytes[next(bytes.length)] = next(256);
    else if (way === 1) bytes[page * PAGE + next(20)] = next(256);
    else if (way === 2) bytes.writeUInt16LE(next(0x1_0000), page * PAGE + 16 + 2 * next(60));
    else if (way === 3) bytes.writeUInt16LE(interesting[next(interesting.length)]!, page * PAGE + 2 * next(PAGE / 2));
    else if (way === 4) {
      const source = next(pages);
      bytes.copy(bytes, page * PAGE + 8, source * PAGE + 8, (source + 1) * PAGE);
    } else if (next(8) === 0) bytes = bytes.subarray(0, Math.max(2, next(pages)) * PAGE);
  }
  return bytes;
}

/** Reads all of a file in every way there is. @returns how many entries it saw */
function readEverything(fd: number): number {
  let seen = 0;
  const file = new PageFile(fd, { windowBytes: TINY_WINDOW });
  try {
    const view = openView(file, lastTxnId(file));
    if (!(view instanceof View)) return seen;
    const sink = {
      candidate: () => {
        seen++;
      },
      pair: () => {
        seen++;
      },
    };
    diffDbis(undefined, view);
    const trees = view.dbis().map(({ tree }) => tree);
    const guarded = (read: () => void): void => {
      try {
        read();
      } catch (error) {
        if (!(error instanceof CorruptPageError || error instanceof CustomOrderError)) throw error;
      }
    };
    for (const [i, tree] of trees.entries()) {
      guarded(() => walk(tree));
      guarded(() => lookUp(tree));
      guarded(() => diffTrees(undefined, tree, sink));
      guarded(() => diffTrees(trees[(i + 1) % trees.length], tree, sink));
    }
  } finally {
    file.close();
  }
  return seen;
}

function walk(tree: Tree): void {
  const walker = new TreeWalker(tree);
  while (walker.next()) {
    // Touches the ends of what it was given: a range outside of the mapping would crash here.
    if (walker.keyEnd > walker.keyBuffer.length || walker.valueEnd > walker.valueBuffer.length)
      throw new Error('range');
    walker.keyBuffer.subarray(walker.keyStart, walker.keyEnd).at(-1);
    walker.valueBuffer.subarray(walker.valueStart, walker.valueEnd).at(-1);
  }
}

const PROBES = KIND_NAMES.flatMap((kind) =>
  [0, 3, 8, 9, 40, 41, 119, 200].map((id) => ({ key: keyFor(kind, id), value: valueFor(kind, id, id) })),
);

function lookUp(tree: Tree): void {
  const reader = new TreeReader(tree);
  for (const { key, value } of PROBES) {
    reader.get(key);
    if (tree.isDupSort) reader.getPair(key, 0, key.length, value, 0, value.length);
  }
}

describe('a damaged data file (I7)', () => {
  it('at worst is refused: 500 random damages', () => {
    const data = dataFile();
    const folder = temporaryFolder();
    const path = join(folder, 'damaged.mdb');
    let refused = 0;
    let seen = 0;
    for (let seed = 1; seed <= 500; seed++) {
      writeFileSync(path, damage(data, random(seed)));
      const fd = openSync(path, 'r');
      try {
        seen += readEverything(fd);
      } catch (error) {
        const isRefusal = [CorruptPageError, CustomOrderError, UnknownFormatError].some(
          (kind) => error instanceof kind,
        );
        if (!isRefusal) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
        refused++;
      } finally {
        closeSync(fd);
      }
    }
    expect(refused).toBeGreaterThan(20);
    expect(refused).toBeLessThan(350);
    expect(seen).toBeGreaterThan(100_000);
  });

  it('does not follow a branch that points at itself', () => {
    const { folder, environment, hold } = openDatabase();
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('a', 0);
      for (let id = 0; id < 2000; id++)
        transaction.put(dbi, Buffer.from(String(id).padStart(400, '0')), Buffer.alloc(9));
    });
    const { root, depth } = hold().view.dbi('a')!;
    expect(depth).toBeGreaterThanOrEqual(3);
    const data = readFileSync(join(folder, 'data.mdb'));
    const entries = (data.readUInt16LE(root * PAGE + 12) - 16) / 2;
    const child = (index: number): number => root * PAGE + data.readUInt16LE(root * PAGE + 16 + 2 * index);
    const damaged = (change: (bytes: Buffer) => void): Tree => {
      const bytes = Buffer.from(data);
      change(bytes);
      const path = join(temporaryFolder(), 'damaged.mdb');
      writeFileSync(path, bytes);
      const fd = openSync(path, 'r');
      onTestFinished(() => closeSync(fd));
      const file = new PageFile(fd);
      onTestFinished(() => file.close());
      return (openView(file, lastTxnId(file)) as View).dbi('a')!;
    };
    const toItself = damaged((bytes) => bytes.writeUInt32LE(root, child(1)));
    expect(() => walk(toItself)).toThrow(CorruptPageError);
    // Every child the same: no cycle, but the more leaves the deeper the tree is.
    const toOne = damaged((bytes) => {
      for (let index = 0; index < entries; index++) bytes.writeUInt32LE(data.readUInt32LE(child(0)), child(index));
    });
    const sink = { candidate: () => {}, pair: () => {} };
    expect(() => diffTrees(undefined, toOne, sink)).toThrow(/not in LMDB's order|more than/);
    const beyond = damaged((bytes) => bytes.writeUInt16LE(1, child(0) + 4));
    expect(() => walk(beyond)).toThrow(/past the end/);
    const outside = damaged((bytes) => bytes.writeUInt32LE(data.length / PAGE, child(0)));
    expect(() => walk(outside)).toThrow(CorruptPageError);
  });
});
