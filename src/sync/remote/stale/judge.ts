/**
 * May this instance join with the data it has? Deletion marks are kept for the retention only. An instance that was away
 * for longer may hold entries whose deletion nobody remembers any more: published, they would come back everywhere.
 */
export interface StalenessInput {
  /** Nanoseconds since 1970 UTC, as all times here. */
  readonly now: bigint;
  /**
   * `retention_days` as configured here (`retentionNano` of sweep/). It counts even where our own sweeper is off: the
   * others may sweep, and their retention is known from nowhere else.
   */
  readonly retentionNano: bigint;
  readonly sweeperEnabled: boolean;
  /** Time in the name of our newest object in the bucket; undefined: there is none, or a peer cleaned it away. */
  readonly ownNewestNano?: bigint | undefined;
  /** Newest entry time in the local shadow (or native) DBIs; undefined: no entry has one yet. */
  readonly localNewestNano?: bigint | undefined;
  /** The application's DBIs hold an entry at all. */
  readonly hasLocalData: boolean;
  /** Other instances with an object in the bucket. */
  readonly otherInstances: number;
  /** `accept_stale`, `--accept-stale`. */
  readonly acceptStale: boolean;
}

/** What shows when this instance was last in touch with the others. */
export type ContactSource = 'own object' | 'local entries';

export interface ContactEvidence {
  readonly source: ContactSource;
  readonly lastContactNano: bigint;
  /** Negative when the clock was set back since. */
  readonly ageNano: bigint;
  readonly retentionNano: bigint;
  readonly sweeperEnabled: boolean;
}

export type FreshReason = 'no local data' | 'no other instances' | 'never synced' | 'within retention' | 'accepted';

export type Staleness =
  | { readonly verdict: 'fresh'; readonly reason: FreshReason; readonly evidence: ContactEvidence | undefined }
  | { readonly verdict: 'stale'; readonly evidence: ContactEvidence };

/** Stale is strictly older than the retention: a mark made at the last contact is swept only after that. */
export function judgeStaleness(input: StalenessInput): Staleness {
  const evidence = lastContact(input);
  const fresh = (reason: FreshReason): Staleness => ({ verdict: 'fresh', reason, evidence });
  if (!input.hasLocalData) return fresh('no local data');
  if (input.otherInstances === 0) return fresh('no other instances');
  if (evidence === undefined) return fresh('never synced');
  if (evidence.ageNano <= input.retentionNano) return fresh('within retention');
  return input.acceptStale ? fresh('accepted') : { verdict: 'stale', evidence };
}

/** Our newest object: it shows that we were there, however quiet the fleet was. Without one the newest entry here tells. */
function lastContact(input: StalenessInput): ContactEvidence | undefined {
  const { ownNewestNano, localNewestNano } = input;
  if (ownNewestNano !== undefined) return evidenceOf(input, 'own object', ownNewestNano);
  return localNewestNano === undefined ? undefined : evidenceOf(input, 'local entries', localNewestNano);
}

function evidenceOf(input: StalenessInput, source: ContactSource, lastContactNano: bigint): ContactEvidence {
  const { now, retentionNano, sweeperEnabled } = input;
  return { source, lastContactNano, ageNano: now - lastContactNano, retentionNano, sweeperEnabled };
}
