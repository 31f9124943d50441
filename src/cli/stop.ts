import { constants } from 'node:os';
import type { Log } from '../log/index.ts';
import type { Io, StopSignal } from './io.ts';

/** Time a command has for a clean stop after `--timeout` ran out. */
export const STOP_GUARD_MS = 10_000;
/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** SIGHUP too: a terminal that goes away asks for a clean stop. Logs go to standard error, so there is none to reopen. */
const SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** Why `Stop.signal` was aborted; what waits on the signal rejects with it. */
class StopRequest extends Error {
  constructor(reason: string) {
    super(`stopped: ${reason}`);
    this.name = 'StopRequest';
  }
}

/** The ways in which a command is asked to end before it is done: a signal of the system, and `--timeout`. */
export class Stop {
  readonly #controller = new AbortController();
  readonly #io: Pick<Io, 'signals' | 'exit'>;
  readonly #log: Log;
  readonly #undo: (() => void)[] = [];
  #hasSignal = false;
  #timedOut = false;

  constructor(io: Pick<Io, 'signals' | 'exit'>, log: Log) {
    this.#io = io;
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** The first SIGTERM, SIGINT or SIGHUP asks for a clean stop; the second ends the process at once, with 128 plus its number. */
  onSignals(): void {
    for (const name of SIGNALS) {
      const listener = (): void => this.#onSignal(name);
      this.#io.signals.on(name, listener);
      this.#undo.push(() => this.#io.signals.off(name, listener));
    }
  }

  /** @returns resolves when the time and then the guard have run out, which a clean stop never waits for */
  after(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wait(timeoutMs, () => {
        this.#timedOut = true;
        this.#log.warn('the time of --timeout is over, stopping');
        this.#controller.abort(new StopRequest('--timeout'));
        this.#wait(STOP_GUARD_MS, resolve);
      });
    });
  }

  /** No timer and no listener of ours is left afterwards. */
  dispose(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #wait(durationMs: number, then: () => void): void {
    const partMs = Math.min(durationMs, MAX_TIMER_MS);
    const timer = setTimeout(() => (partMs < durationMs ? this.#wait(durationMs - partMs, then) : then()), partMs);
    this.#undo.push(() => clearTimeout(timer));
  }

  #onSignal(name: StopSignal): void {
    if (this.#hasSignal) {
      this.#log.warn(`second signal (${name}), ending at once`);
      this.#io.exit(128 + constants.signals[name]);
      return;
    }
    this.#hasSignal = true;
    this.#log.info(`${name}: finishing the current transaction and upload; a second signal ends at once`);
    this.#controller.abort(new StopRequest(name));
  }
}
