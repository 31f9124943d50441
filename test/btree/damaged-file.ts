import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  View,
} from '../../src/btree/index.ts';
import { KIND_NAMES, KINDS, keyFor, openDatabase, TINY_WINDOW, valueFor } from './fixture.ts';

export const PAGE = 4096;

/** How much is in the data file: `small` is read in a millisecond. */
export type FileSize = 'small' | 'large';

/** The bytes of a data file that has everything: DBIs of all kinds, deep trees, sub-pages, sub-databases, overflow pages. */
export function dataFile(size: FileSize = 'large'): Buffer {
  const [ids, duplicates] = size === 'small' ? [14, 60] : [120, 300];
  const { folder, environment } = openDatabase();
  for (const round of [0, 1]) {
    environment.write((transaction) => {
      for (const kind of KIND_NAMES) {
        const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
        for (let id = 0; id < ids!; id++) {
          transaction.put(dbi, keyFor(kind, id + round), valueFor(kind, id, id % 30 === 3 ? 9000 : id));
        }
        if (!kind.includes('dup')) continue;
        for (let id = 0; id < 9; id++) transaction.put(dbi, keyFor(kind, 3), valueFor(kind, id, id + 1));
        for (let id = 0; id < duplicates!; id++)
          transaction.put(dbi, keyFor(kind, 8), valueFor(kind, id, 60 + (id % 400)));
      }
    });
  }
  return readFileSync(join(folder, 'data.mdb'));
}

/** Reads all of a file in every way there is. @returns how many entries it saw */
export function readEverything(fd: number): number {
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

export function walk(tree: Tree): void {
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
