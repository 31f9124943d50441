import type { LmdbConfig } from '../config/index.ts';

/** How a database is kept; the same for all its DBIs. */
export interface Schema {
  /** `schema_tracks_changes`: the application's own values carry the header, there is no shadow. */
  readonly native: boolean;
  readonly dupsortHack: boolean;
  /** `dbi_options.DBI.override_create_flags`. */
  readonly overrideCreateFlags: ReadonlyMap<string, number>;
  /** Shadow mode, a DBI that the application dropped: keep it in the shadow alone, or delete its entries (decision 9). */
  readonly droppedDbis: 'keep' | 'delete';
  /** Go on although PowerDNS's schema version differs. */
  readonly acceptSchemaChange: boolean;
}

/** What the configuration says of an LMDB. */
export function schemaOf({
  schemaTracksChanges: native,
  dupsortHack,
  droppedDbis,
  acceptSchemaChange,
  dbiOptions,
}: LmdbConfig): Schema {
  const overrides = [...dbiOptions].flatMap(([name, { overrideCreateFlags }]) =>
    overrideCreateFlags === undefined ? [] : [[name, overrideCreateFlags] as const],
  );
  return { native, dupsortHack, droppedDbis, acceptSchemaChange, overrideCreateFlags: new Map(overrides) };
}
