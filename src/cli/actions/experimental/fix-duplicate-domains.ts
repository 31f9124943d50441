import { findDuplicateDomains, renameDuplicateDomains } from '../../../migrate/index.ts';
import { timestampFromMilli } from '../../../snapshot/index.ts';
import { withDatabase } from '../../databases.ts';
import type { Session } from '../../session.ts';

export interface FixDuplicateDomainsFlags {
  readonly database: string;
  readonly dangerousDoRename?: boolean;
}

/** Without `--dangerous-do-rename` nothing is written, and no write lock is taken (CLI-15). */
export async function fixDuplicateDomains(
  session: Session,
  { database, dangerousDoRename = false }: FixDuplicateDomainsFlags,
): Promise<void> {
  const { log, out, io } = session;
  await withDatabase(session, database, { readOnly: !dangerousDoRename }, (environment) => {
    const nowNano = timestampFromMilli(io.now());
    const { duplicates, toDelete } = dangerousDoRename
      ? environment.write((transaction) => renameDuplicateDomains(transaction, nowNano))
      : environment.read(findDuplicateDomains);
    for (const { zone, keptId, renamedId, newName } of duplicates) {
      const fields = { domain: zone, keeping_oldest_id: keptId, renaming_newest_id: renamedId };
      log.error('Duplicate domain entry!', fields);
      if (dangerousDoRename) log.warn('Renamed the newer one', { domain: zone, new_name: newName });
      else log.info('Not renaming, because --dangerous-do-rename is not set');
    }
    log.info('Done', { n_duplicates: duplicates.length });
    if (toDelete.length === 0) return;
    out.write('\n\nThe following zones need to be removed with `pdnsutil delete-zone ZONE`:\n\n');
    for (const zone of toDelete) out.write(`- ${zone}\n`);
    out.write('\nThey do not show up in list-all-zones, and stay in this list when they are removed.\n\n');
  });
}
