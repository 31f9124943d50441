import type { Command } from 'commander';
import { type Environment, PRIVATE_DBI_PREFIX, showDbiName } from '../../lmdb/index.ts';
import { forEachDatabase } from '../databases.ts';
import type { SessionRunner } from '../session.ts';

export function addDropShadowCommand(program: Command, runner: SessionRunner): void {
  program
    .command('drop-shadow')
    .description('Drop all shadow DBIs and what else lmdbstream keeps in the LMDBs; stop sync first')
    .allowExcessArguments(true)
    .action(() =>
      runner.run((session) =>
        forEachDatabase(session, async (environment, name) => {
          for (const { dbiName, entries } of dropPrivateDbis(environment)) {
            session.out.write(`${name}: dropped ${showDbiName(dbiName)} (${entries} entries)\n`);
          }
        }),
      ),
    );
}

interface Dropped {
  readonly dbiName: string;
  readonly entries: number;
}

/** All of them or none: one transaction. With nothing to drop no write lock is taken. */
function dropPrivateDbis(environment: Environment): Dropped[] {
  const isPrivate = (name: string): boolean => name.startsWith(PRIVATE_DBI_PREFIX);
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
