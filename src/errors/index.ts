export interface LmdbstreamErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly database?: string | undefined;
  readonly others?: readonly LmdbstreamError[] | undefined;
}

/**
 * The base of every error a user can meet: one class a cause, a stable `code`, and a hint that says what to do next.
 * Programmer errors are plain assertions (`TypeError`, `RangeError`) and are not derived from it.
 */
export class LmdbstreamError extends Error {
  /** Stable, upper case, e.g. `MAP_FULL`; scripts and tests may rely on it. */
  readonly code: string;
  /** What the operator can do, one sentence; shown on a line of its own. */
  readonly hint: string | undefined;
  /** The configured name of the database it happened in; undefined: it is not about one. */
  readonly database: string | undefined;
  /** What else is wrong, found at the same time: all mistakes of a configuration are told at once. */
  readonly others: readonly LmdbstreamError[];

  constructor(code: string, message: string, options: LmdbstreamErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.database = options.database;
    this.others = options.others ?? [];
  }
}

/** One line for a log or a terminal: the message and the hint, never a stack. */
export function describeError(error: unknown): string {
  if (error instanceof LmdbstreamError) {
    return error.hint ? `${error.message} (${error.hint})` : error.message;
  }
  return error instanceof Error ? error.message : String(error);
}
