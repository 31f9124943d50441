import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutPrivileges } from '../support/privileges.ts';
import { Workplace } from './harness.ts';

/** What only a real process shows. It runs the compiled files: `npx tsc -p tsconfig.build.json` comes first. */

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'bin/lmdbstream.js');
const processes = join(root, 'dist/cli/processes.js');

/** The time only ends a program that would hang. */
const OPTIONS = { encoding: 'utf8', maxBuffer: 2 ** 30, timeout: 50_000 } as const;

function lmdbstream(...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv], OPTIONS);
  return { status, stdout, stderr };
}

async function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal };
}

/** More than a pipe holds, and with its shadow within the map of `Workplace`. */
const ENTRIES = 8000;

let place: Workplace;
beforeAll(() => {
  if (!existsSync(processes)) throw new Error('dist is missing: npx tsc -p tsconfig.build.json');
  place = new Workplace();
  place.fill('main', (transaction) => {
    const dbi = transaction.openOrCreateDbi('data', 0);
    for (let at = 0; at < ENTRIES; at++) transaction.put(dbi, Buffer.from(`key ${at}`), Buffer.alloc(200, 'v'));
  });
});
afterAll(() => place.remove());

describe('the program', () => {
  it('prints its version and ends with 0', () => {
    const { status, stdout, stderr } = lmdbstream('version');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('tells a mistake in two lines, without a stack, and ends with 2', () => {
    const { status, stdout, stderr } = lmdbstream('dmup');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe("Error: unknown command 'dmup'\nHint: Did you mean dump?\n");
  });

  it('starts where the folder of its cache may not be looked at', () => {
    const closed = join(place.folder, 'closed');
    mkdirSync(closed, { mode: 0o000 });
    // Before 22.1 Node has no such cache, and the folder is not looked at.
    const cached = 'import module from "node:module"; module.enableCompileCache ??= () => {};';
    const node = [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(cached)}`];
    const [command, ...words] = [...withoutPrivileges, ...node, bin, 'version'];
    const env = { ...process.env, CACHE_DIRECTORY: join(closed, 'cache') };
    const { status, stderr } = spawnSync(command!, words, { ...OPTIONS, env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('prints a whole dump into a pipe', () => {
    const { status, stdout } = lmdbstream('-c', place.config, 'dump');
    expect(status).toBe(0);
    expect(stdout.match(/^key /gm)).toHaveLength(ENTRIES);
  });

  it('ends with 0 when the reader of a dump goes away', async () => {
    const child = spawn(process.execPath, [bin, '-c', place.config, 'dump'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
    });
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await exitOf(child)).toEqual({ code: 0, signal: null });
    expect(stderr).toBe('');
  });

  it('logs to standard error', () => {
    const { status, stdout, stderr } = lmdbstream('-c', place.config, '--debug', 'snapshots', 'list');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toContain('level=debug');
  });
});

describe('sync', () => {
  const stored = (): string[] => lmdbstream('-c', place.config, 'snapshots', 'list').stdout.split('\n').filter(Boolean);

  it('--only-once publishes and ends with 0', () => {
    expect(stored()).toEqual([]);
    expect(lmdbstream('-c', place.config, 'sync', '--only-once')).toMatchObject({ status: 0, stdout: '' });
    const names = stored();
    expect(names).toEqual([expect.stringMatching(/^main__here__.*\.pb\.gz$/)]);
    const { status, stdout } = lmdbstream('-c', place.config, 'snapshots', 'dump', names[0]!);
    expect(status).toBe(0);
    expect(stdout.match(/^key .*flags=00\)$/gm)).toHaveLength(ENTRIES);
  });

  it('opens no debugger on SIGUSR1', async () => {
    const child = spawn(process.execPath, [bin, '-c', place.config, 'sync'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const exit = exitOf(child);
    let log = '';
    for await (const text of child.stderr) {
      log += String(text);
      if (!log.includes('Opened LMDB') || child.killed) continue;
      // In that order: a process that ends on the first would not end with 0 on the second.
      child.kill('SIGUSR1');
      child.kill('SIGTERM');
    }
    expect(await exit).toEqual({ code: 0, signal: null });
    expect(log).not.toMatch(/debugger/i);
  });

  it('tells the error of a database once', () => {
    const config = place.file(
      'missing.yaml',
      `lmdbs: { gone: { path: ${place.lmdbPath('gone')} } }\nstorage: { type: memory }\n`,
    );
    for (const format of ['human', 'json']) {
      const { status, stderr } = lmdbstream('-c', config, 'sync', '--log-format', format);
      expect({ status, times: stderr.match(/No such file/g)?.length }).toEqual({ status: 1, times: 1 });
    }
  });

  it('writes one format on a terminal, whichever thread writes', () => {
    const script = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
    const argv = [process.execPath, bin, '-c', place.config, 'sync', '--only-once'];
    const { status, stdout } = spawnSync('python3', ['-c', script, ...argv], OPTIONS);
    expect(status).toBe(0);
    const lines = stdout.split(/\r?\n/).filter(Boolean);
    // From the main thread and from a worker.
    for (const message of ['Starting', 'Opened LMDB']) expect(stdout).toContain(message);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    expect(lines.filter((line) => !/^(?:\r|\u001b\[K)*\u001b\[36mINFO\u001b\[0m\[\d{4}\] /.test(line))).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('ends with 0 on %s', async (signal) => {
    const child = spawn(process.execPath, [bin, '-c', place.config, 'sync'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const exit = exitOf(child);
    let log = '';
    for await (const text of child.stderr) {
      log += String(text);
      // The first line of a database that is being served.
      if (log.includes('Opened LMDB') && !child.killed) child.kill(signal);
    }
    expect({ ...(await exit), log }).toEqual({ code: 0, signal: null, log: expect.stringContaining(signal) });
  });

  it('ends with 75 on --timeout', () => {
    const { status, stderr } = lmdbstream('-c', place.config, 'sync', '--timeout', '1s');
    expect(status).toBe(75);
    expect(stderr).toMatch(/\nError: stopped after 1s, because of --timeout\n$/);
  });
});

describe('the restart of --minimum-pid', () => {
  // In the parent the module starts this same script again; the child says so and waits.
  const script = (whenReady: string): string => `
    import { restartProcess } from ${JSON.stringify(processes)};
    if (process.env.IS_CHILD) { ${whenReady} }
    else process.exitCode = await restartProcess({ ...process.env, IS_CHILD: '1' });`;
  const start = (name: string, whenReady: string): ChildProcess =>
    spawn(process.execPath, [place.file(name, script(whenReady))], { stdio: ['ignore', 'pipe', 'inherit'] });
  const wait = "process.stdout.write('ready'); setInterval(() => {}, 1000);";

  it('passes the exit code through', async () => {
    expect(await exitOf(start('code.mjs', 'process.exitCode = 75;'))).toEqual({ code: 75, signal: null });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on', async (signal) => {
    const child = start(`${signal}.mjs`, `process.on('${signal}', () => process.exit(41)); ${wait}`);
    await once(child.stdout!, 'data');
    child.kill(signal);
    expect(await exitOf(child)).toEqual({ code: 41, signal: null });
  });

  it('keeps the child out of reach of Ctrl-C, which would be a second signal', async () => {
    const group = "readFileSync('/proc/self/stat', 'utf8').split(' ')[4]";
    const child = start(
      'group.mjs',
      `const { readFileSync } = await import('node:fs'); process.exitCode = Number(${group}) === process.pid ? 42 : 1;`,
    );
    expect(await exitOf(child)).toEqual({ code: 42, signal: null });
  });

  it('tells which signal ended the child', async () => {
    const child = start('killed.mjs', wait);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await exitOf(child)).toEqual({ code: 143, signal: null });
  });

  it('uses up a process id', () => {
    const pids = `import { burnPid } from ${JSON.stringify(processes)};
      import { spawnSync } from 'node:child_process';
      const pid = () => spawnSync('true').pid;
      const before = pid(); burnPid(); burnPid(); burnPid();
      process.stdout.write(String(pid() - before));`;
    const { stdout } = spawnSync(process.execPath, [place.file('burn.mjs', pids)], { encoding: 'utf8' });
    // Others start processes, too; ids may even start from the beginning, but not from where they were.
    expect(Number(stdout)).not.toBe(1);
    expect(stdout).toMatch(/^-?\d+$/);
  });
});
