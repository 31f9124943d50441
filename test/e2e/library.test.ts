import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LockstepApplication } from '../support/application/lockstep-application.ts';
import { eventually } from '../support/eventually.ts';

const root = resolve(import.meta.dirname, '../..');

function place(): { folder: string; config: string } {
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-library-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'bucket'));
  mkdirSync(join(folder, 'db'));
  const config = join(folder, 'lmdbstream.yaml');
  const text = {
    instance: 'a',
    only_once: true,
    lmdbs: { main: { path: join(folder, 'db'), schema_tracks_changes: false } },
    storage: { type: 'fs', options: { root_path: join(folder, 'bucket') } },
  };
  writeFileSync(config, JSON.stringify(text));
  return { folder, config };
}

const example = (config: string) =>
  spawnSync(process.execPath, [join(root, 'examples/library.mjs'), config], { cwd: root, encoding: 'utf8' });

describe('examples/library.mjs', () => {
  it('keeps a database in step, and tells what happened', async () => {
    const { folder, config } = place();
    const application = LockstepApplication.start();
    application.open(join(folder, 'db'), { sync: false });
    application.put('d', 'k', 'v');
    await application.stop();
    const { status, stdout, stderr } = example(config);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [stored] = readdirSync(join(folder, 'bucket')).filter((name) => name.endsWith('.pb.gz'));
    expect(stdout).toBe(`main: stored ${stored}\ndone\nmain: stopped, 1 stored, 0 merged\n`);
  });

  it('rejects with what failed', () => {
    const { folder, config } = place();
    rmSync(join(folder, 'db'), { recursive: true });
    writeFileSync(join(folder, 'db'), 'no LMDB at all'.repeat(1000));
    const { status, stderr } = example(config);
    expect(status).toBe(1);
    expect(stderr).toMatch(/LmdbstreamError|LmdbError|NotLmdbError/);
  });
});

/** Writes as soon as somebody listens, and ends with the first change. */
const LISTENER = `
const [, , library, config] = process.argv;
const { loadConfig, startSync } = await import(library);
const running = startSync({ config: loadConfig(config) });
await new Promise((resolve) => running.events.subscribe(({ type, phase }) => phase === 'running' && resolve()));
const changes = running.changes.stream();
const first = changes.next();
process.stdout.write('listening\\n');
const { value } = await first;
const dbis = value.dbis.map(({ name, keys }) => [name, keys.map(({ key, kind }) => [Buffer.from(key).toString(), kind])]);
process.stdout.write(JSON.stringify([value.db, value.origin, dbis]) + '\\n');
await running.stop();
process.stdout.write(JSON.stringify(await changes.next()) + '\\n');
`;

describe('changes of a sync that a program started', () => {
  it('are an iterator, which ends with the sync', async () => {
    const { folder, config } = place();
    writeFileSync(config, readFileSync(config, 'utf8').replace('"only_once":true', '"only_once":false'));
    const application = LockstepApplication.start();
    application.open(join(folder, 'db'), { sync: false });
    application.put('d', 'k', 'v');
    const script = join(folder, 'listener.mjs');
    writeFileSync(script, LISTENER);
    const child = spawn(process.execPath, [script, join(root, 'dist/index.js'), config]);
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    let count = 0;
    // Threads begin to collect a moment after somebody listens.
    await eventually(
      () => {
        if (output.includes('listening')) application.put('d', 'k', `${count++}`);
        return child.exitCode !== null;
      },
      { what: 'its end' },
    );
    await application.stop();
    expect(output.split('\n')).toEqual([
      'listening',
      '["main",{"kind":"local"},[["d",[["k","put"]]]]]',
      expect.stringContaining('"done":'),
      '',
    ]);
  });
});
