import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** One text for all paths, links included, of one file; for a file that is not there yet, of its place. */
export function fileIdentity(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? realPlace(path) : `${stats.dev}:${stats.ino}`;
}

function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}
