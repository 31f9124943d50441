import type { LmdbConfig } from '../../config/index.ts';
import { acquireInstanceLock, type Environment, showDbiName } from '../../lmdb/index.ts';
import { sidecarPath } from '../../paths/index.ts';
import { isPrivate, isSidecarThere, type MovedDbi, startAnew } from '../../shadow/index.ts';
import { forEachDatabase, openSidecarToWrite } from '../databases.ts';
import type { Session } from '../session.ts';

export async function dropShadow(session: Session): Promise<void> {
  const nowNano = BigInt(session.io.now()) * 1_000_000n;
  const dropAll = async (environment: Environment, name: string): Promise<void> => {
    // A sync that runs would take what it finds then for changes of the application.
    const lock = acquireInstanceLock(environment.dataPath, `process ${process.pid}, drop-shadow`);
    try {
      const lmdb = session.config.lmdbs.get(name)!;
      for (const { dbiName, entries } of [...dropPrivateDbis(environment), ...dropBeside(environment, lmdb, nowNano)]) {
        session.out.write(`${name}: dropped ${showDbiName(dbiName)} (${entries} entries)\n`);
      }
    } finally {
      lock?.release();
    }
  };
  await forEachDatabase(session, dropAll, { readOnly: false });
}

/** All of them or none: one transaction. With nothing to drop no write lock is taken. */
function dropPrivateDbis(environment: Environment): MovedDbi[] {
  if (!environment.read((transaction) => transaction.dbiNames().some(isPrivate))) return [];
  return environment.write((transaction) =>
    transaction
      .dbiNames()
      .filter(isPrivate)
      .map((dbiName) => {
        const dbi = transaction.openDbi(dbiName)!;
        const { entries } = transaction.stat(dbi);
        transaction.drop(dbi, true);
        return { dbiName, entries };
      }),
  );
}

/** A sidecar is emptied, and knows that it was: one that is only missing would be refused. */
function dropBeside(environment: Environment, lmdb: LmdbConfig, nowNano: bigint): MovedDbi[] {
  const path = sidecarPath(lmdb.shadowPath, environment.dataPath);
  if (lmdb.shadow !== 'sidecar' && !isSidecarThere(path)) return [];
  const sidecar = openSidecarToWrite(lmdb, environment);
  try {
    return sidecar.write((transaction) => startAnew(transaction, environment.dataFileIdentity, nowNano));
  } finally {
    sidecar.close();
  }
}
