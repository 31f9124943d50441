import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase, TINY_WINDOW, walkAll } from './fixture.ts';

const GIB = 2 ** 30;

/** How many windows of the page file are mapped; LMDB's own mapping is the large one. */
function windowsOf(path: string): number {
  const sizes = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path))
    .map((line) =>
      line
        .split(' ')[0]!
        .split('-')
        .map((address) => Number.parseInt(address, 16)),
    )
    .map(([from, to]) => to! - from!);
  return sizes.filter((sizeBytes) => sizeBytes < GIB).reduce((sum, sizeBytes) => sum + sizeBytes, 0) / TINY_WINDOW;
}

it('of a file that is as large as its map, under MDB_WRITEMAP, only what is in use is mapped; it grows with that', () => {
  const { folder, environment, hold } = openDatabase({ writeMap: true, mapSizeBytes: 1024 * GIB });
  const path = join(folder, 'data.mdb');
  expect(statSync(path).size).toBe(1024 * GIB);
  const write = (from: number, to: number): void =>
    environment.write((transaction) => {
      const dbi = transaction.openOrCreateDbi('data', 0);
      for (let id = from; id < to; id++) transaction.put(dbi, Buffer.from(`key ${id}`), Buffer.alloc(3000, id));
    });
  write(0, 4);
  expect(walkAll(hold().view.dbi('data'))).toHaveLength(4);
  expect(windowsOf(path)).toBeLessThanOrEqual(2);
  write(4, 1000);
  const { view } = hold();
  const pairs = walkAll(view.dbi('data'));
  expect(pairs).toHaveLength(1000);
  for (const [key, value] of pairs) expect(value.charCodeAt(2999)).toBe(Number(key.slice(4)) % 256);
  const usedBytes = (environment.info().lastPageNumber + 1) * environment.pageSizeBytes;
  expect(windowsOf(path)).toBe(Math.ceil(usedBytes / TINY_WINDOW));
});
