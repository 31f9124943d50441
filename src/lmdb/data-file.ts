import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
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

/** `MDB_meta` after the page header of 16 bytes: u32 magic, u32 data version; at byte 40 of the page u32 its size. */
const FORMAT_AT = 16;
const META_MAGIC = 0xbeef_c0de;
const DATA_VERSION = 1;
const PAGE_SIZE_AT = 40;
const META_BYTES = 152;

/**
 * Whether a data file is of the format of liblmdb 0.9, with both its meta pages. To be asked while it is not open: LMDB has no locks on it
 * then.
 */
export function hasKnownFormat(path: string): boolean {
  const meta = Buffer.alloc(META_BYTES);
  const isMeta = (fd: number, at: number): boolean =>
    readSync(fd, meta, 0, META_BYTES, at) === META_BYTES &&
    meta.readUInt32LE(FORMAT_AT) === META_MAGIC &&
    meta.readUInt32LE(FORMAT_AT + 4) === DATA_VERSION;
  try {
    const fd = openSync(path, 'r');
    try {
      return isMeta(fd, 0) && isMeta(fd, meta.readUInt32LE(PAGE_SIZE_AT));
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
