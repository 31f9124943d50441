import { copyFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Application } from '../support/application/application.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { type Machine, machine } from './machine.ts';
import { runProduct, writeConfig } from './product.ts';

/** Many starts of the program, on a busy machine. */
const LIMIT_MS = 180_000;
const PAGE = 4096;
const COUNT = 3_000;
const besideOf = (path: string): string => `${path}.lmdbstream-shadow`;
const BESIDE = { shadow: 'sidecar', dropped_dbis: 'delete' } as const;

const run = ({ config }: Machine, ...args: readonly string[]) =>
  runProduct(['--config', config, '--instance', 'a', '--log-level', 'fatal', ...args]);

/** An LMDB and its sidecar in which every page is needed, with all of it in the bucket. */
async function synced(): Promise<{ folder: string; a: Machine; files: [subject: string, file: string][] }> {
  const folder = temporaryFolder();
  const a = await machine(folder, 'a', { lmdb: BESIDE });
  await a.application.batch({ op: 'fill', dbi: 'data', prefix: 'k', from: 0, count: COUNT, valueBytes: 40 });
  expect((await run(a, 'sync', '--only-once')).code).toBe(0);
  await a.application.stop();
  const files: [string, string][] = [
    ['the LMDB', a.path],
    ['the sidecar', besideOf(a.path)],
  ];
  return { folder, a, files };
}

/** Runs commands on each of the two files while it is cut short. */
async function eachCutShort(
  shorten: (whole: number) => number,
  commands: readonly (readonly string[])[],
): Promise<void> {
  const { folder, a, files } = await synced();
  for (const [subject, file] of files) {
    const whole = join(folder, 'whole');
    copyFileSync(file, whole);
    const sizeBytes = shorten(statSync(file).size);
    truncateSync(file, sizeBytes);
    for (const args of commands) {
      // It is only emptied there, and made where it is missing.
      if (subject === 'the sidecar' && args.includes('sidecar')) continue;
      const { code, stdout, stderr } = await run(a, ...args);
      // A signal would have no code.
      expect([subject, args, code === null || code === 0]).toEqual([subject, args, false]);
      const said = args[0] === 'doctor' ? stdout : stderr;
      expect(said).toContain(
        `${subject} ${file} is cut short: it has ${sizeBytes} bytes, and its meta page speaks of `,
      );
      expect(said).toMatch(/bucket/);
      expect(said).not.toMatch(/\n\s+at /);
    }
    expect(statSync(file).size).toBe(sizeBytes);
    copyFileSync(whole, file);
  }
}

describe('a data file or a sidecar that is cut short: an error that names it, and no signal', () => {
  it.each([
    ['after its meta pages', () => 2 * PAGE],
    ['in the middle', (whole: number) => Math.floor(whole / 2 / PAGE) * PAGE + 100],
    ['one page before its end', (whole: number) => whole - PAGE],
  ] as const)('%s', (_, shorten) => eachCutShort(shorten, [['doctor'], ['sync', '--only-once']]), LIMIT_MS);

  it(
    'of every command',
    () =>
      eachCutShort(
        () => 2 * PAGE,
        [
          ['stats'],
          ['dump'],
          ['verify'],
          ['drop-shadow'],
          ['shadow', 'move', '--to', 'inline'],
          ['shadow', 'move', '--to', 'sidecar'],
        ],
      ),
    LIMIT_MS,
  );

  it(
    'what its hint says mends it',
    async () => {
      const { folder, a } = await synced();
      const sync = async (): Promise<void> => {
        const { code, stderr } = await run(a, 'sync', '--only-once');
        expect([code, stderr]).toEqual([0, '']);
        expect((await run(a, 'verify')).code).toBe(0);
      };
      truncateSync(besideOf(a.path), 3 * PAGE);
      rmSync(besideOf(a.path));
      await sync();
      truncateSync(a.path, 3 * PAGE);
      for (const file of [a.path, `${a.path}-lock`]) rmSync(file);
      const setup = { path: a.path, options: { no_subdir: true, create: true }, ...BESIDE };
      writeConfig(folder, 'a', { lmdbs: { main: setup }, bucket: join(folder, 'bucket') });
      await sync();
      const reader = await Application.start(a.path, { noSubdir: true, readOnly: true });
      onTestFinished(() => reader.kill());
      expect(await reader.scan('data')).toHaveLength(COUNT);
    },
    LIMIT_MS,
  );
});
