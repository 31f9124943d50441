import { randomBytes } from 'node:crypto';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './fs-errors.ts';

/** Hidden from every listing (dot, `.tmp`), short whatever the object is called, and unique on a shared folder. */
const PATTERN = /^\.lmdbstream-(\d+)-[0-9a-f]{12}-\d+\.tmp$/;
const KEEP_MS = 24 * 60 * 60 * 1000;

/** Tells processes apart whose ids are the same: in containers, or on two machines with one network folder. */
const processTag = randomBytes(6).toString('hex');
let count = 0;

export function temporaryName(): string {
  return `.lmdbstream-${process.pid}-${processTag}-${count++}.tmp`;
}

/**
 * Removes what killed processes left: files of our pattern, not written to for a day, whose process is not alive
 * here. The process may be another machine's, therefore the day. Returns how many; failures are left for next time.
 */
export async function removeLeftovers(folder: string, nowMs: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folder)) {
    const pid = PATTERN.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const path = join(folder, name);
    try {
      if (nowMs - (await lstat(path)).mtimeMs < KEEP_MS) continue;
      await unlink(path);
      removed++;
    } catch {
      // Somebody else removed it, or it is not ours to remove.
    }
  }
  return removed;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
