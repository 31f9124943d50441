import { openWhole } from '../btree/index.ts';
import type { LmdbConfig } from '../config/index.ts';
import type { Environment } from '../lmdb/index.ts';
import { sidecarPath } from '../paths/index.ts';
import { isSidecarThere, openSidecar } from '../shadow/index.ts';
import { DatabasesFailedError, OutputClosed, UnknownDatabaseError } from './errors.ts';
import type { Session } from './session.ts';

interface DatabasesOptions {
  readonly isWanted?: (name: string) => boolean;
  /** Default true: liblmdb then writes nothing, not even the first pages of an empty file. */
  readonly readOnly?: boolean;
  /** The sidecars of the databases, too, each after its database: `<name> (sidecar)`. Default false. */
  readonly withSidecars?: boolean;
}

/**
 * Opens each configured LMDB in the order of the names, with the options of the configuration, and closes it again.
 * One that fails does not keep the others from their turn.
 * @throws DatabasesFailedError
 */
export async function forEachDatabase(
  { config, signal }: Pick<Session, 'config' | 'signal'>,
  body: (environment: Environment, name: string) => Promise<void>,
  { isWanted = () => true, readOnly = true, withSidecars = false }: DatabasesOptions = {},
): Promise<void> {
  const failures = new Map<string, unknown>();
  for (const name of [...config.lmdbs.keys()].sort()) {
    if (!isWanted(name)) continue;
    signal.throwIfAborted();
    try {
      const environment = openEnvironment(config.lmdbs.get(name)!, readOnly);
      try {
        await body(environment, name);
        if (withSidecars) await withSidecar(config.lmdbs.get(name)!, environment, body);
      } finally {
        environment.close();
      }
    } catch (error) {
      if (error instanceof OutputClosed || (signal.aborted && error === signal.reason)) throw error;
      failures.set(name, error);
    }
  }
  if (failures.size > 0) throw new DatabasesFailedError(failures);
}

/**
 * Opens one database by its name in the configuration.
 * @throws UnknownDatabaseError, CutShortError, LmdbError and its kin
 */
export async function withDatabase<T>(
  { config }: Pick<Session, 'config'>,
  name: string,
  { readOnly }: { readonly readOnly: boolean },
  body: (environment: Environment) => Promise<T> | T,
): Promise<T> {
  const lmdb = config.lmdbs.get(name);
  if (lmdb === undefined) throw new UnknownDatabaseError(name, config.lmdbs.keys());
  const environment = openEnvironment(lmdb, readOnly);
  try {
    return await body(environment);
  } finally {
    environment.close();
  }
}

/**
 * Never creates an LMDB, whatever `options.create` says: a command that reads would only hide a wrong path.
 * @throws CutShortError, LmdbError and its kin; see `openWhole`
 */
function openEnvironment({ path, options }: LmdbConfig, readOnly: boolean): Environment {
  return openWhole(path, { ...options, create: false, readOnly });
}

async function withSidecar(
  lmdb: LmdbConfig,
  environment: Environment,
  body: (environment: Environment, name: string) => Promise<void>,
): Promise<void> {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  if (lmdb.shadow !== 'sidecar' || !isSidecarThere(path)) return;
  const sidecar = openSidecar(path, { ...sidecarOptions(lmdb, environment), readOnly: true });
  try {
    await body(sidecar, `${lmdb.name} (sidecar)`);
  } finally {
    sidecar.close();
  }
}

/** The sidecar of a database, made when it is missing, with room for all that the database can bring. */
export function openSidecarToWrite(lmdb: LmdbConfig, environment: Environment): Environment {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  const { lastPageNumber } = environment.info();
  const mapSizeBytes = 4 * (lastPageNumber + 1) * environment.pageSizeBytes + 2 ** 30;
  return openSidecar(path, { ...sidecarOptions(lmdb, environment), create: true, mapSizeBytes });
}

function sidecarOptions({ options: { maxDbs, fileMask } }: LmdbConfig, main: Environment) {
  return { main, maxDbs, fileMask };
}
