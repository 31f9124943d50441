import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  CorruptPageError,
  diffTrees,
  lastTxnId,
  openView,
  PageFile,
  type Tree,
  type View,
} from '../../src/btree/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { PAGE, walk } from './damaged-file.ts';
import { openDatabase } from './fixture.ts';

describe('a damaged data file (I7)', () => {
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
