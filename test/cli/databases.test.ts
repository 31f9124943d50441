import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DbiFlag, Environment } from '../../src/lmdb/index.ts';
import { Workplace } from './harness.ts';

/** 2024-02-29 00:00:00 UTC in nanoseconds, then sixteen more bytes: the header of a shadow entry. */
const HEADER = Buffer.alloc(24);
HEADER.writeBigInt64BE(BigInt(Date.UTC(2024, 1, 29)) * 1_000_000n);

function dbiNames(path: string): string[] {
  const environment = Environment.open(path);
  try {
    return environment.read((transaction) => transaction.dbiNames());
  } finally {
    environment.close();
  }
}

let place: Workplace;
beforeEach(() => {
  place = new Workplace(['second', 'first']);
  place.fill('first', (transaction) => {
    const data = transaction.openOrCreateDbi('data', 0);
    transaction.put(data, Buffer.from('a key'), Buffer.from('the value of a key'));
    transaction.put(data, Buffer.from([0, 1]), Buffer.alloc(0));
    const shadow = transaction.openOrCreateDbi('_sync_shadow_data', 0);
    transaction.put(shadow, Buffer.from('a key'), Buffer.concat([HEADER, Buffer.from('v')]));
    transaction.openOrCreateDbi('_sync_other', 0);
  });
  place.fill('second', (transaction) => {
    const pairs = transaction.openOrCreateDbi('pairs', DbiFlag.dupSort);
    transaction.put(pairs, Buffer.from('same key!'), Buffer.from('first value'));
    transaction.put(pairs, Buffer.from('same key!'), Buffer.from('other value'));
  });
});
afterEach(() => place.remove());

const HEADER_TEXT = HEADER.toString('latin1').replace(/[^ -~]/g, '.');
const SHADOW =
  '\n### first :: _sync_other\n\n\n### first :: _sync_shadow_data\n\n' +
  `a key [61 20 6b 65 79]  =  ${HEADER_TEXT}v [${HEADER.toString('hex').replace(/../g, '$& ')}76] (2024-02-29T00:00:00Z)\n`;
const DATA = '\n### first :: data\n\n.. [00 01]  =   []\na key [61 20 6b 65 79]  =  the value of a key\n';
const PAIRS = '\n### second :: pairs\n\nsame key!  =  first value\nsame key!  =  other value\n';

describe('dump', () => {
  it('prints every DBI of every database, in order (CLI-07)', async () => {
    expect(await place.run(['dump'])).toMatchObject({ code: 0, stdout: SHADOW + DATA + PAIRS, stderr: '' });
  });

  it('hides private DBIs, and takes one database', async () => {
    expect((await place.run(['dump', '-H'])).stdout).toBe(DATA + PAIRS);
    expect((await place.run(['dump', '-Hn', 'second', 'surplus'])).stdout).toBe(PAIRS);
  });

  it('fails for a database that is not configured', async () => {
    const outcome = await place.run(['dump', '-n', 'third']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toBe('Error: no database "third" is configured\nHint: configured: first, second\n');
  });
});

describe('stats', () => {
  it('prints the figures of LMDB (CLI-08)', async () => {
    const { code, stdout, stderr } = await place.run(['stats']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(
        /^first: Env info: \{MapSize:10485760 LastPNO:\d+ LastTxnID:1 MaxReaders:126 NumReaders:\d+\}$/,
      ),
      'first: dbi _sync_other: {PSize:4096 Depth:0 BranchPages:0 LeafPages:0 OverflowPages:0 Entries:0} (0 B)',
      'first: dbi _sync_shadow_data: {PSize:4096 Depth:1 BranchPages:0 LeafPages:1 OverflowPages:0 Entries:1} (4.0 KB)',
      'first: dbi data: {PSize:4096 Depth:1 BranchPages:0 LeafPages:1 OverflowPages:0 Entries:2} (4.0 KB)',
      'first: Total Used: 8.0 KB / 10.0 MB (~ 0.1 %)',
      expect.stringMatching(/^second: Env info: /),
      'second: dbi pairs: {PSize:4096 Depth:1 BranchPages:0 LeafPages:1 OverflowPages:0 Entries:2} (4.0 KB)',
      'second: Total Used: 4.0 KB / 10.0 MB (~ 0.0 %)',
      '',
    ]);
  });
});

describe('drop-shadow', () => {
  it('drops what starts with _sync, says so, and nothing else', async () => {
    expect(await place.run(['drop-shadow'])).toMatchObject({
      code: 0,
      stdout: 'first: dropped _sync_other (0 entries)\nfirst: dropped _sync_shadow_data (1 entries)\n',
      stderr: '',
    });
    expect(dbiNames(place.lmdbPath('first'))).toEqual(['data']);
    expect((await place.run(['dump', '-n', 'first'])).stdout).toBe(DATA);
    expect(await place.run(['drop-shadow'])).toMatchObject({ code: 0, stdout: '' });
  });

  it('writes nothing where there is nothing to drop', async () => {
    const lastTxnId = async (): Promise<string> =>
      /second: .* (LastTxnID:\d+)/.exec((await place.run(['stats'])).stdout)![1]!;
    const before = await lastTxnId();
    await place.run(['drop-shadow']);
    expect(await lastTxnId()).toBe(before);
  });
});

describe('a database that cannot be opened', () => {
  it.each(['dump', 'stats', 'drop-shadow'])('does not keep %s from the others, but fails it', async (command) => {
    const broken = new Workplace(['broken', 'main', 'missing']);
    try {
      broken.fill('main', (transaction) => void transaction.openOrCreateDbi('_sync_shadow_data', 0));
      broken.fill('broken', () => {});
      broken.file('broken/data.mdb', Buffer.alloc(8192, 'no LMDB'));
      const outcome = await broken.run([command]);
      expect(outcome.code).toBe(1);
      expect(outcome.stdout).toContain('_sync_shadow_data');
      expect(outcome.stderr).toMatch(/^Error: broken: .*\nHint: .*\nError: missing: .*\nHint: .*\n$/);
    } finally {
      broken.remove();
    }
  });

  it.each(['dump', 'stats', 'drop-shadow'])('is not made by %s, not even with create', async (command) => {
    const empty = new Workplace();
    const path = join(empty.folder, 'mistyped', 'folder');
    const config = empty.file(
      'create.yaml',
      `lmdbs: { main: { path: ${path}, options: { create: true } } }\nstorage: { type: memory }\n`,
    );
    try {
      const outcome = await empty.run([command, '-c', config]);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toMatch(/^Error: main: .*No such file or directory\nHint: .*check the path/);
      expect(existsSync(dirname(path))).toBe(false);
    } finally {
      empty.remove();
    }
  });

  it.each(['dump', 'stats'])('is not filled by %s when its file is empty', async (command) => {
    const empty = new Workplace();
    mkdirSync(empty.lmdbPath('main'));
    const file = empty.file('main/data.mdb', '');
    try {
      expect(await empty.run([command])).toMatchObject({ code: 1, stdout: '' });
      expect(statSync(file).size).toBe(0);
    } finally {
      empty.remove();
    }
  });
});
