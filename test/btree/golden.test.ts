import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PageFile } from '../../src/btree/index.ts';
import { Environment } from '../../src/lmdb/index.ts';
import { copyGoldenFile } from '../support/objects/golden-files.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { cursorScan, holdView, TINY_WINDOW, walkAll } from './fixture.ts';

const golden = resolve(import.meta.dirname, '../golden/data/pdns-4.7.3');

describe('LMDB files of a real PowerDNS 4.7.3', () => {
  it.each(
    ['before', 'after'].flatMap((when) =>
      ['pdns.lmdb', 'pdns.lmdb-0', 'pdns.lmdb-1'].map((name) => [when, name] as const),
    ),
  )('%s/%s: a walk yields what cursors yield', (when, name) => {
    const path = join(temporaryFolder(), name);
    mkdirSync(join(path, '..'), { recursive: true });
    copyGoldenFile(join(golden, when, name), path);
    const environment = Environment.open(path, { noSubdir: true });
    const file = new PageFile(environment.fd, { windowBytes: TINY_WINDOW });
    const { transaction, view } = holdView(environment, file);
    const names = view.dbis().map((dbi) => dbi.name);
    expect(names).toEqual(transaction.dbiNames());
    expect(names.length).toBeGreaterThan(0);
    expect(view.root().plainKey).toBeUndefined();
    let entries = 0;
    for (const dbi of names) {
      const expected = cursorScan(transaction, dbi);
      expect(walkAll(view.dbi(dbi))).toEqual(expected);
      entries += expected.length;
    }
    expect(entries).toBeGreaterThan(0);
    file.close();
    environment.close();
  });
});
