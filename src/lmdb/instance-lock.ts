import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { LmdbstreamError } from '../errors/index.ts';
import { instanceLockPath } from '../paths/index.ts';
import { Errno } from './constants.ts';
import { identityOf, statOf } from './data-file.ts';
import { check, systemLibc } from './library.ts';

/** `sys/file.h`, the same on all systems. */
const LOCK_EXCLUSIVE = 2;
const LOCK_NO_WAIT = 4;

/** Removed and made again by others while we take it; nobody does that for long. */
const ATTEMPTS = 16;

/** Another process of ours keeps this LMDB in step already. */
export class InstanceLockedError extends LmdbstreamError {
  constructor(dataPath: string, lockPath: string, holder: string) {
    super('ALREADY_SYNCED', `${dataPath} is synced by another lmdbstream already: ${holder}`, {
      hint: `stop that one first, or remove this database from one of the two configurations (lock: ${lockPath})`,
    });
  }
}

/** Held until released, or until the process ends in whatever way: the kernel then gives it back. */
export interface InstanceLock {
  readonly path: string;
  /** Gives the lock back and removes its file; more than once does no harm. */
  release(): void;
}

/**
 * Takes the lock that one syncing process at a time holds on an LMDB: `<data file>.lmdbstream-lock`, a file of our own beside
 * the data file, locked with `flock`. LMDB's own files are never locked nor opened for this: to close any descriptor of
 * them would drop LMDB's POSIX locks in this process.
 *
 * It is advisory and of lmdbstream alone: reading commands do not ask for it, and other programs do not know it.
 *
 * @param dataPath the data file of the LMDB
 * @param holder one line that tells others who we are, e.g. `process 17, instance a`
 * @param mode of the file, when it is made; 0 means 0664
 * @returns undefined where no such file can be made, in a folder that is not ours to write to: nothing is guarded then
 * @throws InstanceLockedError when another process has it; LmdbError when the system refuses a lock
 */
export function acquireInstanceLock(dataPath: string, holder: string, mode = 0): InstanceLock | undefined {
  const path = instanceLockPath(dataPath);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const opened = openLockFile(path, mode || 0o664);
    if (!opened) return undefined;
    const { fd, isWritable } = opened;
    if (systemLibc().flock(fd, LOCK_EXCLUSIVE | LOCK_NO_WAIT) !== 0) {
      const errno = systemLibc().errno();
      closeSync(fd);
      if (errno === Errno.tryAgain) throw new InstanceLockedError(dataPath, path, holderIn(path));
      check(`lock ${path}`, errno);
    }
    // The one before us removed it between our open and our lock: what we hold is a file without a name.
    const there = statOf(path);
    if (!there || identityOf(there) !== identityOf(fstatSync(fd, { bigint: true }))) {
      closeSync(fd);
      continue;
    }
    if (isWritable) describeHolder(fd, holder);
    return heldLock(path, fd);
  }
  throw new InstanceLockedError(dataPath, path, 'its lock file is made and removed all the time');
}

function heldLock(path: string, fd: number): InstanceLock {
  let isHeld = true;
  return {
    path,
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      try {
        // Still locked, so that whoever has opened it finds out that it has no name any more.
        unlinkSync(path);
      } catch {
        // A file that stays is locked by the next one as it is.
      }
      closeSync(fd);
    },
  };
}

/** For reading where it may not be written: a lock needs no right to write. */
function openLockFile(path: string, mode: number): { fd: number; isWritable: boolean } | undefined {
  try {
    return { fd: openSync(path, 'a+', mode), isWritable: true };
  } catch {
    try {
      return { fd: openSync(path, 'r'), isWritable: false };
    } catch {
      return undefined;
    }
  }
}

function describeHolder(fd: number, holder: string): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${holder}\n`);
  } catch {
    // A full disk: the lock holds without its text.
  }
}

function holderIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]!.slice(0, 200) || 'it has not said who it is';
  } catch {
    return 'it has not said who it is';
  }
}
