import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Puts back the backup of an LMDB, or nothing. @returns whether there is one */
export function putBack(folder: string): boolean {
  const dataPath = join(folder, 'data.mdb');
  rmSync(join(folder, 'lock.mdb'), { force: true });
  rmSync(dataPath, { force: true });
  const hasBackup = existsSync(`${dataPath}.backup`);
  if (hasBackup) copyFileSync(`${dataPath}.backup`, dataPath);
  return hasBackup;
}
