import { LmdbstreamError } from '../../errors/index.ts';

/** `ok`: looked at, nothing to do. `info`: worth knowing. `warning`: works, but not as it should. `error`: will fail or lose data. */
export type FindingLevel = 'ok' | 'info' | 'warning' | 'error';

export interface Finding {
  /** Stable name of what was looked at, for scripts: `liblmdb`, `bucket-list`. */
  readonly check: string;
  readonly level: FindingLevel;
  /** undefined: it is not about one database. */
  readonly database: string | undefined;
  readonly message: string;
  /** What to do. */
  readonly hint: string | undefined;
}

/** Collects what the checks of one database, or of the machine, find. */
export class Findings {
  readonly all: Finding[];
  readonly #database: string | undefined;

  constructor(database?: string, all: Finding[] = []) {
    this.#database = database;
    this.all = all;
  }

  of(database: string): Findings {
    return new Findings(database, this.all);
  }

  ok(check: string, message: string): void {
    this.#add(check, 'ok', message);
  }

  info(check: string, message: string, hint?: string): void {
    this.#add(check, 'info', message, hint);
  }

  warning(check: string, message: string, hint: string): void {
    this.#add(check, 'warning', message, hint);
  }

  error(check: string, message: string, hint: string | undefined): void {
    this.#add(check, 'error', message, hint);
  }

  /** An error that an operator can mend; anything else is thrown on. */
  failed(check: string, error: unknown): void {
    if (!(error instanceof LmdbstreamError)) throw error;
    this.#add(check, 'error', error.message, error.hint);
  }

  #add(check: string, level: FindingLevel, message: string, hint?: string): void {
    this.all.push({ check, level, database: this.#database, message, hint });
  }
}
