import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { failure, Instance, objectsOf } from '../../support/fleet/instance.ts';

/** Decision 16, I12: a sidecar that is missing, old, or newer than the LMDB. */

const LONG = 'x'.repeat(100);
const v = (text: string): string => `${LONG} ${text}`;

class Machine extends Instance {
  get sidecar(): string {
    return `${this.data}.lmdbstream-shadow`;
  }

  get data(): string {
    return join(this.path, 'data.mdb');
  }

  lose(): void {
    for (const path of [this.sidecar, `${this.sidecar}-lock`]) rmSync(path, { force: true });
  }

  /** Beside the old one, so that it is another file. */
  copy(from: string, to: string): void {
    copyFileSync(from, `${to}-new`);
    renameSync(`${to}-new`, to);
  }

  putBack(from: string): void {
    this.application.close();
    this.copy(from, this.data);
    this.application.open(this.path, { sync: false, mapSizeBytes: 64 * 2 ** 20 });
  }
}

function fleet(lmdb: Record<string, unknown> = {}) {
  const bucket = new MemoryStorage();
  const a = new Machine({ name: 'a', bucket, lmdb: { shadow: 'sidecar', ...lmdb } });
  const b = new Machine({ name: 'b', bucket, lmdb });
  return { bucket, a, b };
}

async function same(one: Instance, other: Instance, key: string, value: string | undefined): Promise<void> {
  for (const machine of [one, other]) {
    await machine.until(`${key} is ${value?.slice(-10)}`, () => machine.texts()[key] === value);
  }
}

/** Both have all that either wrote; b has changed a key of a's, and deleted one. */
async function inStep({ a, b }: ReturnType<typeof fleet>): Promise<void> {
  for (const key of ['kept', 'changed', 'deleted', 'gone', 'toggled']) a.put(key, v('a1'));
  a.start();
  b.start();
  await same(a, b, 'toggled', v('a1'));
  b.put('theirs', v('b1'));
  b.put('changed', v('b1'));
  b.application.del('d', 'deleted');
  await same(a, b, 'theirs', v('b1'));
  await same(a, b, 'changed', v('b1'));
  await same(a, b, 'deleted', undefined);
  await a.until('all is published', () => a.status.phase === 'running' && a.status.publishedObjects > 0);
}

async function inTheEnd({ a, b }: ReturnType<typeof fleet>): Promise<Record<string, string>> {
  a.put('end a', v('end'));
  b.put('end b', v('end'));
  await same(a, b, 'end a', v('end'));
  await same(a, b, 'end b', v('end'));
  expect(a.texts()).toEqual(b.texts());
  const { 'end a': _a, 'end b': _b, ...texts } = a.texts();
  return Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, value.slice(LONG.length + 1)]));
}

describe('a sidecar that was lost while we did not run', () => {
  it('is rebuilt: nothing is stamped anew, and what the application changed meanwhile is told', async () => {
    const all = fleet();
    const { a, b } = all;
    await inStep(all);
    await a.stop();
    a.lose();
    a.put('offline', v('a2'));
    a.put('kept', v('a2'));
    a.application.del('d', 'gone');
    a.start();
    await a.running();
    expect(a.told('warn', 'The sidecar was lost')).toHaveLength(1);
    await same(a, b, 'offline', v('a2'));
    expect(await inTheEnd(all)).toEqual({
      kept: 'a2',
      changed: 'b1',
      toggled: 'a1',
      theirs: 'b1',
      offline: 'a2',
    });
    // What b wrote has b's time: nothing of it is a change of ours.
    expect(a.told('error', '')).toEqual([]);
  });

  it('what peers changed meanwhile wins over what was here, and deletions are not undone', async () => {
    const all = fleet();
    const { a, b, bucket } = all;
    await inStep(all);
    await a.stop();
    a.lose();
    // Neither of them was ever published by a: only main has b1.
    b.put('theirs', v('b2'));
    b.application.del('d', 'changed');
    b.put('kept', v('b2'));
    b.put('new', v('b2'));
    // A stop publishes what is due; nobody has b1 any more.
    await b.stop();
    for (const name of (await objectsOf(bucket, 'main__b__')).keys()) await bucket.delete(name);
    b.start();
    await b.until('published', async () => (await objectsOf(bucket, 'main__b__')).size > 0);
    // Later than anything that b has written.
    a.put('offline', v('a2'));
    a.start();
    expect(await inTheEnd(all)).toEqual({
      kept: 'b2',
      gone: 'a1',
      toggled: 'a1',
      theirs: 'b2',
      new: 'b2',
      offline: 'a2',
    });
    expect(a.told('warn', 'The sidecar was lost')[0]).toContain('"undecided":2');
  });

  it('an old copy that was put back is the same', async () => {
    const all = fleet();
    const { a, b } = all;
    a.put('kept', v('a0'));
    a.start();
    await a.until('published', () => a.status.publishedObjects > 0);
    await a.stop();
    copyFileSync(a.sidecar, `${a.sidecar}-kept`);
    await inStep(all);
    await a.stop();
    a.copy(`${a.sidecar}-kept`, a.sidecar);
    // As it was when the copy was made.
    a.put('kept', v('a0'));
    a.application.del('d', 'gone');
    a.start();
    await same(a, b, 'kept', v('a0'));
    expect(await inTheEnd(all)).toEqual({ kept: 'a0', changed: 'b1', toggled: 'a1', theirs: 'b1' });
    expect(a.told('warn', 'The sidecar was lost, or an old one')[0]).toContain('"missing":false');
  });

  it('goes on where it was killed', async () => {
    const all = fleet();
    const { a, b } = all;
    await inStep(all);
    await a.stop();
    a.lose();
    a.put('offline', v('a2'));
    // Our own is read, and of the peer nothing.
    a.storage.beforeLoad = (name) => {
      if (name.includes('__b__')) throw failure('load');
    };
    a.start();
    await a.until('asks for b’s', () => a.status.loadFailures > 0);
    await a.stop();
    expect(a.told('warn', 'rebuilt')).toEqual([]);
    a.storage.beforeLoad = () => {};
    a.start();
    await same(a, b, 'offline', v('a2'));
    expect(await inTheEnd(all)).toMatchObject({ changed: 'b1', theirs: 'b1', offline: 'a2' });
    expect(a.told('warn', 'rebuilt')).toHaveLength(1);
  });

  it('in a machine that only receives', async () => {
    const bucket = new MemoryStorage();
    const lmdb = { shadow: 'sidecar' };
    const a = new Machine({ name: 'a', bucket, lmdb, mode: 'receive' });
    const b = new Machine({ name: 'b', bucket });
    b.put('k', v('b1'));
    b.start();
    a.start();
    await same(a, b, 'k', v('b1'));
    await a.stop();
    a.lose();
    b.put('k', v('b2'));
    a.start();
    await same(a, b, 'k', v('b2'));
    expect(a.told('error', '')).toEqual([]);
  });
});

describe('an LMDB that is older than what was seen of it', () => {
  it('gets back what was published since; the sidecar is forgotten', async () => {
    const all = fleet();
    const { a, b } = all;
    a.put('kept', v('a0'));
    a.put('deleted', v('a0'));
    a.start();
    await a.until('published', () => a.status.publishedObjects > 0);
    await a.stop();
    copyFileSync(a.data, `${a.data}-kept`);
    await inStep(all);
    await a.stop();
    a.putBack(`${a.data}-kept`);
    a.put('offline', v('a2'));
    a.start();
    await same(a, b, 'offline', v('a2'));
    const inEnd = { kept: 'a1', changed: 'b1', gone: 'a1', toggled: 'a1', theirs: 'b1', offline: 'a2' };
    expect(await inTheEnd(all)).toEqual(inEnd);
    expect(a.told('warn', 'The LMDB is older')).toHaveLength(1);
    await a.stop();
    a.start();
    await a.running();
    expect(a.told('warn', 'The LMDB is older')).toHaveLength(1);
  });

  it('the same where the sidecar is missing, and where both are old copies that were written to', async () => {
    for (const isCopied of [false, true]) {
      const all = fleet();
      const { a, b } = all;
      a.put('kept', v('a0'));
      a.start();
      await a.until('published', () => a.status.publishedObjects > 0);
      await a.stop();
      copyFileSync(a.data, `${a.data}-kept`);
      copyFileSync(a.sidecar, `${a.sidecar}-kept`);
      await inStep(all);
      await a.stop();
      a.putBack(`${a.data}-kept`);
      if (isCopied) a.copy(`${a.sidecar}-kept`, a.sidecar);
      else a.lose();
      a.put('offline', v('a2'));
      a.start();
      await same(a, b, 'offline', v('a2'));
      expect(await inTheEnd(all)).toMatchObject({ kept: 'a1', changed: 'b1', gone: 'a1', theirs: 'b1' });
      expect(a.told('warn', 'The LMDB is older')).toHaveLength(1);
    }
  });

  it('both restored together agree, and go on as an LMDB with its shadow inside', async () => {
    const all = fleet();
    const { a } = all;
    a.put('kept', v('a0'));
    a.start();
    await a.until('published', () => a.status.publishedObjects > 0);
    await a.stop();
    copyFileSync(a.data, `${a.data}-kept`);
    copyFileSync(a.sidecar, `${a.sidecar}-kept`);
    await inStep(all);
    await a.stop();
    a.putBack(`${a.data}-kept`);
    a.copy(`${a.sidecar}-kept`, a.sidecar);
    a.start();
    await a.running();
    expect(await inTheEnd(all)).toMatchObject({ kept: 'a1', changed: 'b1', gone: 'a1', theirs: 'b1' });
    expect(a.told('warn', '')).toEqual([]);
  });
});

describe('another data file', () => {
  it('that was moved with its sidecar, and written to, goes on; alone it is refused', async () => {
    const all = fleet();
    const { a, b } = all;
    await inStep(all);
    await a.stop();
    const before = b.texts();
    copyFileSync(a.data, `${a.data}-kept`);
    a.putBack(`${a.data}-kept`);
    a.put('kept', v('a2'));
    a.start();
    await expect(a.end()).rejects.toMatchObject({ code: 'SIDECAR_MISMATCH' });
    expect(b.texts()).toEqual(before);
    copyFileSync(a.sidecar, `${a.sidecar}-kept`);
    a.copy(`${a.sidecar}-kept`, a.sidecar);
    a.start();
    await same(a, b, 'kept', v('a2'));
    expect(await inTheEnd(all)).toMatchObject({ kept: 'a2', theirs: 'b1' });
    expect(a.told('warn', '')).toEqual([]);
  });
});

it('what is no object, under our own name with a later time, does not hinder a start', async () => {
  const all = fleet();
  const { a, b, bucket } = all;
  await inStep(all);
  await a.stop();
  await bucket.store('main__a__20991231-235959-000000000__GX.pb.gz', Buffer.from('garbage'));
  a.put('kept', v('a2'));
  for (const key of ['again', 'and again']) {
    a.start();
    await a.running();
    a.put(key, v('a2'));
    await same(a, b, key, v('a2'));
    await a.stop();
  }
  a.start();
  expect(await inTheEnd(all)).toMatchObject({ kept: 'a2', theirs: 'b1' });
  expect(a.told('warn', '')).toEqual([]);
});
