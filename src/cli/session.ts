import type { Command } from 'commander';
import type { Config, ConfigFlags } from '../config/index.ts';
import type { Log, LogStyle } from '../log/index.ts';
import { CommandTimeoutError, UsageError } from './errors.ts';
import { ExitCode } from './exit-codes.ts';
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
  /** How `log` writes, for threads that write beside it. */
  readonly logStyle: LogStyle;
  readonly out: Output;
  /** Aborted when the command is to stop. */
  readonly signal: AbortSignal;
  readonly io: Io;
  /** A thread is blocked for good: once everything is written, the process ends without waiting for it. */
  readonly endAtOnce: () => void;
  /** The command has done its work, and what it found is told by another code than 0. */
  readonly exitWith: (code: ExitCode) => void;
}

export interface SessionOptions {
  readonly flags?: Pick<ConfigFlags, 'onlyOnce' | 'acceptStale'>;
  /**
   * SIGTERM, SIGINT and SIGHUP abort the signal instead of ending the process. Only for commands that leave the main thread
   * free: one that waits for LMDB's write lock could not be ended otherwise.
   */
  readonly stopsOnSignal?: boolean;
  /** Exit code of a failure, for commands whose 1 is an answer. */
  readonly failureCode?: ExitCode;
}

/** Leads a command from its flags to its end. */
export class SessionRunner {
  readonly out: Output;
  readonly #io: Io;
  readonly #program: Command;
  #exitCode = 0;
  #mustEndAtOnce = false;
  #failureCode: ExitCode = ExitCode.failed;
  #log: Log | undefined;
  #machineLog: Log | undefined;
  #databaseLog: Log | undefined;
  #isDaemon = false;

  constructor(io: Io, out: Output, program: Command) {
    this.out = out;
    this.#io = io;
    this.#program = program;
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** Of a failure that is no mistake of the command line. */
  get failureCode(): ExitCode {
    return this.#failureCode;
  }

  get mustEndAtOnce(): boolean {
    return this.#mustEndAtOnce;
  }

  get debug(): boolean {
    return this.#flags.debug === true;
  }

  /** The log that errors belong into, once it is known to be read by a program. */
  get machineLog(): Log | undefined {
    return this.#machineLog;
  }

  /** The log of a `sync`, where alerts look for a failure of a database; undefined at a terminal, where a person reads. */
  get databaseLog(): Log | undefined {
    return this.#databaseLog;
  }

  get #flags(): GlobalFlags {
    return this.#program.opts();
  }

  /** For a command that will run a sync. */
  prepareSync(): void {
    this.#isDaemon = true;
    this.#io.prepareSync();
  }

  /** Loads the configuration, then runs `body` under the global flags. */
  async run(body: (session: Session) => Promise<void>, options: SessionOptions = {}): Promise<void> {
    const flags = this.#flags;
    this.#failureCode = options.failureCode ?? ExitCode.failed;
    const { applyFlags, formatGoDuration, loadConfig, parseGoDuration } = await import('../config/index.ts');
    const timeoutMs = readTimeout(flags.timeout, parseGoDuration);
    const config = applyFlags(loadConfig(flags.config, { env: this.#io.env }), { ...flags, ...options.flags });
    const logStyle = this.#styleOf(config);
    const log = await this.#openLog(config, logStyle);
    log.debug('running', { version: version() });
    for (const warning of config.warnings) log.warn(warning);
    const childExitCode = await ensureMinimumPid(this.#io, flags.minimumPid ?? 0, log);
    if (childExitCode !== undefined) {
      this.#exitCode = childExitCode;
      return;
    }
    if (flags.logConfig) await this.#logConfig(config, log);
    const stop = new Stop(this.#io, log);
    if (options.stopsOnSignal) stop.onSignals();
    try {
      const endAtOnce = (): void => {
        this.#mustEndAtOnce = true;
      };
      const exitWith = (code: ExitCode): void => {
        this.#exitCode = code;
      };
      await this.#runUntil(stop, timeoutMs, () =>
        body({ config, log, logStyle, out: this.out, signal: stop.signal, io: this.#io, endAtOnce, exitWith }),
      );
      if (stop.timedOut) throw new CommandTimeoutError(formatGoDuration(timeoutMs));
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
      this.#exitCode = ExitCode.timeout;
      this.#io.exit(ExitCode.timeout);
    }
  }

  #styleOf({ log }: Config): LogStyle {
    const { logStream, now, env } = this.#io;
    const isTty = logStream === undefined && process.stderr.isTTY === true;
    // no-color.org: set, and not empty.
    const isTold = log.level === undefined || log.level === 'info' || log.level === 'debug';
    const hasBar = isTty && this.#isDaemon && log.format === 'human' && isTold;
    return { ...log, isTty, hasBar, hasColours: !env.NO_COLOR, startedMs: now() };
  }

  async #openLog(config: Config, style: LogStyle): Promise<Log> {
    const { createLog } = await import('../log/index.ts');
    const { logStream, now } = this.#io;
    const log = createLog({ ...style, stream: logStream, now });
    this.#log = log;
    if (config.log.level === 'fatal') return log;
    if (config.log.format !== 'human') this.#machineLog = log;
    if (this.#isDaemon && !style.isTty) this.#databaseLog = log;
    return log;
  }

  /** For a person as the YAML file that it is; in a log for programs it stays one line. */
  async #logConfig(config: Config, log: Log): Promise<void> {
    const { redactConfig } = await import('../config/index.ts');
    const text = redactConfig(config);
    if (config.log.format !== 'human') log.info(`effective configuration:\n${text}`);
    else if (config.log.level === 'debug' || config.log.level === 'info') {
      log.info('effective configuration:');
      this.#io.stderr.write(text);
    }
  }
}

/** @returns milliseconds, 0: no limit */
function readTimeout(text: string | undefined, parse: (text: string) => number): number {
  if (text === undefined) return 0;
  try {
    return parse(text);
  } catch (error) {
    throw new UsageError(`--timeout "${text}": ${(error as Error).message}`, 'write 30s, 5m or 1h30m');
  }
}
