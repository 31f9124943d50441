import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';

const setup = resolve(import.meta.dirname, '../../scripts/setup.mjs');

/** A process that installs under a policy of services at this path; `body` is what stands for the installation. */
function installing(policy: string, body: string) {
  const script = `import { withoutServices } from ${JSON.stringify(setup)};
    await withoutServices(async () => { ${body} }, ${JSON.stringify(policy)});`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
}

describe('the policy that forbids services while packages are installed', () => {
  it('says 101 meanwhile, and is gone afterwards', async () => {
    const policy = join(temporaryFolder(), 'policy-rc.d');
    const body = `const { spawnSync } = await import('node:child_process');
      process.stdout.write(String(spawnSync(${JSON.stringify(policy)}, ['pdns', 'start']).status)); return true;`;
    const child = installing(policy, body);
    const [status] = (await once(child.stdout, 'data')) as [Buffer];
    expect(status.toString()).toBe('101');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(existsSync(policy)).toBe(false);
  });

  it('is gone when the installation fails', async () => {
    const policy = join(temporaryFolder(), 'policy-rc.d');
    expect(await once(installing(policy, "throw new Error('no network');"), 'close')).toEqual([1, null]);
    expect(existsSync(policy)).toBe(false);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('stays on %s until the installation has ended', async (signal, code) => {
    const policy = join(temporaryFolder(), 'policy-rc.d');
    const child = installing(
      policy,
      `process.on('${signal}', () => process.stdout.write('signalled'));
       process.stdout.write('ready'); for await (const _ of process.stdin); return true;`,
    );
    await once(child.stdout, 'data');
    child.kill(signal);
    await once(child.stdout, 'data');
    expect(existsSync(policy)).toBe(true);
    child.stdin.end();
    expect(await once(child, 'close')).toEqual([code, null]);
    expect(existsSync(policy)).toBe(false);
  });

  it('of somebody else is respected', async () => {
    const policy = join(temporaryFolder(), 'policy-rc.d');
    writeFileSync(policy, '#!/bin/sh\nexit 104\n');
    expect(await once(installing(policy, 'return true;'), 'close')).toEqual([0, null]);
    expect(readFileSync(policy, 'utf8')).toContain('104');
  });
});
