import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Environment, type EnvironmentOptions, NotLmdbError, ReadersFullError } from '../lmdb/index.ts';
import { dataPathOf } from '../paths/index.ts';
import { CorruptPageError, CutShortError, type CutShortFile, UnknownFormatError } from './errors.ts';
import {
  DATA_VERSION,
  META_BYTES,
  META_FORMAT_MAGIC,
  META_FORMAT_VERSION,
  META_FREE_RECORD,
  META_LAST_PAGE,
  META_MAGIC,
  RECORD_PAD,
  readU32,
  readU64,
} from './layout.ts';
import { PageFile } from './page-file.ts';
import { assertReachable } from './reachable.ts';
import { openView } from './view.ts';

/** What is asked of an open LMDB before liblmdb reads a page of it. */
export type OpenedFile = Pick<Environment, 'dataPath' | 'fd' | 'pageSizeBytes' | 'info' | 'sizeBytes' | 'beginRead'>;

const APPLICATION: CutShortFile = {
  subject: 'the LMDB',
  hint: 'a copy of it broke off, or a disk was full: copy it again, restore it from a backup, or move it and its lock file away and start sync with options.create, which fills a new one from the bucket',
};

/** A writer that is committing right now: looked at again at once, then after pauses, one second in all. */
const IMMEDIATE_ATTEMPTS = 100;
const ATTEMPTS = 200;
const ATTEMPT_PAUSE_MS = 10;
/** Whose slot in the reader table was cleared, or who has none on a read-only disk, may meet pages that were used again. */
const MOST_FAILURES = 3;
const sleepCell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Opens an LMDB as `Environment.open` does, and refuses one whose data file ends before its pages: a copy that broke off, a full disk. liblmdb maps
 * the file and would read behind its end, which ends the process (SIGBUS).
 * @param file how errors name it, and what they say to do; default: as the application's LMDB
 * @throws CutShortError, and what `Environment.open` throws
 */
export function openWhole(path: string, options: EnvironmentOptions = {}, file = APPLICATION): Environment {
  let environment: Environment;
  try {
    environment = Environment.open(path, options);
  } catch (error) {
    if (error instanceof NotLmdbError) refuseHalfMetas(dataPathOf(path, options.noSubdir), file, error);
    throw error;
  }
  try {
    assertWhole(environment, file);
    return environment;
  } catch (error) {
    environment.close();
    throw error;
  }
}

/**
 * A whole file may be shorter than its last page says: pages that were taken and given back in one transaction are never written. So that is a
 * suspicion only, which costs two system calls; then all pages that can be reached have to be there.
 * @throws CutShortError; LmdbError when no read transaction can be begun
 */
export function assertWhole(environment: OpenedFile, file = APPLICATION): void {
  const { dataPath, pageSizeBytes } = environment;
  // First: whoever commits lets the file grow before.
  const neededBytes = (environment.info().lastPageNumber + 1) * pageSizeBytes;
  const sizeBytes = environment.sizeBytes();
  if (sizeBytes >= neededBytes) return;
  if (sizeBytes < 2 * pageSizeBytes) throw new CutShortError(dataPath, { sizeBytes, neededBytes }, file);
  try {
    assertAllThere(environment);
  } catch (error) {
    if (!(error instanceof CorruptPageError)) throw error;
    throw new CutShortError(dataPath, { sizeBytes, neededBytes }, file, error);
  }
}

/** Of a format that is not known, and of a file that never stands still, nothing can be said. @throws CorruptPageError, LmdbError */
function assertAllThere(environment: OpenedFile): void {
  let pages: PageFile | undefined;
  try {
    pages = new PageFile(environment.fd);
    let failures = 0;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt >= IMMEDIATE_ATTEMPTS) Atomics.wait(sleepCell, 0, 0, ATTEMPT_PAUSE_MS);
      const transaction = environment.beginRead();
      try {
        const view = openView(pages, transaction.id);
        if (view === 'stale') continue;
        assertReachable(pages, view);
        return;
      } catch (error) {
        if (!(error instanceof CorruptPageError) || ++failures === MOST_FAILURES) throw error;
      } finally {
        transaction.abort();
      }
    }
  } catch (error) {
    // Programs that have taken all slots do read it.
    if (!(error instanceof UnknownFormatError || error instanceof ReadersFullError)) throw error;
  } finally {
    pages?.close();
  }
}

/**
 * liblmdb takes a file that ends before its second meta page for no LMDB at all. It has just refused to open it, so that there are no locks on
 * it which the descriptor here could drop.
 * @throws CutShortError
 */
function refuseHalfMetas(dataPath: string, file: CutShortFile, cause: NotLmdbError): void {
  const start = Buffer.alloc(META_BYTES);
  const sizeBytes = readStart(dataPath, start);
  if (sizeBytes < META_BYTES || readU32(start, META_FORMAT_MAGIC) !== META_MAGIC) return;
  const pageSizeBytes = readU32(start, META_FREE_RECORD + RECORD_PAD);
  if (readU32(start, META_FORMAT_VERSION) !== DATA_VERSION || sizeBytes >= pageSizeBytes + META_BYTES) return;
  const neededBytes = (readU64(start, META_LAST_PAGE) + 1) * pageSizeBytes;
  throw new CutShortError(dataPath, { sizeBytes, neededBytes }, file, cause);
}

/** @returns the size of the file; 0 where it cannot be read */
function readStart(path: string, into: Buffer): number {
  try {
    const fd = openSync(path, 'r');
    try {
      readSync(fd, into, 0, into.length, 0);
      return fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  } catch {
    return 0;
  }
}
