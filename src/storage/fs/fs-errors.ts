import { StorageError, type StorageOperation } from '../errors.ts';

/** What passes by itself: pressure on the machine, or a network file system that is away for a while. */
const PASSING = new Set(['EAGAIN', 'EBUSY', 'EIO', 'EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT', 'ESTALE', 'ETIMEDOUT']);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** `ENOENT` here is the folder itself: a missing object is told apart before. */
export function fsError(operation: StorageOperation, rootPath: string, cause: unknown, objectName?: string): unknown {
  const errno = errnoOf(cause);
  // Without a code of the operating system it is a mistake of ours or the caller's; it must not look like a storage's.
  if (errno === undefined || cause instanceof StorageError) return cause;
  const subject = objectName === undefined ? rootPath : `${JSON.stringify(objectName)} in ${rootPath}`;
  const missing = errno === 'ENOENT' || errno === 'ENOTDIR';
  const denied = DENIED.has(errno);
  const hint = hintOf(operation, rootPath, errno);
  return new StorageError(`${operation} of ${subject}: ${(cause as Error).message}`, {
    operation,
    objectName,
    notFound: missing,
    denied,
    // A folder that is gone comes back when it is mounted again.
    retryable: missing || PASSING.has(errno),
    errorLabel: errno,
    hint,
    cause,
  });
}

function hintOf(operation: StorageOperation, rootPath: string, errno: string): string {
  const reads = operation === 'list' || operation === 'load';
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return operation === 'init'
        ? `root_path must be a folder, or one that can be made: check ${rootPath} and the folders above it, and what is mounted there`
        : `${rootPath} is not a folder or does not exist: is a file system not mounted there?`;
    case 'EROFS':
      return 'the file system is mounted read-only';
    case 'EACCES':
    case 'EPERM':
      return reads
        ? `give this user read access to the files and read and search access to ${rootPath}`
        : `give this user write access to ${rootPath}`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `free space on the file system of ${rootPath}`;
    case 'EMFILE':
    case 'ENFILE':
      return 'raise the limit of open files (LimitNOFILE, ulimit -n)';
    case 'ENAMETOOLONG':
      return 'the file system takes no name of this length: shorten root_path, or the names of database and instance';
    case 'ELOOP':
      return `a symbolic link on the way to ${rootPath} leads back to itself`;
    default:
      return `look at the file system of ${rootPath} and at the messages of the kernel (dmesg)`;
  }
}
