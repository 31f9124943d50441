import { openWhole } from '../btree/index.ts';
import type { LmdbConfig } from '../config/index.ts';
import type { Environment, ReadTransaction } from '../lmdb/index.ts';
import { sidecarPath } from '../paths/index.ts';
import {
  cursorView,
  type DatabaseView,
  isSidecarThere,
  openSidecar as openSidecarFile,
  type Schema,
  schemaOf,
} from '../shadow/index.ts';

/** One LMDB as a single read transaction sees it. */
export interface OpenDatabase {
  readonly name: string;
  readonly environment: Environment;
  readonly transaction: ReadTransaction;
  readonly view: DatabaseView;
  readonly schema: Schema;
}

/** An LMDB that is in no configuration. @param path of the data file (`noSubdir`), or of the folder that holds it */
export function lmdbAt(name: string, path: string, noSubdir: boolean): LmdbConfig {
  return {
    name,
    path,
    options: { noSubdir, create: false, dirMask: 0, fileMask: 0, mapSizeBytes: 0, maxDbs: 1000 },
    schemaTracksChanges: false,
    dupsortHack: true,
    headerExtraPaddingBlock: false,
    dbiOptions: new Map(),
    droppedDbis: 'keep',
    acceptSchemaChange: false,
    shadow: 'inline',
    shadowPath: '',
  };
}

/**
 * Opens an LMDB for reading, beside whoever else has it open, and closes it when `body` has ended. Writes nothing, creates nothing and takes
 * no lock of ours. While it is open, LMDB cannot reuse the pages that were freed since.
 * @throws CutShortError, LmdbError and its kin; see `openWhole`
 */
export async function withOpenDatabase<T>(
  lmdb: LmdbConfig,
  body: (database: OpenDatabase) => Promise<T> | T,
): Promise<T> {
  const environment = openWhole(lmdb.path, { ...lmdb.options, create: false, readOnly: true });
  let sidecar: Environment | undefined;
  try {
    // First, for it is behind the LMDB, and never ahead of it.
    sidecar = openSidecar(lmdb, environment);
    const beside = sidecar && { ...cursorView(sidecar.beginRead()), pages: undefined };
    const transaction = environment.beginRead();
    const view = { ...cursorView(transaction), sidecar: beside };
    return await body({ name: lmdb.name, environment, transaction, view, schema: schemaOf(lmdb) });
  } finally {
    sidecar?.close();
    environment.close();
  }
}

function openSidecar(lmdb: LmdbConfig, environment: Environment): Environment | undefined {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  if (lmdb.shadow !== 'sidecar' || !isSidecarThere(path)) return undefined;
  const { maxDbs, fileMask } = lmdb.options;
  return openSidecarFile(path, { main: environment, maxDbs, fileMask, readOnly: true });
}
