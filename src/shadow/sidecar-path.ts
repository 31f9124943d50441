import { resolve } from 'node:path';

/** Beside the data file, where nothing else is configured. */
const SUFFIX = '.lmdbstream-shadow';

/** The data file of the sidecar, absolute. @param dataPath of the LMDB, absolute */
export function sidecarPath(shadowPath: string, dataPath: string): string {
  return shadowPath === '' ? dataPath + SUFFIX : resolve(shadowPath);
}
