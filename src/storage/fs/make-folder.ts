import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from './fs-errors.ts';
import { syncFolder } from './sync-folder.ts';

/**
 * The folder and those above it that are missing. Not Node's own `recursive`: below something where no folder can be made
 * (`/proc`) that one never ends.
 * @throws the system's error of the first folder that cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = path; !(await exists(folder)); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) {
    await mkdir(folder, { mode: 0o755 }).catch((error) => {
      // Another process was faster.
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
    // Where this user may not read the folder above, it cannot be synced; the bucket works all the same.
    await syncFolder(dirname(folder)).catch(() => {});
  }
  if (!(await stat(path)).isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`), { code: 'ENOTDIR' });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
