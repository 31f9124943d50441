import { chmodSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { withoutPrivileges } from '../support/privileges.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { MIB, machine, texts } from './machine.ts';
import { objectsOf, runProduct } from './product.ts';

/** The syncer of b waits for the write lock, which the application of b holds; it has put `held`, and committed nothing yet. */
async function waitingForLock(folder: string) {
  const a = await machine(folder, 'a');
  const b = await machine(folder, 'b');
  await b.application.put('data', 'b', '1');
  a.start();
  const syncer = b.start();
  await texts(a.application, 'data', { b: '1' });
  await b.application.begin();
  await b.application.batch({ op: 'put', dbi: 'data', key: 'held', value: '1' });
  await a.application.put('data', 'a', '1');
  await syncer.says(/waiting for the write lock/i);
  return { a, b, syncer };
}

describe('a process that is stopped', () => {
  it('by SIGTERM: exit code 0, the last change is in the bucket, no reader stays, the next start goes on', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await eventually(() => existsSync(join(folder, 'bucket')) && objectsOf(join(folder, 'bucket')).length > 0);
    expect(await a.application.readers()).toContain(syncer.pid);
    await a.application.put('data', 'k', '2');
    expect(await syncer.stop()).toBe(0);
    expect(await a.application.readers()).not.toContain(syncer.pid);
    b.start();
    await texts(b.application, 'data', { k: '2' });
    await b.application.put('data', 'k', '3');
    a.start();
    await texts(a.application, 'data', { k: '3' });
  });

  it('while the application holds the write lock: nothing of the application’s waits, and the process still ends', async () => {
    const { a, b, syncer } = await waitingForLock(temporaryFolder());
    const ended = syncer.stop();
    await b.application.commit();
    expect(await ended).toBe(0);
    expect(await b.application.texts('data')).toMatchObject({ b: '1', held: '1' });
    b.start();
    for (const { application } of [a, b]) await texts(application, 'data', { a: '1', b: '1', held: '1' });
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'by %s, while the application never gives the write lock back: with exit code 0, and says what was left',
    async (signal) => {
      const { a, b, syncer } = await waitingForLock(temporaryFolder());
      expect(await syncer.stop(signal)).toBe(0);
      expect(syncer.output).toMatch(
        /"level":"warning".*keeps the write lock.*"dbs":"main"|"dbs":"main".*keeps the write lock/,
      );
      await b.application.commit();
      expect(await b.application.texts('data')).toEqual({ b: '1', held: '1' });
      b.start();
      for (const { application } of [a, b]) await texts(application, 'data', { a: '1', b: '1', held: '1' });
    },
  );

  it('by a second signal, while the application never gives the write lock back: at once', async () => {
    const { b, syncer } = await waitingForLock(temporaryFolder());
    // Sent at once, so that it is the second that ends it, whichever of the two the system delivers first.
    const [code] = await Promise.all([syncer.stop('SIGTERM'), syncer.stop('SIGINT')]);
    expect([130, 143]).toContain(code);
    expect(syncer.output).toMatch(/second signal \(SIG\w+\), ending at once/);
    await b.application.abort();
    b.start();
    await texts(b.application, 'data', { a: '1', b: '1' });
  });

  it('only_once: exit code 0 when all is merged and stored', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', 'v');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.application.texts('data')).toEqual({ k: 'v' });
  });

  it('receive takes and never gives', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', 'v');
    await b.application.put('data', 'own', 'stays here');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.start({ command: 'receive', args: ['--only-once'] }).ended()).toBe(0);
    expect(await b.application.texts('data')).toEqual({ k: 'v', own: 'stays here' });
    expect(objectsOf(join(folder, 'bucket')).filter((name) => name.includes('__b__'))).toEqual([]);
  });
});

describe('trouble that passes', () => {
  it('two processes under one name: the log says so', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'a', '1');
    await b.application.put('data', 'b', '1');
    const one = a.start({ instance: 'same' });
    const other = b.start({ instance: 'same' });
    await eventually(async () => {
      // One of them is enough: whoever sees an object under its name that it did not write.
      await a.application.put('data', 'a', String(Math.random()));
      return /"level":"error".*instance name/.test(one.output + other.output);
    });
    expect([one.isRunning, other.isRunning]).toEqual([true, true]);
  });

  it('a bucket whose folder is gone: said once with a hint, and mended when it is back', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    const b = await machine(folder, 'b');
    await a.application.put('data', 'k', '1');
    const syncer = a.start();
    await eventually(() => existsSync(bucket) && objectsOf(bucket).length > 0);
    renameSync(bucket, `${bucket}-away`);
    await a.application.put('data', 'k', '2');
    await syncer.complains(/bucket/);
    renameSync(`${bucket}-away`, bucket);
    b.start();
    await texts(b.application, 'data', { k: '2' });
    expect(syncer.isRunning).toBe(true);
  });

  it('a full map: said with a hint, the process goes on, and the rest follows once there is room', async () => {
    const folder = temporaryFolder();
    const a = await machine(folder, 'a', { mapSizeBytes: 16 * MIB });
    const b = await machine(folder, 'b', { mapSizeBytes: MIB });
    await b.application.put('data', 'own', 'of b');
    const fill = { op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: 3_000, valueBytes: 1_000 } as const;
    await a.application.batch(fill);
    const aSyncer = a.start();
    const bSyncer = b.start();
    await bSyncer.complains(/MAP_FULL/);
    expect([aSyncer.isRunning, bSyncer.isRunning]).toEqual([true, true]);
    expect(await b.application.texts('data')).toEqual({ own: 'of b' });
    await b.application.resize(32 * MIB);
    await b.application.put('data', 'room', 'made');
    await eventually(async () => expect(await b.application.scan('data')).toHaveLength(3_002));
  });
});

describe('trouble that does not pass by itself', () => {
  it('a bucket that may only be read: sync says which right is missing', async () => {
    const folder = temporaryFolder();
    const bucket = join(folder, 'bucket');
    const a = await machine(folder, 'a');
    await a.application.put('data', 'k', '1');
    expect(await a.start({ args: ['--only-once'] }).ended()).toBe(0);
    chmodSync(bucket, 0o555);
    onTestFinished(() => chmodSync(bucket, 0o755));
    await a.application.put('data', 'k', '2');
    const syncer = a.start({ wrapper: withoutPrivileges });
    await syncer.complains(/permission denied.*give this user write access/);
    expect(syncer.isRunning).toBe(true);
    await syncer.kill();
    // Reading is allowed, so receiving works.
    const outcome = await runProduct(['--config', a.config, '--instance', 'reader', 'receive', '--only-once'], {
      wrapper: withoutPrivileges,
    });
    expect(outcome.code).toBe(0);
  });
});
