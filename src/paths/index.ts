export {
  dataPathOf,
  instanceLockPath,
  lockPathOf,
  sidecarPath,
  toldMarkerPath,
  unfinishedSidecarPath,
} from './lmdb-paths.ts';
