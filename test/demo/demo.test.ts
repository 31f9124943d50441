import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..');

interface Run {
  code: number | null;
  output: string;
}

/** Where the demo works, so that what it leaves behind shows. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lmdbstream-demo-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs `npm run demo` without npm; `stopAt`: SIGINT to it alone when it has said this. */
async function runDemo(args: readonly string[], stopAt?: RegExp): Promise<Run> {
  const env = { ...process.env, TMPDIR: folder };
  const child = spawn('node', [join('scripts', 'demo.mjs'), ...args], { cwd: root, env, stdio: 'pipe' });
  let output = '';
  let isStopping = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      if (!isStopping && stopAt?.test(output)) isStopping = child.kill('SIGINT');
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

/** Pids that the demo told of. */
const pidsOf = (output: string): number[] => [...output.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function expectNothingLeft(output: string): void {
  const pids = pidsOf(output);
  expect(pids).toHaveLength(4);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
}

describe('npm run demo', () => {
  it('two applications, two instances, a folder: equal', async () => {
    const { code, output } = await runDemo([]);
    expect(output).toMatch(/^ {2}equal: 1009 entries$/m);
    expect(output).toMatch(/A put {4}apple = red +seen on B after [\d.]+ ms/);
    expect(output).toMatch(/B delete pear +gone on A after [\d.]+ ms/);
    expect(output).toMatch(/A puts 1000 grapes in one transaction +1000 at once on B after [\d.]+ ms/);
    expect(output).toMatch(/both read (?:black|white)/);
    expect(output).not.toContain('complained');
    expect(code).toBe(0);
    expectNothingLeft(output);
  });

  it('two PowerDNS servers: equal', async () => {
    const { code, output } = await runDemo(['--pdns']);
    expect(output).toMatch(/^ {2}main +equal: \d+ entries$/m);
    expect(output).toMatch(/^ {2}shard-0 +equal: \d+ entries$/m);
    expect(output).toMatch(/B answers the same DNSKEY after [\d.]+ ms/);
    expect(output).not.toContain('complained');
    expect(code).toBe(0);
    expectNothingLeft(output);
  });

  it('Ctrl-C ends what it started, and leaves nothing behind', async () => {
    const { code, output } = await runDemo([], /update apple/);
    expect(code).toBe(130);
    expectNothingLeft(output);
  });

  it('refuses what it does not know', async () => {
    expect(await runDemo(['--fast'])).toMatchObject({ code: 2, output: expect.stringContaining('--fast') });
  });
});
