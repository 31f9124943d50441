import { LmdbstreamError } from '../errors/index.ts';

function show(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

/** A DBI of the application that cannot be tracked as configured; stops the syncing of its database. */
export class UnsupportedDbiError extends LmdbstreamError {}

export function dupsortWithoutHack(dbiName: string, native: boolean): UnsupportedDbiError {
  return new UnsupportedDbiError('DUPSORT_UNSUPPORTED', `DBI ${dbiName} has MDB_DUPSORT`, {
    hint: native
      ? 'native mode cannot carry duplicates; use schema_tracks_changes: false with dupsort_hack: true'
      : 'set dupsort_hack: true for this database',
  });
}

export function dupsortKeyLength(dbiName: string, key: Uint8Array): UnsupportedDbiError {
  const what = key.length === 0 ? 'an empty key' : `a key of ${key.length} bytes`;
  return new UnsupportedDbiError('DUPSORT_KEY_LENGTH', `DBI ${dbiName} holds ${what}: ${show(key)}`, {
    hint: 'dupsort_hack carries keys of 1 to 255 bytes',
  });
}

export function dupsortNotUnique(dbiName: string, key: Uint8Array): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DUPSORT_NOT_UNIQUE',
    `DBI ${dbiName}: two duplicates of key ${show(key)} differ only beyond what a shadow key can hold`,
    { hint: 'dupsort_hack carries duplicates whose first bytes (506 less the key) differ' },
  );
}

export function dbiKindChanged(dbiName: string): UnsupportedDbiError {
  return new UnsupportedDbiError(
    'DBI_KIND_CHANGED',
    `DBI ${dbiName} was made again as another kind, which its shadow cannot hold`,
    {
      hint: 'give the new DBI another name; or stop every instance, remove its shadows (drop-shadow) and its objects, and start again',
    },
  );
}
