import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '../../../src/lmdb/index.ts';
import { cursorView, readSidecarState } from '../../../src/shadow/index.ts';

const SIDECAR = '.lmdbstream-shadow';

/** Puts back the backup of an LMDB, or nothing. @returns whether there is one */
export function putBack(folder: string): boolean {
  rmSync(join(folder, 'lock.mdb'), { force: true });
  return putBackFile(join(folder, 'data.mdb'));
}

/** The same of its sidecar. */
export function putBackSidecar(folder: string): boolean {
  const path = sidecarOf(folder);
  rmSync(`${path}-lock`, { force: true });
  return putBackFile(path);
}

export function sidecarOf(folder: string): string {
  return join(folder, `data.mdb${SIDECAR}`);
}

export function backUpFiles(folder: string): void {
  for (const path of [join(folder, 'data.mdb'), sidecarOf(folder)]) {
    if (existsSync(path)) copyFileSync(path, `${path}.backup`);
  }
}

export function removeSidecar(folder: string): void {
  const path = sidecarOf(folder);
  for (const file of [path, `${path}-lock`]) rmSync(file, { force: true });
}

/** Until when the backup of a sidecar knows of our own objects; 0: there is none. */
export function knownNano(folder: string): bigint {
  const path = `${sidecarOf(folder)}.backup`;
  if (!existsSync(path)) return 0n;
  const environment = Environment.open(path, { noSubdir: true, noSync: true });
  try {
    return environment.read((transaction) => BigInt(readSidecarState(cursorView(transaction))?.lookedNano ?? 0));
  } finally {
    environment.close();
  }
}

/** Made beside the old one, so that it is another file wherever this runs. */
function putBackFile(path: string): boolean {
  const hasBackup = existsSync(`${path}.backup`);
  if (hasBackup) {
    copyFileSync(`${path}.backup`, `${path}.new`);
    renameSync(`${path}.new`, path);
  } else rmSync(path, { force: true });
  return hasBackup;
}
