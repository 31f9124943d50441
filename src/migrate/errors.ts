import { LmdbstreamError } from '../errors/index.ts';

/** A DBI that the command line names is not in the LMDB. */
export class MissingSourceError extends LmdbstreamError {
  readonly role: 'source' | 'destination';

  constructor(role: 'source' | 'destination', dbiName: string) {
    super('NO_SUCH_DBI', `the ${role} DBI ${dbiName} does not exist`, {
      hint:
        role === 'source'
          ? 'see lmdbstream stats for the DBIs there are; --ignore-src-dbi-not-present makes it no error'
          : 'see lmdbstream stats for the DBIs there are',
    });
    this.role = role;
  }
}

/** An entry is not of the form that a migration reads. Nothing was written. */
export class MigrationEntryError extends LmdbstreamError {
  constructor(role: 'source' | 'destination', dbiName: string, key: Uint8Array, reason: string) {
    super('BAD_ENTRY', `${role} DBI ${dbiName}, key ${Buffer.from(key).toString('hex')}: ${reason}`, {
      hint: 'nothing was written; check that the names of the two DBIs are right',
    });
  }
}

/** The LMDB is not the main file of a PowerDNS whose schema a command knows. */
export class NotPdnsMainError extends LmdbstreamError {
  constructor(reason: string) {
    super('NOT_PDNS_MAIN', reason, {
      hint: 'name the database of the main file (lmdb-filename of pdns.conf), of PowerDNS 4.8 or newer',
    });
  }
}

/** Going on would lose data. Nothing was written. */
export class MigrationRefusedError extends LmdbstreamError {
  constructor(problems: number) {
    super(
      'MIGRATION_REFUSED',
      `${problems} ${problems === 1 ? 'problem keeps' : 'problems keep'} this LMDB from being migrated`,
      {
        hint: 'nothing was written; docs/migration.md says what to do about each',
      },
    );
  }
}

/** The file of the new configuration exists, or cannot be written. */
export class NewConfigError extends LmdbstreamError {
  constructor(path: string, reason: string) {
    super('NEW_CONFIG', `cannot write the new configuration ${path}: ${reason}`, {
      hint: 'name another file with --output',
    });
  }
}
