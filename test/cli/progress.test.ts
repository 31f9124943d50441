import { describe, expect, it, onTestFinished } from 'vitest';
import { openProgress } from '../../src/cli/progress.ts';
import { openBar } from '../../src/cli/progress-bar.ts';
import type { Session } from '../../src/cli/session.ts';
import { SyncProgress } from '../../src/cli/sync-progress.ts';
import { createLog, silentLog } from '../../src/log/index.ts';
import type { SyncEvent } from '../../src/sync/index.ts';
import { eventually } from '../support/eventually.ts';

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

/** What a terminal of one line shows: text overwrites, `\r` goes to the begin, `ESC [K` erases to the end. */
class Screen {
  readonly columns = 60;
  readonly lines: string[] = [];
  #line = '';
  #at = 0;

  write(text: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal takes
    for (const part of text.split(/(\r|\n|\u001b\[K)/u)) {
      if (part === '\r') this.#at = 0;
      else if (part === '\u001b[K') this.#line = this.#line.slice(0, this.#at);
      else if (part === '\n') {
        this.lines.push(this.#line);
        this.#line = '';
        this.#at = 0;
      } else {
        this.#line = this.#line.slice(0, this.#at) + part + this.#line.slice(this.#at + part.length);
        this.#at += part.length;
      }
    }
  }

  get line(): string {
    return this.#line;
  }
}

describe('the bar of a sync', () => {
  const cut = (line: string): string => line.slice(0, 59);
  const event = (body: object): SyncEvent => ({ db: 'main', atMs: 0, ...body }) as SyncEvent;
  const merging = (done: number, total?: number) => event({ type: 'merging', name: 'n', done, total, tell: false });

  it('gives way to lines of the log, and is gone when the work has ended', async () => {
    const screen = new Screen();
    const progress = new SyncProgress(await openBar(screen));
    onTestFinished(() => progress.stop());
    progress.onEvent(merging(4096));
    expect(screen.line).toBe('4,096 entries, main: reading n');
    // As a worker thread writes it.
    createLog({ stream: screen, isTty: true, hasBar: true, hasColours: false, timestamp: 'disable' }).info('a line');
    expect(screen.lines).toEqual(['INFO a line']);
    progress.onEvent(event({ type: 'lock', waitMs: 0, heldMs: 0 }));
    progress.onEvent(merging(50, 200));
    await eventually(() =>
      expect(screen.line).toBe(cut('[######..................] 50 of 200 entries, main: merging n')),
    );
    progress.onEvent(event({ type: 'loaded', db: 'other' }));
    expect(screen.line).not.toBe('');
    progress.onEvent(event({ type: 'loaded' }));
    expect(screen.line).toBe('');
    progress.onEvent(event({ type: 'filling', dbi: 'd', filled: 1, entries: 4, tell: true }));
    expect(screen.line).toBe(cut('[######..................] 1 of 4 entries, main: filling the shadow of d'));
    progress.onEvent(
      event({ type: 'downloading', name: 'n', doneBytes: 1.5 * 2 ** 20, totalBytes: 3 * 2 ** 20, tell: false }),
    );
    await eventually(() =>
      expect(screen.line).toBe(cut('[############............] 1.5 MB of 3.0 MB, main: downloading n')),
    );
    expect(screen.lines).toEqual(['INFO a line']);
  });
});
