import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LockstepApplication } from '../support/application/lockstep-application.ts';

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
