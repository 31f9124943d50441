/** A key of the application's that changed. */
export interface ChangedKey {
  /** Bytes of the application's key; of a DUPSORT DBI, the key of the pair. */
  readonly key: Uint8Array;
  /** Of a DUPSORT DBI: the duplicate. */
  readonly value?: Uint8Array;
  readonly kind: 'put' | 'delete';
}

export interface ChangedDbi {
  readonly name: string;
  /** Undefined: more than `events.max_keys`; anything in this DBI may have changed. */
  readonly keys: readonly ChangedKey[] | undefined;
}

/**
 * Who made a change: the application here, or another instance. `start`: nobody, the keys were there when we started. `missed`: it
 * was made before, by whomever, and we ended before it was told.
 */
export type ChangeOrigin =
  | { readonly kind: 'local' | 'start' | 'missed' }
  | { readonly kind: 'remote'; readonly instanceId: string };

/**
 * What one transaction changed in the application's DBIs, told after its commit. Plain data; workers post it to the main thread.
 * Whole: a transaction is never split over two events. Several transactions of the application may be one event.
 */
export interface ChangeEvent {
  /** The database's name in the configuration. */
  readonly db: string;
  /** ms since 1970 UTC, when it was noticed or committed. */
  readonly atMs: number;
  /** LMDB's id of a transaction: everything up to it is told with this event or earlier ones. */
  readonly txnId: number;
  readonly origin: ChangeOrigin;
  readonly dbis: readonly ChangedDbi[];
}

/** The same, without whose and when. */
export type ChangeEventBody = Omit<ChangeEvent, 'db' | 'atMs'>;

/** Whether changes are told, and how. It may be switched while databases run. */
export interface ChangeListening {
  readonly isOn: boolean;
  /** Over this an event says which DBIs changed, but not which keys. */
  readonly maxKeys: number;
  /** PowerDNS's zones are told at the start, so that records can be told by their names. */
  readonly namesZones: boolean;
}
