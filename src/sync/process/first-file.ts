import { existsSync } from 'node:fs';
import type { LmdbConfig } from '../../config/index.ts';
import { dataPathOf } from '../../paths/index.ts';
import { type ObjectStorage, StorageError } from '../../storage/index.ts';
import { errorInfo, RepeatedFailure, type Report } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

export interface FirstFile {
  readonly lmdb: LmdbConfig;
  readonly storage: ObjectStorage;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly report: Report;
}

/**
 * Waits until an LMDB may be opened with `create`: its data file is there, or the bucket has something to put into one. A file that
 * nobody has anything for is the application's to make: PowerDNS 4.7 renames a shard that it finds beside a main file without a
 * schema version, taking it for one of an older schema.
 * @returns false when aborted
 */
export async function waitForFirstFile(
  { lmdb: { name, path, options }, storage, pollMs, clock, report }: FirstFile,
  signal: AbortSignal,
): Promise<boolean> {
  const dataPath = dataPathOf(path, options.noSubdir);
  const failing = new RepeatedFailure();
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    if (!options.create || existsSync(dataPath)) return true;
    try {
      if (await hasObject(storage, `${name}__`, signal)) return true;
      failing.worked();
      if (isFirst) report({ type: 'waitingForFile', path: dataPath });
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof StorageError)) throw error;
      const tell = failing.failed(nowMs(clock));
      report({ type: 'listFailed', error: errorInfo(error), failures: failing.failures, tell });
    }
    await clock.sleep(pollMs, signal);
  }
  return false;
}

async function hasObject(storage: ObjectStorage, prefix: string, signal: AbortSignal): Promise<boolean> {
  for await (const info of storage.list(prefix, { signal })) return info.name.startsWith(prefix);
  return false;
}
