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
