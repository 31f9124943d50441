import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkedJson } from '../cli/json-schema.ts';
import { preload } from '../crashes/crash-machine.ts';
import { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Machine, type MachineOptions, MIB, machine, texts } from './machine.ts';
import { objectsOf, runProduct, type Syncer, writeConfig } from './product.ts';

const BESIDE = { shadow: 'sidecar', dropped_dbis: 'delete' } as const;
const COUNT = 20_000;
/** Many starts of the program, on a busy machine. */
const LIMIT_MS = 180_000;
const LONG = 'x'.repeat(100);
const besideOf = ({ path }: Machine): string => `${path}.lmdbstream-shadow`;

/** How often each point was passed, by all threads. */
function passedIn(record: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of readFileSync(record, 'utf8').trim().split('\n')) {
    const { passed } = JSON.parse(line) as { passed: Record<string, number> };
    for (const [name, times] of Object.entries(passed)) sums[name] = (sums[name] ?? 0) + times;
  }
  return sums;
}

it(
  'a machine that only publishes starts, fills, records and publishes while the application holds its write lock',
  async () => {
    const folder = temporaryFolder();
    const more = { lmdb_lock_max: '1ms', full_scan_interval: '200ms', delta_interval: '100ms' };
    const a = await machine(folder, 'a', { mapSizeBytes: 64 * MIB, lmdb: BESIDE, more });
    await a.application.batch({ op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: COUNT, valueBytes: 40 });
    const recordTo = (name: string) => ({ env: { ...preload('crash-points'), CRASH_RECORD: join(folder, name) } });
    await a.application.begin();
    const syncer = a.start(recordTo('publishes'));
    await syncer.says(/"msg":"Stored snapshot"/);
    const b = await machine(folder, 'b', { mapSizeBytes: 64 * MIB });
    b.start();
    for (const value of ['1', '2', '3']) {
      await a.application.put('data', 'changed', value);
      await a.application.commit();
      await a.application.begin();
      await eventually(async () => expect((await b.application.texts('data')).changed).toBe(value));
    }
    expect([await syncer.stop(), syncer.complaints()]).toEqual([0, []]);
    await a.application.commit();
    const publishes = passedIn(join(folder, 'publishes'));
    expect([publishes['main asked for'], publishes.recorded! > 3]).toEqual([undefined, true]);

    expect(await b.application.texts('data')).toEqual(await a.application.texts('data'));
    expect(Object.keys(await a.application.texts('data'))).toHaveLength(COUNT + 1);
    // It would have been noticed: what a peer wrote needs the lock.
    await b.application.put('data', 'of-b', 'v');
    const merges = a.start(recordTo('merges'));
    await eventually(async () => expect((await a.application.texts('data'))['of-b']).toBe('v'));
    expect(await merges.stop()).toBe(0);
    expect(passedIn(join(folder, 'merges'))['main asked for']).toBeGreaterThan(0);
  },
  LIMIT_MS,
);

describe('commands beside a sidecar', () => {
  const run = (at: Machine, ...args: string[]) =>
    runProduct(['--config', at.config, '--instance', 'a', '--log-level', 'fatal', ...args]);

  async function fleet(
    options: MachineOptions = {},
  ): Promise<{ folder: string; a: Machine; b: Machine; other: Syncer }> {
    const folder = temporaryFolder();
    const more = { full_scan_interval: '200ms', delta_interval: '100ms', ...options.more };
    const a = await machine(folder, 'a', { lmdb: BESIDE, more });
    const b = await machine(folder, 'b', { more });
    await a.application.put('data', 'k', LONG);
    return { folder, a, b, other: b.start() };
  }

  /** The same machine, with its shadow elsewhere. */
  function configured(folder: string, { path }: Machine, lmdb: object): void {
    const setup = { path, options: { no_subdir: true }, ...lmdb };
    const more = { full_scan_interval: '200ms', delta_interval: '100ms' };
    writeConfig(folder, 'a', { lmdbs: { main: setup }, bucket: join(folder, 'bucket'), more });
  }

  /** Entries of the sidecar, through another process. */
  async function besideKeys(at: Machine): Promise<string[]> {
    const looks = await Application.start(besideOf(at), { noSubdir: true, readOnly: true });
    try {
      return (await looks.scan('_sync_shadow_data')).map(([key]) => Buffer.from(key, 'hex').toString());
    } finally {
      await looks.stop();
    }
  }

  it(
    'doctor, stats, dump and verify see it, change nothing, and the fleet goes on',
    async () => {
      const { folder, a, b, other } = await fleet();
      const syncer = a.start();
      await texts(b.application, 'data', { k: LONG });
      const examined = await run(a, 'doctor', '--json');
      expect([examined.code, examined.stderr]).toEqual([0, '']);
      expect(checkedJson('doctor', examined.stdout).findings).toContainEqual(
        expect.objectContaining({ check: 'sidecar', level: 'ok' }),
      );
      for (const args of [['stats'], ['dump'], ['verify', '--json']]) {
        const { code, stdout, stderr } = await run(a, ...args);
        expect([args, code, stderr]).toEqual([args, 0, '']);
        if (args[0] !== 'verify') expect(stdout).toContain('main (sidecar)');
      }
      await b.application.put('data', 'of-b', LONG);
      await texts(a.application, 'data', { k: LONG, 'of-b': LONG });
      await a.application.del('data', 'k');
      await texts(b.application, 'data', { 'of-b': LONG });
      for (const one of [syncer, other]) expect(one.complaints()).toEqual([]);
      expect(await syncer.stop()).toBe(0);
      expect(objectsOf(join(folder, 'bucket')).length).toBeGreaterThan(2);
    },
    LIMIT_MS,
  );

  it(
    'shadow move, both ways, and drop-shadow: the fleet goes on afterwards, and deletions stay',
    async () => {
      const { folder, a, b, other } = await fleet();
      let content: Record<string, string> = { k: LONG };
      const equal = async (): Promise<void> => {
        for (const { application } of [a, b]) await texts(application, 'data', content);
      };
      /** One life, with a change here and one there, and one before it. */
      const live = async (round: string): Promise<void> => {
        const syncer = a.start();
        await equal();
        await a.application.put('data', `a-${round}`, LONG + round);
        await b.application.put('data', `b-${round}`, LONG + round);
        await a.application.del('data', 'k');
        content = { ...content, [`a-${round}`]: LONG + round, [`b-${round}`]: LONG + round };
        delete content.k;
        await equal();
        expect([await syncer.stop(), syncer.complaints()]).toEqual([0, []]);
        // While nobody looks; what comes back is a change.
        await a.application.put('data', 'k', `again ${round}`);
        content.k = `again ${round}`;
      };
      await live('beside');
      const refused = await run(a, 'shadow', 'move');
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--to')]);
      const moved = await run(a, 'shadow', 'move', '--to', 'inline');
      expect([moved.code, moved.stdout, existsSync(besideOf(a))]).toEqual([
        0,
        expect.stringContaining('_sync_shadow_data'),
        false,
      ]);
      const wrong = await run(a, 'sync', '--only-once');
      expect([wrong.code, wrong.stderr]).toEqual([
        1,
        expect.stringMatching(/shadows inside[\s\S]*\nHint: .*shadow move/),
      ]);
      configured(folder, a, {});
      await live('inside');
      expect((await run(a, 'shadow', 'move', '--to', 'sidecar')).code).toBe(0);
      expect(Object.keys(await a.application.dbis())).toEqual(['data']);
      const again = await run(a, 'sync', '--only-once');
      expect([again.code, again.stderr]).toEqual([
        1,
        expect.stringMatching(/lies in the sidecar[\s\S]*\nHint: .*shadow move/),
      ]);
      configured(folder, a, BESIDE);
      await live('beside again');

      // Forgets the times: what the fleet has wins, also over what was changed here and never published.
      const before = objectsOf(join(folder, 'bucket')).length;
      await b.application.del('data', 'a-inside');
      const { k: _unpublished, 'a-inside': _deleted, ...shared } = content;
      await texts(b.application, 'data', shared);
      await eventually(() => expect(objectsOf(join(folder, 'bucket')).length).toBeGreaterThan(before));
      expect((await run(a, 'drop-shadow')).code).toBe(0);
      const syncer = a.start();
      content = shared;
      await equal();
      await a.application.put('data', 'last', 'v');
      content = { ...shared, last: 'v' };
      await equal();
      expect([await syncer.stop(), syncer.complaints(), other.complaints()]).toEqual([0, [], []]);
    },
    LIMIT_MS,
  );

  it('the sweeper takes old deletion marks out of it, and no lock of the application', async () => {
    const sweeper = { enabled: true, retention_days: 1e-8, first_interval: '300ms', interval: '300ms' };
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { lmdb: BESIDE, more: { sweeper } });
    await a.application.batch(
      { op: 'put', dbi: 'data', key: 'kept', value: LONG },
      { op: 'put', dbi: 'data', key: 'gone', value: LONG },
    );
    const syncer = a.start();
    await syncer.says(/"msg":"Stored snapshot"/);
    await a.application.del('data', 'gone');
    await a.application.begin();
    await eventually(async () => expect(await besideKeys(a)).toEqual(['kept']));
    await a.application.commit();
    expect([await syncer.stop(), syncer.complaints()]).toEqual([0, []]);
  });
});
