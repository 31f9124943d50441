import { type BigIntStats, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * One text for all paths, links included, of one file; for a file that is not there yet, of its place. What cannot be looked
 * at is told by whoever opens it.
 */
export function fileIdentity(path: string): string {
  const stats = statOf(path);
  return stats === undefined ? realPlace(path) : `${stats.dev}:${stats.ino}`;
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPlace(parent), basename(path));
  }
}
