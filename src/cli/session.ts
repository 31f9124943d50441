import type { Command } from 'commander';
import {
  applyFlags,
  type Config,
  type ConfigFlags,
  formatGoDuration,
  loadConfig,
  redactConfig,
} from '../config/index.ts';
import { createLog, type Log } from '../log/index.ts';
import { CommandTimeoutError } from './errors.ts';
import type { GlobalFlags } from './global-flags.ts';
import type { Io } from './io.ts';
import { ensureMinimumPid } from './minimum-pid.ts';
import type { Output } from './output.ts';
import { Stop } from './stop.ts';
import { version } from './version.ts';

/** What a command works with once the configuration is loaded. */
export interface Session {
  readonly config: Config;
  readonly log: Log;
  readonly out: Output;
  /** Aborted when the command is to stop. */
  readonly signal: AbortSignal;
  readonly io: Io;
}

export interface SessionOptions {
  readonly flags?: Pick<ConfigFlags, 'onlyOnce' | 'acceptStale'>;
  /**
   * SIGTERM and SIGINT abort the signal instead of ending the process. Only for commands that leave the main thread
   * free: one that waits for LMDB's write lock could not be ended otherwise.
   */
  readonly stopsOnSignal?: boolean;
}

/** Exit code of `--timeout`, EX_TEMPFAIL of sysexits.h. */
export const EXIT_TIMEOUT = 75;

/** Leads a command from its flags to its end. */
export class SessionRunner {
  readonly out: Output;
  readonly #io: Io;
  readonly #program: Command;
  #exitCode = 0;
  #log: Log | undefined;
  #machineLog: Log | undefined;

  constructor(io: Io, out: Output, program: Command) {
    this.out = out;
    this.#io = io;
    this.#program = program;
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  get debug(): boolean {
    return this.#flags.debug === true;
  }

  /** The log that errors belong into, once it is known to be read by a program. */
  get machineLog(): Log | undefined {
    return this.#machineLog;
  }

  get #flags(): GlobalFlags {
    return this.#program.opts();
  }

  /** Loads the configuration, then runs `body` under the global flags. */
  async run(body: (session: Session) => Promise<void>, options: SessionOptions = {}): Promise<void> {
    const flags = this.#flags;
    const config = applyFlags(loadConfig(flags.config, { env: this.#io.env }), { ...flags, ...options.flags });
    const log = this.#openLog(config);
    log.debug('running', { version: version() });
    for (const warning of config.warnings) log.warn(warning);
    const childExitCode = await ensureMinimumPid(this.#io, flags.minimumPid ?? 0, log);
    if (childExitCode !== undefined) {
      this.#exitCode = childExitCode;
      return;
    }
    if (flags.logConfig) log.info(`effective configuration:\n${redactConfig(config)}`);
    const stop = new Stop(this.#io, log);
    if (options.stopsOnSignal) stop.onSignals();
    try {
      await this.#runUntil(stop, flags.timeout ?? 0, () =>
        body({ config, log, out: this.out, signal: stop.signal, io: this.#io }),
      );
    } finally {
      stop.dispose();
    }
  }

  async #runUntil(stop: Stop, timeoutMs: number, body: () => Promise<void>): Promise<void> {
    const overdue = timeoutMs > 0 ? stop.after(timeoutMs).then(() => 'overdue' as const) : undefined;
    let outcome: 'overdue' | 'ended';
    try {
      const ended = body().then(() => 'ended' as const);
      // Once overdue, nobody looks at how it ends.
      ended.catch(() => {});
      outcome = await (overdue ? Promise.race([ended, overdue]) : ended);
    } catch (error) {
      // What stops because it was asked to may say so by rejecting with the reason.
      if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
      outcome = 'ended';
    }
    if (outcome === 'overdue') {
      this.#log?.error('the stop took too long, ending at once');
      this.#exitCode = EXIT_TIMEOUT;
      this.#io.exit(EXIT_TIMEOUT);
    }
    if (stop.timedOut) throw new CommandTimeoutError(formatGoDuration(timeoutMs));
  }

  #openLog(config: Config): Log {
    const { logStream, now } = this.#io;
    const log = createLog({ ...config.log, stream: logStream, now });
    this.#log = log;
    if (config.log.format !== 'human' && config.log.level !== 'fatal') this.#machineLog = log;
    return log;
  }
}
