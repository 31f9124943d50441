import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { acquireInstanceLock, InstanceLockedError } from '../../src/lmdb/index.ts';
import { temporaryFolder } from '../support/temporary.ts';

function take(dataPath: string, holder = 'process 17, instance a') {
  const lock = acquireInstanceLock(dataPath, holder);
  onTestFinished(() => lock?.release());
  return lock;
}

describe('the lock of the one who syncs', () => {
  it('is had once; the other is told who has it; after a release it is free, and its file is gone', () => {
    const dataPath = join(temporaryFolder(), 'pdns.lmdb');
    const lock = take(dataPath)!;
    expect(lock.path).toBe(`${dataPath}.lmdbstream-lock`);
    expect(readFileSync(lock.path, 'utf8')).toBe('process 17, instance a\n');
    const again = () => take(dataPath, 'process 18, instance b');
    expect(again).toThrow(InstanceLockedError);
    expect(again).toThrow(/pdns\.lmdb is synced by another lmdbstream already: process 17, instance a/);
    lock.release();
    lock.release();
    expect(existsSync(lock.path)).toBe(false);
    expect(again()).toBeDefined();
  });

  it('is released by the kernel when its process dies, and a file left behind does not matter', async () => {
    const dataPath = join(temporaryFolder(), 'data.mdb');
    const file = `${dataPath}.lmdbstream-lock`;
    const script = `import fcntl, sys, time
f = open(sys.argv[1], "w"); fcntl.flock(f, fcntl.LOCK_EX); f.write("process 4711, instance x\\n"); f.flush(); print("locked", flush=True); time.sleep(60)`;
    const other = spawn('/usr/bin/python3', ['-c', script, file]);
    onTestFinished(() => void other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    expect(() => take(dataPath)).toThrow(/process 4711, instance x/);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(readFileSync(file, 'utf8')).toContain('4711');
    expect(take(dataPath)).toBeDefined();
    expect(readFileSync(file, 'utf8')).toBe('process 17, instance a\n');
  });

  it('can be taken on a file that may only be read; without a file to lock nothing is guarded', () => {
    const folder = temporaryFolder();
    const dataPath = join(folder, 'data.mdb');
    writeFileSync(`${dataPath}.lmdbstream-lock`, '');
    chmodSync(`${dataPath}.lmdbstream-lock`, 0o444);
    expect(take(dataPath)).toBeDefined();
    expect(take(join(folder, 'missing', 'data.mdb'))).toBeUndefined();
  });
});
