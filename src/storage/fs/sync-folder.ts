import { open } from 'node:fs/promises';
import { errnoOf } from './fs-errors.ts';

/** File systems that cannot sync a folder say so with these; there is nothing more to be done on them. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EISDIR', 'EBADF']);

/** Makes the names in a folder durable: without it a power failure may undo what was made, renamed or removed in it. @throws the system's error */
export async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      void folder.close().catch(() => {});
    }
  } catch (error) {
    if (!UNSUPPORTED.has(errnoOf(error) ?? '')) throw error;
  }
}
