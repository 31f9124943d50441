import { describe, expect, it } from 'vitest';
import { ensureMinimumPid } from '../../src/cli/minimum-pid.ts';
import { createLog } from '../../src/log/index.ts';

async function ensure(pid: number, minimumPid: number, env: Record<string, string> = {}) {
  let burned = 0;
  const restarts: Readonly<Record<string, string | undefined>>[] = [];
  let log = '';
  const io = {
    pid,
    env,
    burnPid: () => void burned++,
    restart: async (childEnv: Readonly<Record<string, string | undefined>>) => {
      restarts.push(childEnv);
      return 42;
    },
  };
  const stream = {
    write: (line: string) => {
      log += line;
    },
  };
  const exitCode = await ensureMinimumPid(io, minimumPid, createLog({ stream }));
  return { exitCode, burned, restarts, log };
}

describe('--minimum-pid', () => {
  it.each([
    [1, 0],
    [50, 50],
    [300, 200],
    [250, 1000],
  ])('process %d goes on itself when %d is asked for', async (pid, minimum) => {
    expect(await ensure(pid, minimum)).toMatchObject({ exitCode: undefined, burned: 0, restarts: [] });
  });

  it('uses up ids, starts again, and passes the exit code through', async () => {
    const outcome = await ensure(1, 50, { HOME: '/root' });
    expect(outcome).toMatchObject({ exitCode: 42, burned: 49 });
    expect(outcome.restarts).toEqual([{ HOME: '/root', LIGHTNINGSTREAM_NO_PID_CHECK: '1' }]);
  });

  it('is limited to 200', async () => {
    const outcome = await ensure(100, 5000);
    expect(outcome).toMatchObject({ exitCode: 42, burned: 100 });
    expect(outcome.log).toContain('level=warning');
  });

  it('starts again once only', async () => {
    const outcome = await ensure(7, 50, { LIGHTNINGSTREAM_NO_PID_CHECK: '1' });
    expect(outcome).toMatchObject({ exitCode: undefined, burned: 0, restarts: [] });
    expect(outcome.log).toContain('level=warning');
  });
});
