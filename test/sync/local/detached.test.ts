import { describe, expect, it } from 'vitest';
import { DbiFlag } from '../../../src/lmdb/index.ts';
import { MemoryStorage } from '../../../src/storage/index.ts';
import { Instance } from '../../support/fleet/instance.ts';

/** Longer than what a sidecar keeps of it. */
const V1 = 'v1'.repeat(100);

function pairOf(lmdb: Record<string, unknown> = {}) {
  const bucket = new MemoryStorage();
  const a = new Instance({ name: 'a', bucket, lmdb });
  const b = new Instance({ name: 'b', bucket, lmdb });
  return { a, b };
}

async function inStep(a: Instance, b: Instance, key: string): Promise<void> {
  a.put(key, 'x', 'other');
  await b.until(`${key} has come`, () => b.texts('other')[key] === 'x');
}

async function filled({ a, b }: ReturnType<typeof pairOf>) {
  a.put('k1', V1);
  a.put('k2', 'v2');
  a.put('x', 'y', 'other');
  a.start();
  b.start();
  await b.until('filled', () => b.texts('other').x === 'y' && b.texts().k2 === 'v2');
}

describe.each(['inline', 'sidecar'])('a DBI that the application drops (decision 9), shadow: %s', (shadow) => {
  const pair = (lmdb: Record<string, unknown> = {}) => pairOf({ shadow, ...lmdb });

  it('is detached: nobody loses an entry, and it is told once', async () => {
    const fleet = pair();
    const { a, b } = fleet;
    await filled(fleet);
    a.application.batch({ op: 'drop', dbi: 'd', remove: true });
    await inStep(a, b, 'after');
    expect(b.texts()).toEqual({ k1: V1, k2: 'v2' });
    expect(a.status.detachedDbis).toEqual(['d']);
    expect(a.told('warn', 'dropped DBIs')).toHaveLength(1);
    expect(b.status.detachedDbis).toEqual([]);
    expect(b.told('warn', 'dropped DBIs')).toEqual([]);
  });

  it('what the fleet changes meanwhile is kept for it, and does not make it again; made again, it is filled', async () => {
    const fleet = pair();
    const { a, b } = fleet;
    await filled(fleet);
    a.application.batch({ op: 'drop', dbi: 'd', remove: true });
    await a.until('detached', () => a.status.detachedDbis.length === 1);
    b.put('k2', 'changed');
    b.put('k3', 'new');
    b.application.del('d', 'k1');
    b.put('z', 'from b', 'other');
    await a.until('b’s changes have come', () => a.texts('other').z === 'from b');
    expect(a.texts()).toEqual({});
    a.put('k4', 'by the application');
    const all = { k2: 'changed', k3: 'new', k4: 'by the application' };
    await a.until('filled again', () => JSON.stringify(a.texts()) === JSON.stringify(all));
    await b.until('in step', () => JSON.stringify(b.texts()) === JSON.stringify(all));
    expect(a.status.detachedDbis).toEqual([]);
  });

  it('the same when it was dropped, and made again, while we were stopped', async () => {
    const fleet = pair();
    const { a, b } = fleet;
    await filled(fleet);
    await a.stop();
    a.application.batch({ op: 'drop', dbi: 'd', remove: true });
    a.start();
    await inStep(a, b, 'restarted');
    expect(a.told('warn', 'dropped DBIs')).toHaveLength(1);
    await a.stop();
    a.put('k5', 'made again');
    a.start();
    const all = { k1: V1, k2: 'v2', k5: 'made again' };
    await b.until('in step', () => JSON.stringify(b.texts()) === JSON.stringify(all));
    expect(a.texts()).toEqual(all);
    await a.stop();
    a.application.del('d', 'k1');
    a.start();
    await b.until('a deletion is one again', () => b.texts().k1 === undefined);
  });

  it('a DBI that is only emptied is a deletion of its entries', async () => {
    const fleet = pair();
    await filled(fleet);
    fleet.a.application.batch({ op: 'drop', dbi: 'd', remove: false });
    await fleet.b.until('emptied', () => Object.keys(fleet.b.texts()).length === 0);
  });

  it('dropped_dbis: delete deletes its entries everywhere', async () => {
    const fleet = pair({ dropped_dbis: 'delete' });
    await filled(fleet);
    fleet.a.application.batch({ op: 'drop', dbi: 'd', remove: true });
    await fleet.b.until('emptied', () => Object.keys(fleet.b.texts()).length === 0);
  });

  it('duplicates are kept and come back, too', async () => {
    const fleet = pair({ dupsort_hack: true });
    const { a, b } = fleet;
    for (const value of ['v1', 'v2']) a.application.put('dup', 'k', value, DbiFlag.dupSort);
    await filled(fleet);
    a.application.batch({ op: 'drop', dbi: 'dup', remove: true });
    await inStep(a, b, 'after');
    expect(b.application.scan('dup')).toHaveLength(2);
    a.application.put('dup', 'k', 'v3', DbiFlag.dupSort);
    await a.until('back', () => a.application.scan('dup').length === 3);
    await b.until('in step', () => b.application.scan('dup').length === 3);
  });
});

describe('a brake for mass deletions', () => {
  it('more than half of a large DBI deleted in one round is told, with counts', async () => {
    const { a } = pairOf();
    a.application.batch(
      ...Array.from({ length: 1100 }, (_, at) => ({ op: 'put', dbi: 'd', key: `k${at}`, value: 'v' }) as const),
    );
    a.start();
    await a.until('published', () => a.status.publishedObjects > 0);
    a.application.batch({ op: 'drop', dbi: 'd', remove: false });
    await a.until('told', () => a.told('warn', 'more than half').length === 1);
    expect(a.told('warn', 'more than half')[0]).toContain('"deleted":1100,"of":1100');
  });
});
