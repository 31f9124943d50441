import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ReadersFullError, SamePidError } from '../../src/lmdb/index.ts';
import { bytes, lmdbPath, openEnvironment, ownReaders, startApplication } from './environments.ts';

describe('few reader slots', () => {
  it.each([1, 2])(
    '%i, as the application asked for: known, told when they are full, and one is kept by renewing it',
    async (slots) => {
      const path = lmdbPath();
      const application = await startApplication(path, { maxReaders: slots });
      const env = openEnvironment(path);
      expect(env.readerSlots).toBe(slots);
      await application.put('a', 'k', '1');
      const held = Array.from({ length: slots }, () => env.beginRead());
      expect(() => env.beginRead()).toThrow(ReadersFullError);
      expect(() => env.beginRead()).toThrow(slots === 1 ? /the only slot is taken/ : /all 2 slots are taken/);
      expect(() => env.beginRead()).toThrow(
        expect.objectContaining({ slots, hint: expect.stringContaining('maxreaders') }),
      );

      const [reader] = held;
      const before = reader!.id;
      await application.put('a', 'k', '2');
      const cursor = reader!.cursor(reader!.openDbi('a')!);
      reader!.renew();
      expect(reader!.id).toBe(before + 1);
      expect(() => cursor.next()).toThrow(TypeError);
      expect(reader!.get(reader!.openDbi('a')!, bytes('k'))).toEqual(bytes('2'));
      expect(ownReaders(env)).toHaveLength(slots);
      for (const transaction of held) transaction.abort();
      expect(() => reader!.renew()).toThrow(TypeError);
      env.read(() => {});
    },
  );

  it('a renewed transaction gives its DBI handles up: another may open some', () => {
    const env = openEnvironment();
    env.write((transaction) => void transaction.openOrCreateDbi('a', 0));
    const reader = env.beginRead();
    reader.openDbi('a');
    expect(() => env.read((other) => other.openDbi('a'))).toThrow(TypeError);
    reader.renew();
    expect(env.read((other) => other.openDbi('a'))).toBeDefined();
    reader.abort();
  });

  it('only a read transaction can be renewed', () => {
    const env = openEnvironment();
    expect(() => env.write((transaction) => transaction.renew())).toThrow(TypeError);
  });
});

/** Holds our place in the lock file, as a process with our id in another PID namespace does (`mdb_reader_pid`). */
async function namesake(path: string, seconds: number) {
  const script = `import fcntl, sys, time
f = open(sys.argv[1], "r+b"); fcntl.lockf(f, fcntl.LOCK_EX, 1, int(sys.argv[2])); print("locked", flush=True); time.sleep(float(sys.argv[3])); f.close()`;
  const args = ['-c', script, join(path, 'lock.mdb'), String(process.pid), String(seconds)];
  const holder = spawn('/usr/bin/python3', args);
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
}

describe('a process of another container with our process id', () => {
  it('is told of, with the flag that helps', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    await namesake(path, 60);
    expect(() => env.beginRead()).toThrow(SamePidError);
    const told = {
      code: 'SAME_PID',
      message: expect.stringContaining(`(${process.pid})`),
      hint: expect.stringContaining('--minimum-pid'),
    };
    expect(() => env.beginRead()).toThrow(expect.objectContaining(told));
    expect(env.openTransactions).toBe(0);
    env.write((transaction) => void transaction.openOrCreateDbi('writing needs no reader', 0));
  });

  it('a passing one is waited for', async () => {
    const path = lmdbPath();
    const env = openEnvironment(path);
    await namesake(path, 0.1);
    expect(env.read((transaction) => transaction.dbiNames())).toEqual([]);
  });
});
