import type { LmdbstreamError } from '../errors/index.ts';
import { CommandTimeoutError, UsageError } from './errors.ts';

/** What a script can tell apart; `docs/commands.md` explains them. A signal adds its number to 128. */
export const ExitCode = {
  done: 0,
  failed: 1,
  /** `verify` found differences, `doctor` or `status` a problem. */
  found: 1,
  /** The command line is wrong: the same words never work. */
  usage: 2,
  /** What was to be found out could not be: for commands whose 1 is an answer (`verify`, `doctor`, `status`). */
  unknown: 3,
  /** EX_TEMPFAIL of sysexits.h: try again. */
  timeout: 75,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandTimeoutError) return ExitCode.timeout;
  // Flags are checked as the configuration is, by the configuration.
  if (error instanceof UsageError || (error as Partial<LmdbstreamError>).code === 'CONFIG_FLAG') return ExitCode.usage;
  return ExitCode.failed;
}
