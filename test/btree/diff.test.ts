import { describe, expect, it } from 'vitest';
import { type DiffSink, diffDbis, diffTrees, type Tree } from '../../src/btree/index.ts';
import { DbiFlag, type WriteTransaction } from '../../src/lmdb/index.ts';
import { Application } from '../support/application/application.ts';
import { KINDS, keyFor, openDatabase, u32, u64, valueFor, walkAll } from './fixture.ts';

const text = (value: string): Buffer => Buffer.from(value);

/** What a diff says, in its order: `key=value`, `key gone`, `key+duplicate`, `key-duplicate`. */
function diffOf(oldTree: Tree | undefined, newTree: Tree | undefined): string[] {
  const said: string[] = [];
  const sink: DiffSink = {
    candidate(keyBuffer, keyStart, keyEnd, valueBuffer, valueStart, valueEnd) {
      const key = keyBuffer.toString('latin1', keyStart, keyEnd);
      said.push(valueBuffer ? `${key}=${valueBuffer.toString('latin1', valueStart, valueEnd)}` : `${key} gone`);
    },
    pair(keyBuffer, keyStart, keyEnd, buffer, start, end, present) {
      said.push(
        `${keyBuffer.toString('latin1', keyStart, keyEnd)}${present ? '+' : '-'}${buffer.toString('latin1', start, end)}`,
      );
    },
  };
  diffTrees(oldTree, newTree, sink);
  return said;
}

/** The diff of one DBI over one transaction that comes after another. */
function diffOver(
  name: string,
  flags: number,
  first: (put: (key: Buffer, value: Buffer) => void) => void,
  then: (transaction: WriteTransaction, dbi: ReturnType<WriteTransaction['openOrCreateDbi']>) => void,
): { said: string[]; leafPages: number } {
  const { environment, hold } = openDatabase();
  environment.write((transaction) => {
    const dbi = transaction.openOrCreateDbi(name, flags);
    first((key, value) => transaction.put(dbi, key, value));
  });
  const before = hold();
  environment.write((transaction) => then(transaction, transaction.openOrCreateDbi(name, flags)));
  const after = hold();
  const said = diffOf(before.view.dbi(name), after.view.dbi(name));
  // Nothing differs from itself, and the other way round everything comes back.
  expect(diffOf(after.view.dbi(name), after.view.dbi(name))).toEqual([]);
  expect(diffOf(after.view.dbi(name), before.view.dbi(name))).toHaveLength(said.length);
  return { said, leafPages: after.view.dbi(name)?.leafPages ?? 0 };
}

describe('diffTrees', () => {
  const many = (put: (key: Buffer, value: Buffer) => void): void => {
    for (let id = 0; id < 5000; id++) put(text(`key ${String(id).padStart(6, '0')}`), text(`value ${id}`));
  };

  it('finds one change, one addition, one removal among many', () => {
    const { said, leafPages } = diffOver('a', 0, many, (transaction, dbi) => {
      transaction.put(dbi, text('key 003000'), text('changed'));
      transaction.put(dbi, text('key 001234 and a half'), text(''));
      transaction.delete(dbi, text('key 004999'));
    });
    expect(said).toEqual(['key 001234 and a half=', 'key 003000=changed', 'key 004999 gone']);
    expect(leafPages).toBeGreaterThan(20);
  });

  it('says nothing of a value that was written again', () => {
    const { said } = diffOver(
      'a',
      0,
      (put) => {
        many(put);
        put(text('large'), Buffer.alloc(100_000, 'x'));
        put(text('large too'), Buffer.alloc(100_000, 'y'));
      },
      (transaction, dbi) => {
        transaction.put(dbi, text('key 003000'), text('value 3000'));
        transaction.put(dbi, text('large'), Buffer.alloc(100_000, 'x'));
        transaction.put(dbi, text('large too'), Buffer.concat([Buffer.alloc(99_999, 'y'), text('z')]));
      },
    );
    expect(said.map((line) => [line.length, line.slice(0, 12), line.slice(-3)])).toEqual([
      [100_010, 'large too=yy', 'yyz'],
    ]);
  });

  it('tells a value that moved between its node and overflow pages', () => {
    const { said } = diffOver(
      'a',
      0,
      (put) => {
        put(text('grows'), text('small'));
        put(text('shrinks'), Buffer.alloc(5000, 'x'));
      },
      (transaction, dbi) => {
        transaction.put(dbi, text('grows'), Buffer.alloc(5000, 'y'));
        transaction.put(dbi, text('shrinks'), text('small'));
      },
    );
    expect(said).toEqual([`grows=${'y'.repeat(5000)}`, 'shrinks=small']);
  });

  it('compares trees of different depths', () => {
    const names = Array.from({ length: 700 }, (_, id) => String(id).padStart(400, '0'));
    const { said } = diffOver(
      'a',
      0,
      (put) => put(text(names[350]!), text('the same')),
      (transaction, dbi) => {
        for (const name of names) transaction.put(dbi, text(name), text('the same'));
      },
    );
    expect(said).toEqual(names.filter((_, id) => id !== 350).map((name) => `${name}=the same`));
  });

  it('follows duplicates from a value to a sub-page to a sub-database', () => {
    const flags = KINDS.dup;
    const fill = (count: number) => (put: (key: Buffer, value: Buffer) => void) => {
      for (let id = 0; id < count; id++) put(text('k'), text(`duplicate ${String(id).padStart(5, '0')}`));
    };
    const added = (count: number, from: number): string[] =>
      Array.from({ length: count - from }, (_, i) => `k+duplicate ${String(i + from).padStart(5, '0')}`);
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 5],
      [5, 2000],
      [2000, 2001],
      [1, 2000],
    ] as const) {
      const { said } = diffOver('a', flags, fill(from), (transaction, dbi) =>
        fill(to)((key, value) => transaction.put(dbi, key, value)),
      );
      expect(said, `${from} to ${to}`).toEqual(added(to, from));
    }
  });

  it('finds one duplicate among many of one key', () => {
    const { said } = diffOver(
      'a',
      KINDS.integerdup,
      (put) => {
        for (let id = 0; id < 20_000; id++) put(text('k'), u64(id * 3));
        for (let id = 0; id < 20_000; id++) put(text('other'), u64(id));
      },
      (transaction, dbi) => {
        transaction.put(dbi, text('k'), u64(30_001));
        transaction.delete(dbi, text('k'), u64(90));
        transaction.delete(dbi, text('other'), u64(19_999));
      },
    );
    const number = (value: number): string => u64(value).toString('latin1');
    expect(said).toEqual([`k-${number(90)}`, `k+${number(30_001)}`, `other-${number(19_999)}`]);
  });

  it('gives keys in the order of their DBI', () => {
    const ids = [1, 255, 256, 65_536, 70_000, 16_777_216];
    const { said } = diffOver(
      'a',
      DbiFlag.integerKey,
      () => {},
      (transaction, dbi) => {
        for (const id of ids) transaction.put(dbi, u32(id), text(`${id}`));
      },
    );
    expect(said.map((line) => line.slice(5))).toEqual(ids.map(String));
  });

  it('takes everything as new, or as gone, where one side is missing', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      for (const kind of ['plain', 'dup'] as const) {
        const dbi = transaction.openOrCreateDbi(kind, KINDS[kind]);
        for (let id = 0; id < 500; id++) transaction.put(dbi, keyFor(kind, id >> 1), valueFor(kind, id, 10));
      }
    });
    const { view } = hold();
    const [plain, dup] = [view.dbi('plain'), view.dbi('dup')];
    expect(diffOf(undefined, undefined)).toEqual([]);
    expect(diffOf(undefined, plain)).toEqual(walkAll(plain).map(([key, value]) => `${key}=${value}`));
    expect(diffOf(plain, undefined)).toEqual(walkAll(plain).map(([key]) => `${key} gone`));
    expect(diffOf(undefined, dup)).toEqual(walkAll(dup).map(([key, value]) => `${key}+${value}`));
    expect(diffOf(dup, undefined)).toEqual(walkAll(dup).map(([key, value]) => `${key}-${value}`));
    // Of another kind: all of the old gone, then all of the new come.
    expect(diffOf(plain, dup)).toEqual([...diffOf(plain, undefined), ...diffOf(undefined, dup)]);
  });

  it('refuses trees of two files', () => {
    const [one, two] = [openDatabase(), openDatabase()].map(({ environment, hold }) => {
      environment.write((t) => void t.put(t.openOrCreateDbi('a', 0), text('k'), text('v')));
      environment.write((t) => void t.put(t.openOrCreateDbi('b', 0), text('k'), text('v')));
      return hold().view;
    });
    expect(() => diffOf(one!.dbi('a'), two!.dbi('b'))).toThrow(TypeError);
  });
});

describe('diffDbis', () => {
  it('names the DBIs that were written, created, dropped or made anew, and no others', () => {
    const { environment, hold } = openDatabase();
    environment.write((transaction) => {
      for (const name of ['dropped', 'emptied', 'other kind', 'same', 'written']) {
        transaction.put(transaction.openOrCreateDbi(name, 0), text('k'), text('v'));
      }
    });
    const before = hold();
    expect(diffDbis(before.view, before.view)).toEqual([]);
    environment.write((transaction) => {
      transaction.put(transaction.openOrCreateDbi('written', 0), text('k'), text('w'));
      transaction.put(transaction.openOrCreateDbi('new', KINDS.dup), text('k'), text('w'));
      transaction.put(transaction.openMain(), text('plain'), text('no DBI'));
      transaction.drop(transaction.openDbi('emptied')!, false);
      transaction.drop(transaction.openDbi('dropped')!, true);
      transaction.drop(transaction.openDbi('other kind')!, true);
    });
    environment.write((transaction) => {
      transaction.put(transaction.openOrCreateDbi('other kind', KINDS.dup), text('k'), text('v'));
    });
    const after = hold();
    const summary = diffDbis(before.view, after.view).map(({ name, oldTree, newTree, flagsChanged }) => [
      name,
      diffOf(oldTree, newTree),
      flagsChanged,
    ]);
    expect(summary).toEqual([
      ['dropped', ['k gone'], false],
      ['emptied', ['k gone'], false],
      ['new', ['k+w'], false],
      ['other kind', ['k gone', 'k+v'], true],
      ['written', ['k=w'], false],
    ]);
    const first = diffDbis(undefined, after.view);
    expect(first.map(({ name, oldTree }) => [name, oldTree])).toEqual(
      after.view.dbis().map(({ name }) => [name, undefined]),
    );
  });

  it('sees whole transactions while another process commits', async () => {
    const { environment, folder, hold } = openDatabase();
    environment.write((transaction) => {
      for (const name of ['a', 'b']) transaction.openOrCreateDbi(name, 0);
    });
    const application = await Application.start(folder, { sync: false, mapSizeBytes: 256 * 2 ** 20 });
    let running = true;
    const filler = '.'.repeat(300);
    const writes = Array.from({ length: 400 }, (_, i) =>
      application.batch(
        { op: 'put', dbi: 'a', key: `${i % 50}`, value: `${i}${filler}` },
        { op: 'put', dbi: 'b', key: `${i % 50}`, value: `${i}${filler}` },
      ),
    );
    const finished = Promise.all(writes).finally(() => {
      running = false;
    });
    let base = hold();
    const state = new Map<string, string>();
    let steps = 0;
    const follow = (): void => {
      const next = hold();
      expect(walkAll(next.view.dbi('a'))).toEqual(walkAll(next.view.dbi('b')));
      const said = diffOf(base.view.dbi('a'), next.view.dbi('a'));
      expect(diffOf(base.view.dbi('b'), next.view.dbi('b'))).toEqual(said);
      for (const line of said) state.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
      expect(walkAll(next.view.dbi('a'))).toEqual([...state].sort(([x], [y]) => (x < y ? -1 : 1)));
      base.transaction.abort();
      base = next;
      steps++;
    };
    while (running) {
      follow();
      await new Promise(setImmediate);
    }
    await finished;
    follow();
    expect(state.size).toBe(50);
    expect(steps).toBeGreaterThan(1);
    await application.stop();
  });
});
