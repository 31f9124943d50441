import { closeSync, fstatSync, openSync } from 'node:fs';
import { PageFile, readMeta, UnknownFormatError } from '../../btree/index.ts';
import { RepeatedFailure, type Report } from '../status/index.ts';
import { type Clock, nowMs } from '../time/index.ts';

export interface DataFileWait {
  readonly path: string;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly report: Report;
}

/** What lies at the path of a data file: nothing, nothing in it, fewer pages than its meta pages tell of, or all. */
type Found = { readonly sizeBytes: number; readonly isWhole: boolean } | undefined;

/**
 * Waits until there is a data file to open again. One that is still being copied is not opened: LMDB maps it, and a page that is not
 * there yet would end the process. No longer growing counts as whole: the last pages that a commit may use need not be written.
 * To be called while the LMDB is not open in this process, for a descriptor of it is closed here.
 * @returns false when aborted
 */
export async function waitForDataFile(
  { path, pollMs, clock, report }: DataFileWait,
  signal: AbortSignal,
): Promise<boolean> {
  const waiting = new RepeatedFailure();
  let before: Found;
  while (!signal.aborted) {
    const found = lookAt(path);
    if (found && found.sizeBytes > 0 && (found.isWhole || found.sizeBytes === before?.sizeBytes)) return true;
    before = found;
    report({ type: 'dataFileMissing', path, tell: waiting.failed(nowMs(clock)) });
    await clock.sleep(pollMs, signal);
  }
  return false;
}

function lookAt(path: string): Found {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return wholeness(fd);
  } finally {
    closeSync(fd);
  }
}

function wholeness(fd: number): Found {
  const sizeBytes = fstatSync(fd).size;
  try {
    const file = new PageFile(fd);
    try {
      const lastPage = Math.max(...readMeta(file).map((meta) => meta.lastPage));
      return { sizeBytes, isWhole: sizeBytes >= (lastPage + 1) * file.pageSizeBytes };
    } finally {
      file.close();
    }
  } catch (error) {
    // Whoever opens it says what it is instead.
    if (error instanceof UnknownFormatError) return { sizeBytes, isWhole: false };
    throw error;
  }
}
