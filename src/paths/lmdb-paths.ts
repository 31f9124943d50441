import { dirname, join, resolve } from 'node:path';

/** Where the data file is, absolute. @param noSubdir the path is the file itself, not its folder */
export function dataPathOf(path: string, noSubdir = false): string {
  return resolve(noSubdir ? path : join(path, 'data.mdb'));
}

/** The lock file that LMDB keeps beside a data file. @param noSubdir as in `dataPathOf` */
export function lockPathOf(dataPath: string, noSubdir: boolean): string {
  return noSubdir ? `${dataPath}-lock` : join(dirname(dataPath), 'lock.mdb');
}

/** The lock file of the one who syncs, whether it exists or not. */
export function instanceLockPath(dataPath: string): string {
  return `${dataPath}.lmdbstream-lock`;
}

/** The file that remembers which transactions of a data file were told. */
export function toldMarkerPath(dataPath: string): string {
  return `${dataPath}.lmdbstream-told`;
}

/** The data file of the sidecar, absolute: beside the LMDB's, where nothing else is configured. @param dataPath of the LMDB, absolute */
export function sidecarPath(shadowPath: string, dataPath: string): string {
  return shadowPath === '' ? `${dataPath}.lmdbstream-shadow` : resolve(shadowPath);
}

/** The name of a sidecar until it is whole; what is there is removed. */
export function unfinishedSidecarPath(path: string): string {
  return `${path}-new`;
}
