import { LmdbstreamError } from '../errors/index.ts';
import { DbiFlag, MAX_KEY_SIZE, showDbiName } from '../lmdb/index.ts';
import { SHADOW_PREFIX } from './store/names.ts';

function show(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

/** A DBI of the application that cannot be tracked as configured; stops the syncing of its database. */
export class UnsupportedDbiError extends LmdbstreamError {}

export function dupsortWithoutHack(dbiName: string, native: boolean): UnsupportedDbiError {
  return new UnsupportedDbiError('DUPSORT_UNSUPPORTED', `DBI ${showDbiName(dbiName)} has MDB_DUPSORT`, {
    hint: native
      ? 'native mode cannot carry duplicates; use schema_tracks_changes: false with dupsort_hack: true'
      : 'set dupsort_hack: true for this database',
  });
}

/** LMDB makes such a DBI without a word, keeps its keys on pages that have no room for values, and loses those. */
export function dupfixedWithoutDupsort(dbiName: string): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DUPFIXED_WITHOUT_DUPSORT',
    `DBI ${showDbiName(dbiName)} has MDB_DUPFIXED without MDB_DUPSORT: LMDB keeps no values in it`,
    {
      hint: 'let the application make the DBI anew, with MDB_DUPSORT|MDB_DUPFIXED or without either',
    },
  );
}

export function dupsortKeyLength(dbiName: string, key: Uint8Array): UnsupportedDbiError {
  const what = key.length === 0 ? 'an empty key' : `a key of ${key.length} bytes`;
  return new UnsupportedDbiError('DUPSORT_KEY_LENGTH', `DBI ${showDbiName(dbiName)} holds ${what}: ${show(key)}`, {
    hint: 'dupsort_hack carries keys of 1 to 255 bytes',
  });
}

export function dupsortNotUnique(dbiName: string, key: Uint8Array): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DUPSORT_NOT_UNIQUE',
    `DBI ${showDbiName(dbiName)}: two duplicates of key ${show(key)} differ only beyond what a shadow key can hold`,
    { hint: 'dupsort_hack carries duplicates whose first bytes (506 less the key) differ' },
  );
}

export function dbiKindChanged(dbiName: string): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DBI_KIND_CHANGED',
    `DBI ${showDbiName(dbiName)} was made again as another kind, which its shadow cannot hold`,
    {
      hint: 'give the new DBI another name; or stop every instance, remove its shadows (drop-shadow) and its objects, and start again',
    },
  );
}

/** The unnamed DBI is also LMDB's list of the named ones: a shadow of it would be among its own keys. */
export function unnamedDbiHoldsData(key: Uint8Array): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'UNNAMED_DBI',
    `the unnamed DBI holds data, which is not synchronised: key ${show(key)}`,
    {
      hint: 'let the application keep its data in a named DBI (mdb_dbi_open with a name; py-lmdb: env.open_db(b"name") and max_dbs), and remove what the unnamed one holds',
    },
  );
}

/** LMDB makes no named DBI, and so no shadow, beside one of these kinds. */
export function unnamedDbiFlags(flags: number): UnsupportedDbiError {
  const flag = flags & DbiFlag.dupSort ? 'MDB_DUPSORT' : 'MDB_INTEGERKEY';
  return new UnsupportedDbiError(
    'UNNAMED_DBI',
    `the unnamed DBI was opened with ${flag}: LMDB makes no named DBI beside it`,
    {
      hint: 'let the application keep its data in a named DBI, in a new LMDB',
    },
  );
}

export function dbiNameTooLong(dbiName: string): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DBI_NAME_TOO_LONG',
    `no shadow of DBI ${showDbiName(dbiName)} can be made: its name is too long`,
    {
      hint: `the name of a shadow is ${SHADOW_PREFIX} and that of the DBI, together at most ${MAX_KEY_SIZE} bytes`,
    },
  );
}
