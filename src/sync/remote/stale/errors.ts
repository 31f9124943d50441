import { LmdbstreamError } from '../../../errors/index.ts';
import type { ContactEvidence, ContactSource } from './judge.ts';

const NANO_PER_HOUR = 3_600_000_000_000n;

const SEEN: Readonly<Record<ContactSource, string>> = {
  'own object': 'its newest object in the bucket',
  'local entries': 'the newest entry of its LMDB (it has no object in the bucket)',
};

/** This instance was away for longer than deletions are remembered: its old entries could bring deleted ones back. */
export class StaleInstanceError extends LmdbstreamError {
  readonly databaseName: string;
  readonly instanceId: string;
  readonly evidence: ContactEvidence;

  constructor(databaseName: string, instanceId: string, evidence: ContactEvidence) {
    const sweeper = evidence.sweeperEnabled ? '' : '; the sweeper is off here, but others may sweep';
    super(
      'STALE_INSTANCE',
      `database ${databaseName}: instance ${instanceId} was last in step ${formatAge(evidence.ageNano)} ago, by ` +
        `${SEEN[evidence.source]}; deletions are remembered for ${formatAge(evidence.retentionNano)} only ` +
        `(sweeper.retention_days${sweeper}), so entries deleted meanwhile would come back`,
      {
        hint:
          'start from an empty LMDB: move the data file away while the application is stopped, and it is filled from ' +
          'the bucket; or, if all of its entries are wanted, start once with --accept-stale',
      },
    );
    this.databaseName = databaseName;
    this.instanceId = instanceId;
    this.evidence = evidence;
  }
}

/** `412.3 days`; hours below two days. */
export function formatAge(nano: bigint): string {
  const hours = Number((nano * 10n) / NANO_PER_HOUR) / 10;
  const [amount, unit] = Math.abs(hours) < 48 ? [hours, 'hour'] : [Math.round((hours / 24) * 10) / 10, 'day'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
