import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LmdbstreamError } from '../errors/index.ts';
import {
  Environment,
  type EnvironmentOptions,
  LockFormatError,
  MissingFileError,
  NotLmdbError,
  showDbiName,
} from '../lmdb/index.ts';
import { isPrivate } from './store/index.ts';

const PLACE =
  'shadow_path names a file that lmdbstream makes, in a folder that it may write to; without the key it is beside the data file';
const DAMAGED =
  'if lmdbstream has made this one, it is damaged: remove it, and the next start rebuilds it from the bucket';

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

/**
 * Opens a sidecar, and nothing else: whatever is written there would be lost to its owner.
 * @throws SidecarPlaceError, LmdbError and its kin
 */
export function openSidecar(path: string, { main, maxDbs, ...options }: OpenSidecarOptions): Environment {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new SidecarPlaceError(path, 'is a folder');
  if (main.isDataFile(path)) throw new SidecarPlaceError(path, 'is the LMDB itself');
  if (options.create && !options.noSync && !existsSync(path)) make(path, options);
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

/**
 * An empty one, whole: LMDB does not sync the first pages of a file, and of half of them it says that they are none. Its name must outlive a
 * loss of power, too: without it the times would be gone, and the objects that they were published in would not.
 */
function make(path: string, options: EnvironmentOptions): void {
  const made = `${path}-new`;
  for (const file of [made, `${made}-lock`]) rmSync(file, { force: true });
  openFile(made, { ...options, noSubdir: true }).close();
  rmSync(`${made}-lock`, { force: true });
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
    return Environment.open(path, options);
  } catch (error) {
    if (error instanceof NotLmdbError && !(error instanceof LockFormatError))
      throw new SidecarPlaceError(path, 'is not an LMDB', { hint: `${PLACE}; ${DAMAGED}`, cause: error });
    if (!(error instanceof MissingFileError)) throw error;
    throw new SidecarPlaceError(path, `cannot be made or opened: ${error.message}`, { cause: error });
  }
}
