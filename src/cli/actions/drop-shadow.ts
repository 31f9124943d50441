import { acquireInstanceLock, type Environment, showDbiName } from '../../lmdb/index.ts';
import { isPrivate } from '../../shadow/index.ts';
import { forEachDatabase } from '../databases.ts';
import type { Session } from '../session.ts';

export async function dropShadow(session: Session): Promise<void> {
  const dropAll = async (environment: Environment, name: string): Promise<void> => {
    // A sync that runs would take what it finds then for changes of the application.
    const lock = acquireInstanceLock(environment.dataPath, `process ${process.pid}, drop-shadow`);
    try {
      for (const { dbiName, entries } of dropPrivateDbis(environment)) {
        session.out.write(`${name}: dropped ${showDbiName(dbiName)} (${entries} entries)\n`);
      }
    } finally {
      lock?.release();
    }
  };
  await forEachDatabase(session, dropAll, { readOnly: false });
}

interface Dropped {
  readonly dbiName: string;
  readonly entries: number;
}

/** All of them or none: one transaction. With nothing to drop no write lock is taken. */
function dropPrivateDbis(environment: Environment): Dropped[] {
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
