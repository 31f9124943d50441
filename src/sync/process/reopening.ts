import type { LmdbConfig } from '../../config/index.ts';
import { MissingFileError } from '../../lmdb/index.ts';
import { type DataFileReplacedError, isReplaced } from '../local/index.ts';

export interface Reopening {
  readonly lmdb: LmdbConfig;
  readonly onlyOnce: boolean;
  /** Opens what is there and keeps it in step, with all that belongs to a start. */
  readonly run: (lmdb: LmdbConfig, signal: AbortSignal) => Promise<void>;
  /** Resolves when there is a whole data file at the path; false: aborted. */
  readonly wait: (dataPath: string, signal: AbortSignal) => Promise<boolean>;
}

/**
 * Keeps a database in step until aborted, although its data file is replaced meanwhile. Each file is another database, with a start of
 * its own: what was published of the one before is merged before anything of it is published (I5). A file is only made here at the
 * first start: later it is the application's to make, or on its way out of a backup.
 */
export async function runReopening({ lmdb, onlyOnce, run, wait }: Reopening, signal: AbortSignal): Promise<void> {
  const existing: LmdbConfig = { ...lmdb, options: { ...lmdb.options, create: false } };
  let replaced: DataFileReplacedError | undefined;
  do {
    try {
      await run(replaced ? existing : lmdb, signal);
      return;
    } catch (error) {
      if (isReplaced(error)) replaced = error;
      // It was moved on after it had been seen.
      else if (!replaced || !(error instanceof MissingFileError)) throw error;
      if (onlyOnce) throw error;
    }
  } while (!signal.aborted && (await wait(replaced.path, signal)));
}
