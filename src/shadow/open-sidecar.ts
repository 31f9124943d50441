import { closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type CutShortFile, openWhole } from '../btree/index.ts';
import { LmdbstreamError } from '../errors/index.ts';
import {
  type Environment,
  type EnvironmentOptions,
  LockFormatError,
  MissingFileError,
  NotLmdbError,
  showDbiName,
} from '../lmdb/index.ts';
import { lockPathOf, unfinishedSidecarPath } from '../paths/index.ts';
import { isPrivate } from './store/index.ts';

const PLACE =
  'shadow_path names a file that lmdbstream makes, in a folder that it may write to; without the key it is beside the data file';
const DAMAGED =
  'if lmdbstream has made this one, it is damaged: remove it, and the next start rebuilds it from the bucket';
const LINK = 'mount what it leads to, or remove the link and name the place itself with shadow_path';
const SIDECAR: CutShortFile = { subject: 'the sidecar', hint: DAMAGED };

/** What `shadow_path` names is something else than a sidecar, or cannot be made. */
export class SidecarPlaceError extends LmdbstreamError {
  constructor(path: string, why: string, { hint = PLACE, cause }: { hint?: string; cause?: unknown } = {}) {
    super('SIDECAR_PLACE', `the sidecar ${path} ${why}`, { hint, cause });
  }
}

interface OpenSidecarOptions
  extends Pick<EnvironmentOptions, 'create' | 'fileMask' | 'mapSizeBytes' | 'noSync' | 'readOnly'> {
  /** The application's LMDB. */
  readonly main: Environment;
  /** `options.max_dbs` of the application's LMDB. */
  readonly maxDbs: number;
}

/** Whether there is anything in the place of a sidecar: what it is, and that it cannot be looked at, is said by `openSidecar`. */
export function isSidecarThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Opens a sidecar, and nothing else: whatever is written there would be lost to its owner.
 * @throws SidecarPlaceError, CutShortError, LmdbError and its kin
 */
export function openSidecar(path: string, { main, maxDbs, ...options }: OpenSidecarOptions): Environment {
  const there = lookAt(path);
  if (there?.isDirectory()) throw new SidecarPlaceError(path, 'is a folder');
  // Before it is opened: a FIFO lets nobody go on, and a device may do anything.
  if (there && !there.isFile()) throw new SidecarPlaceError(path, 'is not a regular file');
  if (main.isDataFile(path)) throw new SidecarPlaceError(path, 'is the LMDB itself');
  if (options.create && !options.noSync && !there) make(path, options);
  const environment = openFile(path, { ...options, noSubdir: true, maxDbs: 2 * maxDbs + 8 });
  try {
    const { dbiNames, plainKey } = environment.read((transaction) => transaction.root());
    const foreign = dbiNames.find((name) => !isPrivate(name));
    if (foreign !== undefined) {
      throw new SidecarPlaceError(path, `is the LMDB of an application, with DBI ${showDbiName(foreign)}`);
    }
    if (plainKey) throw new SidecarPlaceError(path, 'is the LMDB of an application');
    return environment;
  } catch (error) {
    environment.close();
    throw error;
  }
}

/** What the path leads to; undefined for nothing. @throws SidecarPlaceError */
function lookAt(path: string): Stats | undefined {
  let isLink: boolean | undefined;
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there) return there;
    isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  } catch (error) {
    throw new SidecarPlaceError(path, `cannot be looked at: ${(error as Error).message}`, { cause: error });
  }
  // A new one would be made in the place of the link, and not where it is wanted; the old one may only be away, on a disk that is not mounted.
  if (isLink) throw new SidecarPlaceError(path, 'is a link that leads nowhere', { hint: LINK });
  return undefined;
}

/**
 * An empty one, whole: LMDB does not sync the first pages of a file, and of half of them it says that they are none. Its name must outlive a
 * loss of power, too: without it the times would be gone, and the objects that they were published in would not.
 */
function make(path: string, options: EnvironmentOptions): void {
  const made = unfinishedSidecarPath(path);
  const lock = lockPathOf(made, true);
  for (const file of [made, lock]) rmSync(file, { force: true });
  openFile(made, { ...options, noSubdir: true }).close();
  rmSync(lock, { force: true });
  const fd = openSync(made, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(made, path);
  syncFolder(dirname(path));
}

function syncFolder(folder: string): void {
  let fd: number;
  try {
    fd = openSync(folder, 'r');
  } catch {
    // One that may be written to, and not read.
    return;
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string, options: EnvironmentOptions): Environment {
  try {
    return openWhole(path, options, SIDECAR);
  } catch (error) {
    if (error instanceof NotLmdbError && !(error instanceof LockFormatError))
      throw new SidecarPlaceError(path, 'is not an LMDB', { hint: `${PLACE}; ${DAMAGED}`, cause: error });
    if (!(error instanceof MissingFileError)) throw error;
    throw new SidecarPlaceError(path, `cannot be made or opened: ${error.message}`, { cause: error });
  }
}
