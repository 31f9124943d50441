import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openServiceNotifier } from '../../src/cli/service/index.ts';
import { ServiceNotifier, watchdogIntervalMs } from '../../src/cli/service/notifier.ts';
import { addressOf, openNotifySocket } from '../../src/cli/service/notify-socket.ts';
import type { SyncEvent } from '../../src/sync/index.ts';
import { Syncer, writeConfig } from '../e2e/product.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';

const phase = (db: string, name: 'listing' | 'joining' | 'running'): SyncEvent =>
  ({ type: 'phase', phase: name, db, atMs: 0 }) as never;

describe('what a service manager is told', () => {
  afterEach(() => void vi.useRealTimers());

  function notifier(databases: string[], watchdogMs?: number) {
    const said: string[] = [];
    let works = true;
    const send = (message: string): boolean => works && said.push(message) > 0;
    return {
      said,
      notifier: new ServiceNotifier({ send, databases, watchdogMs }),
      fail: (fails: boolean): void => {
        works = !fails;
      },
    };
  }

  it('is ready when the last database has listed the bucket, once', () => {
    const { said, notifier: service } = notifier(['a', 'b']);
    for (const event of [phase('a', 'listing'), phase('a', 'joining'), phase('a', 'running')]) service.onEvent(event);
    expect(said.join('')).not.toContain('READY=1');
    expect(said.at(-1)).toBe('STATUS=Opening LMDB and listing the bucket: 1 of 2 databases\n');
    service.onEvent(phase('b', 'joining'));
    expect(said.at(-1)).toBe('READY=1\nSTATUS=Keeping 2 databases in step\n');
    service.onEvent(phase('b', 'running'));
    expect(said.length).toBe(3);
    service.dispose();
  });

  it('is told of a stop once, and not of being ready after it', () => {
    const { said, notifier: service } = notifier(['a']);
    service.stopping();
    service.onEvent(phase('a', 'joining'));
    service.dispose();
    expect(said.slice(1)).toEqual(['STOPPING=1\nSTATUS=Finishing the current transaction and upload\n']);
  });

  it('feeds the watchdog until the end, also while it stops', () => {
    vi.useFakeTimers();
    const { said, notifier: service } = notifier(['a'], 100);
    vi.advanceTimersByTime(200);
    service.stopping();
    vi.advanceTimersByTime(100);
    expect(said.filter((text) => text === 'WATCHDOG=1\n').length).toBe(3);
    service.dispose();
    vi.advanceTimersByTime(1000);
    expect(said.filter((text) => text === 'WATCHDOG=1\n').length).toBe(3);
  });

  it('gets what could not be sent with the next message, without old watchdog lines', () => {
    vi.useFakeTimers();
    const { said, notifier: service, fail } = notifier(['a'], 100);
    fail(true);
    service.onEvent(phase('a', 'joining'));
    vi.advanceTimersByTime(500);
    fail(false);
    vi.advanceTimersByTime(100);
    expect(said.at(-1)).toBe('READY=1\nSTATUS=Keeping 1 database in step\nWATCHDOG=1\n');
    service.dispose();
  });

  it('is there only when the environment says so', async () => {
    expect(await openServiceNotifier({ env: {}, pid: 1 }, ['a'])).toBeUndefined();
    expect(await openServiceNotifier({ env: { NOTIFY_SOCKET: 'vsock:2:1' }, pid: 1 }, ['a'])).toBeUndefined();
  });
});

describe('the watchdog', () => {
  it.each([
    [{}, undefined],
    [{ WATCHDOG_USEC: '60000000' }, 30_000],
    [{ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 30_000],
    [{ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, undefined],
    [{ WATCHDOG_USEC: 'soon' }, undefined],
    [{ WATCHDOG_USEC: '0' }, undefined],
    [{ WATCHDOG_USEC: '1' }, 1],
  ])('%j: every %s ms', (env, expected) => {
    expect(watchdogIntervalMs(env, 7)).toBe(expected);
  });
});

describe('addresses of the socket', () => {
  it('are a family and a path, an abstract one with a zero in front', () => {
    expect(addressOf('/run/n')?.subarray(2).toString()).toBe('/run/n');
    expect(addressOf('@n')?.subarray(2)).toEqual(Buffer.from('\0n'));
    expect(addressOf('/run/n')?.readUInt16LE(0)).toBe(1);
  });

  it('refuses what is no such address, or too long for one', () => {
    for (const path of ['', 'relative', 'vsock:2:1', `/${'x'.repeat(107)}`]) expect(addressOf(path)).toBeUndefined();
    expect(addressOf(`/${'x'.repeat(106)}`)?.length).toBe(109);
  });
});

/** A service manager: prints every datagram that it gets, with a line of its own after each. */
const MANAGER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1))
print("bound", flush=True)
while True:
    print(s.recv(65536).decode(), end="", flush=True)
`;

class Manager {
  said = '';
  readonly #child: ChildProcess;

  constructor(path: string) {
    this.#child = spawn('python3', ['-c', MANAGER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout!.on('data', (chunk) => {
      this.said += chunk;
    });
  }

  async says(pattern: RegExp): Promise<void> {
    await eventually(() => pattern.test(this.said), { what: `${pattern} in ${this.said}` });
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}

describe('the real socket', () => {
  it.each([
    ['a path', (folder: string) => join(folder, 'notify')],
    ['an abstract name', () => `@lmdbstream-test-${process.pid}`],
  ])('%s gets one datagram a message; without a listener it says so', async (_, pathIn) => {
    const path = pathIn(temporaryFolder());
    const send = openNotifySocket(path)!;
    expect(send('nobody')).toBe(false);
    const manager = new Manager(path);
    try {
      await manager.says(/bound/);
      expect(send('STATUS=größer\n')).toBe(true);
      await manager.says(/^STATUS=größer$/m);
    } finally {
      await manager.end();
    }
  });

  it('the product says when it is ready, that it lives, and that it stops', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'notify');
    const manager = new Manager(path);
    try {
      await manager.says(/bound/);
      const bucket = join(folder, 'bucket');
      const db = join(folder, 'db');
      for (const name of [bucket, db]) mkdirSync(name);
      const config = writeConfig(folder, 'c', { lmdbs: { main: { path: db, options: { create: true } } }, bucket });
      const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' };
      const syncer = new Syncer({ config, instance: 'a', env, limitMs: 50_000 });
      onTestFinished(() => syncer.kill());
      await manager.says(/^READY=1$/m);
      await manager.says(/^WATCHDOG=1$/m);
      expect(manager.said).not.toContain('STOPPING');
      expect(await syncer.stop()).toBe(0);
      await manager.says(/^STOPPING=1$/m);
    } finally {
      await manager.end();
    }
  });
});
