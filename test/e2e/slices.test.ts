import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Machine, MIB, machine } from './machine.ts';
import { objectsOf } from './product.ts';

const COUNT = 20_000;
const SHADOW = '_sync_shadow_data';
const MARKER = '_sync_lmdbstream_fill';
/** So short that there are hundred slices and more, and a process can be killed between two of them. */
const SLICED = { mapSizeBytes: 64 * MIB, more: { lmdb_lock_max: '1ms' } };

async function filled(folder: string): Promise<Machine> {
  const made = await machine(folder, 'a', SLICED);
  const fill = { op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: COUNT, valueBytes: 40 } as const;
  await made.application.batch(fill);
  return made;
}

const has = async (application: Application, dbi: string): Promise<boolean> => dbi in (await application.dbis());

async function scanned(application: Application, dbi: string): Promise<Map<string, string>> {
  return new Map((await has(application, dbi)) ? await application.scan(dbi) : []);
}

/** Live entries of the shadow are what main has (I4). */
async function assertMainIsShadow(application: Application): Promise<void> {
  const main = await scanned(application, 'data');
  const live = [...(await scanned(application, SHADOW))].map(([key, stored]) => [key, stored.slice(48)] as const);
  expect(main.size).toBe(live.length);
  expect(live.filter(([key, value]) => main.get(key) !== value)).toEqual([]);
}

describe('kill -9 between two slices (decision 4)', () => {
  it('of the first filling: after the next start no entry has a time other than 1 ns', async () => {
    const folder = temporaryFolder();
    const a = await filled(folder);
    for (let kills = 0; kills < 2; kills++) {
      const before = (await scanned(a.application, SHADOW)).size;
      const syncer = a.start();
      // The application waits for nobody to see this: it reads.
      await eventually(async () => expect((await scanned(a.application, SHADOW)).size).toBeGreaterThan(before));
      await syncer.kill();
      expect((await scanned(a.application, SHADOW)).size).toBeLessThan(COUNT);
      expect(await has(a.application, MARKER)).toBe(true);
    }
    const syncer = a.start();
    await syncer.says(/"msg":"Stored snapshot"/);
    const times = [...(await scanned(a.application, SHADOW)).values()].map((stored) =>
      BigInt(`0x${stored.slice(0, 16)}`),
    );
    expect([times.length, new Set(times)]).toEqual([COUNT, new Set([1n])]);
    expect(await has(a.application, MARKER)).toBe(false);
    await assertMainIsShadow(a.application);
    expect(await syncer.stop()).toBe(0);
  });

  it('of a join: main is what the shadow says, nothing of it is published as ours, and the next start brings the rest', async () => {
    const folder = temporaryFolder();
    const a = await filled(folder);
    const first = a.start();
    await first.says(/"msg":"Stored snapshot"/);
    expect(await first.stop()).toBe(0);
    const before = objectsOf(join(folder, 'bucket'));
    const b = await machine(folder, 'b', SLICED);
    const joining = b.start();
    await eventually(async () => expect((await scanned(b.application, SHADOW)).size).toBeGreaterThan(0));
    await joining.kill();
    expect((await scanned(b.application, SHADOW)).size).toBeLessThan(COUNT);
    await assertMainIsShadow(b.application);
    expect(objectsOf(join(folder, 'bucket'))).toEqual(before);
    const syncer = b.start();
    await syncer.says(/"msg":"Stored snapshot"/);
    expect(await scanned(b.application, SHADOW)).toHaveProperty('size', COUNT);
    await assertMainIsShadow(b.application);
    expect(await scanned(b.application, 'data')).toEqual(await scanned(a.application, 'data'));
    expect(await syncer.stop()).toBe(0);
  });
});
