import { CommanderError } from 'commander';
import { LmdbstreamError } from '../errors/index.ts';
import type { Log } from '../log/index.ts';
import { DatabasesFailedError, OutputClosed, UsageError } from './errors.ts';
import { ExitCode, exitCodeOf } from './exit-codes.ts';

export interface ReportTo {
  readonly stderr: { write(text: string): unknown };
  /** Errors become lines of it, so that a stream of JSON stays one. */
  readonly machineLog: Log | undefined;
  /** The same for errors of a database. */
  readonly databaseLog: Log | undefined;
  /** Stacks of unexpected errors. */
  readonly debug: boolean;
}

/** Tells the operator why a command failed: a line, and a hint on the next. @returns the exit code (CLI-20) */
export function reportError(thrown: unknown, to: ReportTo): ExitCode {
  if (thrown instanceof OutputClosed) return ExitCode.done;
  if (thrown instanceof CommanderError && isHelp(thrown)) return ExitCode.done;
  const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
  if (error instanceof DatabasesFailedError) {
    for (const [name, failure] of error.failures) tell(failure, to, name);
  } else {
    tell(error, to, error instanceof LmdbstreamError ? error.database : undefined);
    if (error instanceof LmdbstreamError) for (const other of error.others) tell(other, to, other.database);
  }
  return exitCodeOf(error);
}

/** Help and version arrive as errors, too; a bare command shows its help, which is no mistake (CLI-02). */
function isHelp({ code, exitCode }: CommanderError): boolean {
  return exitCode === 0 || code === 'commander.help';
}

function usageError({ message }: CommanderError): UsageError {
  const [what = '', ...suggestion] = message.replace(/^error: /, '').split('\n');
  return new UsageError(what, suggestion.join(' ').replace(/^\((.*)\)$/, '$1') || 'see lmdbstream --help');
}

function tell(error: unknown, { stderr, machineLog, databaseLog, debug }: ReportTo, database?: string): void {
  const known = error instanceof LmdbstreamError;
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const log = machineLog ?? (database === undefined ? undefined : databaseLog);
  if (log) {
    log.error(message, known ? { code: error.code, hint: error.hint, db: database } : { db: database });
  } else {
    stderr.write(`Error: ${database === undefined ? '' : `${database}: `}${message}\n`);
    if (known && error.hint) stderr.write(`Hint: ${oneLine(error.hint)}\n`);
  }
  if (!known && debug && error instanceof Error) stderr.write(`${error.stack}\n`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
