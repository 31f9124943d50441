import type { Command } from 'commander';
import type { Environment } from '../../lmdb/index.ts';
import { isPrivate } from '../../shadow/index.ts';
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
            session.out.write(`${name}: dropped ${dbiName} (${entries} entries)\n`);
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
