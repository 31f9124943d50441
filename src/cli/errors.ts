import { LmdbstreamError } from '../errors/index.ts';

/** The command line itself is wrong: an unknown command or flag, a missing argument. */
export class UsageError extends LmdbstreamError {
  constructor(message: string, hint?: string, code = 'USAGE') {
    super(code, message, { hint });
  }
}

/** A flag names a database that the configuration does not have. */
export class UnknownDatabaseError extends UsageError {
  constructor(name: string, configured: Iterable<string>) {
    super(
      `no database ${JSON.stringify(name)} is configured`,
      `configured: ${[...configured].sort().join(', ')}`,
      'NO_SUCH_DATABASE',
    );
  }
}

/** A command went through all databases and failed for some of them; the others are done. */
export class DatabasesFailedError extends LmdbstreamError {
  readonly failures: ReadonlyMap<string, unknown>;

  constructor(failures: ReadonlyMap<string, unknown>) {
    super('DATABASES_FAILED', `failed for ${[...failures.keys()].join(', ')}`);
    this.failures = failures;
  }
}

/** `--timeout` ran out. Exit code 75, EX_TEMPFAIL of sysexits.h. */
export class CommandTimeoutError extends LmdbstreamError {
  constructor(timeout: string) {
    super('TIMEOUT', `stopped after ${timeout}, because of --timeout`);
  }
}

/** A command that takes seconds took a minute. */
export class StorageLimitError extends LmdbstreamError {
  constructor(limit: string) {
    super('STORAGE_TOO_SLOW', `the storage did not answer within ${limit}`, {
      hint: 'check the endpoint, the network and the credentials of storage.options',
    });
  }
}

/** The name under which `snapshots put` would store is not one of a snapshot. */
export class PutNameError extends LmdbstreamError {
  constructor(cause: Error) {
    super('SNAPSHOT_NAME', `invalid snapshot name: ${cause.message}`, {
      hint: 'use -n to give another name, or --force to store it all the same',
      cause,
    });
  }
}

/** A file of the operator cannot be read or written. */
export class LocalFileError extends LmdbstreamError {
  constructor(action: 'read' | 'write', path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('LOCAL_FILE', `cannot ${action} ${path}: ${reason}`, { cause });
  }
}

/** Standard output took no more, for another reason than that its reader went away. */
export class OutputError extends LmdbstreamError {
  constructor(cause: Error) {
    super('OUTPUT', `cannot write the output: ${cause.message}`, { cause });
  }
}

/** The reader of standard output has seen enough (`lmdbstream dump | head`). Ends the command, and is no error. */
export class OutputClosed extends Error {
  constructor() {
    super('the reader of the output has gone');
    this.name = 'OutputClosed';
  }
}

/** The process could not be started again under a higher process id. */
export class RestartError extends LmdbstreamError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('RESTART', `--minimum-pid: cannot start again: ${reason}`, { cause });
  }
}

/** Something answers at `http.address`, and it is no lmdbstream that works. */
export class StatusAnswerError extends LmdbstreamError {
  constructor(url: string, reason: string) {
    super('STATUS_ANSWER', `${url}: ${reason}`, { hint: 'check http.address, or ask the bucket alone with --bucket' });
  }
}

/** A command that asks the running process does not know where. */
export class NoAddressError extends LmdbstreamError {
  constructor() {
    super('NO_HTTP_ADDRESS', 'http.address is not set, so the running process cannot be asked', {
      hint: 'set http.address, such as 127.0.0.1:8500, and restart the sync',
    });
  }
}

/** Nobody answers at `http.address`, or no longer. */
export class NoProcessError extends LmdbstreamError {
  constructor(address: string, error: unknown) {
    const { cause, message } = error as Error;
    const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
    super('NO_PROCESS', `no process answers at ${address}: ${reason}`, {
      hint: 'start lmdbstream sync with this configuration, or check http.address',
      cause: error,
    });
  }
}

/** Something answers at `http.address`, and it is no lmdbstream that tells events. */
export class AnswerError extends LmdbstreamError {
  constructor(url: string, reason: string) {
    super('EVENTS_ANSWER', `${url}: ${reason}`, { hint: 'check http.address; is an older lmdbstream running?' });
  }
}

/** A merge was cut short, or the sidecar belongs to another state of the LMDB: a start tells which, and what to do. */
export class ShadowMoveError extends LmdbstreamError {
  constructor(path: string, why: string) {
    super('SHADOW_MOVE', `the sidecar ${path} ${why}`, {
      hint: 'run `lmdbstream sync --only-once` with shadow: sidecar first, which puts it right, or says what to do',
    });
  }
}

/** The times are moved within the LMDB. */
export class MigrateSidecarError extends LmdbstreamError {
  constructor(name: string) {
    super('MIGRATE_SIDECAR', `the shadow of database ${name} lies in a sidecar`, {
      hint: 'run `lmdbstream shadow move --to inline`, and write shadow: inline, before the migration',
    });
  }
}

/** `init` cannot make a configuration for what it was given. */
export class InitError extends LmdbstreamError {
  constructor(message: string, hint: string) {
    super('INIT', message, { hint });
  }
}
