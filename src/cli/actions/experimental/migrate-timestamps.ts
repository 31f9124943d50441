import { countOnly, MissingSourceError, migrateTimestamps } from '../../../migrate/index.ts';
import { withDatabase } from '../../databases.ts';
import { UsageError } from '../../errors.ts';
import type { Session } from '../../session.ts';

export interface MigrateTimestampsFlags {
  readonly database: string;
  readonly srcDbi: string;
  readonly dstDbi: string;
  readonly addDeleteEntries?: boolean;
  readonly ignoreSrcDbiNotPresent?: boolean;
}

/** All of it or nothing: one transaction (CLI-14). */
export async function migrateTimestampsOf(session: Session, flags: MigrateTimestampsFlags): Promise<void> {
  const { database, srcDbi, dstDbi, addDeleteEntries = false, ignoreSrcDbiNotPresent = false } = flags;
  if (srcDbi === dstDbi) {
    throw new UsageError('source and destination DBI cannot be the same', 'give different names for the two');
  }
  const options = { srcDbi, dstDbi, addDeleteEntries };
  await withDatabase(session, database, { readOnly: false }, (environment) => {
    try {
      // What is wrong is found without the write lock.
      const expected = environment.read((transaction) => migrateTimestamps(transaction, options, countOnly));
      if (expected.updated + expected.addedDeletes === 0) return tell(session, expected);
      tell(
        session,
        environment.write((transaction) => migrateTimestamps(transaction, options, transaction)),
      );
    } catch (error) {
      const isMissingSource = error instanceof MissingSourceError && error.role === 'source';
      if (!isMissingSource || !ignoreSrcDbiNotPresent) throw error;
      session.log.warn('Source DBI not found, no migration performed', { src_dbi: srcDbi });
    }
  });
}

function tell({ log }: Session, { updated, addedDeletes }: { updated: number; addedDeletes: number }): void {
  log.info('Done', { n_updated: updated, n_added_deletes: addedDeletes });
}
