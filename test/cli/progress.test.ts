import { expect, it } from 'vitest';
import { openProgress } from '../../src/cli/progress.ts';
import type { Session } from '../../src/cli/session.ts';
import { silentLog } from '../../src/log/index.ts';

function sessionAt(clock: { nowMs: number }, lines: object[]): Session {
  const log = { ...silentLog, info: (message: string, fields = {}) => void lines.push({ message, ...fields }) };
  const session: Partial<Session> = {
    log,
    logStyle: { isTty: false },
    io: { now: () => clock.nowMs } as Session['io'],
  };
  return session as Session;
}

it('off a terminal, progress is a line of the log every five seconds', async () => {
  const clock = { nowMs: 1000 };
  const lines: object[] = [];
  const progress = await openProgress(sessionAt(clock, lines));
  const show = (done: number): void => progress.show({ what: 'main: hashing', done, total: 100, unit: 'entries' });
  show(1);
  clock.nowMs += 4999;
  show(2);
  expect(lines).toEqual([]);
  clock.nowMs += 1;
  show(3);
  show(4);
  expect(lines).toEqual([{ message: 'main: hashing', done: 3, total: 100, unit: 'entries' }]);
  progress.stop();
});
