import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import { Errno } from './constants.ts';
import { check } from './library.ts';

/**
 * What the path of an open LMDB names now: still the file that is open, another one (a compacted copy moved into place, a
 * folder mounted over it), or none.
 */
export type DataFileState = 'same' | 'replaced' | 'missing';

/** The data file of an open environment, by LMDB's own descriptor; the path is asked only whether it still leads there. */
export class DataFile {
  readonly path: string;
  /** LMDB's own; never to be closed here. */
  readonly fd: number;
  /** Of the file itself, whatever the path that led to it. */
  readonly identity: string;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    this.identity = identityOf(fstatSync(fd, { bigint: true }));
  }

  /** One system call. @throws FileAccessError when the path can no longer be looked at */
  state(): DataFileState {
    const now = statOf(this.path);
    if (!now) return 'missing';
    return identityOf(now) === this.identity ? 'same' : 'replaced';
  }

  /** Time of the last change, nanoseconds since 1970. Under MDB_WRITEMAP it comes late (`msync`). */
  mtimeNano(): bigint {
    return fstatSync(this.fd, { bigint: true }).mtimeNs;
  }

  sizeBytes(): number {
    return fstatSync(this.fd).size;
  }
}

/** What is at a path, or undefined for nothing. @throws FileAccessError, MissingFileError (part of the path is a file) */
export function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    const errno = -((error as NodeJS.ErrnoException).errno ?? 0);
    if (errno === Errno.noEntry) return undefined;
    return check(`open ${path}`, errno) as undefined;
  }
}

export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
