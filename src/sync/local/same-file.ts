import { LmdbstreamError } from '../../errors/index.ts';
import type { DataFileState, Environment } from '../../lmdb/index.ts';

/** The path no longer leads to the data file that is open. That one is not written to any more, and what it holds is only published. */
export class DataFileReplacedError extends LmdbstreamError {
  /** Of the data file, absolute. */
  readonly path: string;
  readonly state: Exclude<DataFileState, 'same'>;

  constructor(path: string, state: Exclude<DataFileState, 'same'>) {
    const what = state === 'missing' ? 'is gone' : 'is another file now (a copy moved into place, or a new one)';
    super('DATA_FILE_REPLACED', `the data file ${path} ${what}`, {
      hint: 'LMDB wants every program stopped before its data file is replaced; start lmdbstream again',
    });
    this.path = path;
    this.state = state;
  }
}

export function isReplaced(error: unknown): error is DataFileReplacedError {
  return error instanceof DataFileReplacedError;
}

/**
 * Whether the path of an environment still names the file that is open. Once it does not, no transaction may be written: the old file
 * and the new one may share a lock file, in which our commit would make the application begin at the wrong one of its meta pages.
 */
export class SameFile {
  readonly #environment: Environment;
  /** False on file systems that tell other numbers of a file at every question. */
  readonly #canTell: boolean;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#canTell = environment.dataFileState() === 'same';
  }

  /** One system call. */
  get isSame(): boolean {
    return !this.#canTell || this.#environment.dataFileState() === 'same';
  }

  /** @throws DataFileReplacedError */
  assert(): void {
    if (!this.#canTell) return;
    const state = this.#environment.dataFileState();
    if (state !== 'same') throw new DataFileReplacedError(this.#environment.dataPath, state);
  }
}
