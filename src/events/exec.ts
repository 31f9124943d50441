import { type ChildProcess, spawn } from 'node:child_process';
import type { ChangeEvent } from '../sync/index.ts';
import { EventConsumerError } from './errors.ts';
import { linesOf } from './message.ts';

export interface ExecOptions {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** How much of what a failed command wrote to standard error is told. */
const STDERR_SHOWN = 500;

/** So long its standard error is read after its end. */
const LAST_WORDS_MS = 500;

/** Runs a command with the events as NDJSON on its standard input. One at a time: `Delivery` sees to that. */
export function execDelivery({ command, timeoutMs }: ExecOptions) {
  const [program, ...args] = command;
  return (events: readonly ChangeEvent[], signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      // A process group of its own, so that what it started ends with it.
      const child = spawn(program!, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
      const limits = [signal, AbortSignal.timeout(timeoutMs)];
      const giveUp = (): void => killGroup(child);
      for (const limit of limits) limit.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (stderr.length < STDERR_SHOWN) stderr += text;
      });
      const fail = (what: string, hint: string, cause?: unknown): void =>
        reject(new EventConsumerError('exec', `${program}: ${what}`, hint, cause));
      child.on('error', (error) =>
        fail(error.message, 'look at events.exec.command: is it there, and executable?', error),
      );
      child.on('exit', (code) => {
        for (const limit of limits) limit.removeEventListener('abort', giveUp);
        if (code === 0) resolve();
        // Whoever it left running in the background may keep the pipe open for ever.
        AbortSignal.timeout(LAST_WORDS_MS).addEventListener('abort', () => child.stderr.destroy());
      });
      child.on('close', (code, killedBy) => {
        if (code === 0) return;
        const said = stderr.trim().slice(0, STDERR_SHOWN);
        const how = killedBy
          ? `was ended by ${killedBy} after ${timeoutMs} ms at most`
          : `ended with exit code ${code}`;
        fail(
          said ? `${how}: ${said}` : how,
          'the command must read its standard input and end with 0 within events.exec.timeout',
        );
      });
      // A command that does not read all of its input is its own business.
      child.stdin.on('error', () => {});
      child.stdin.end(linesOf(events));
    });
}

/** The command, and all that it started. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
