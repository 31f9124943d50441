import type { Config } from '../../config/index.ts';
import type { Log } from '../../log/index.ts';
import type { ChainIndex } from '../chain/index.ts';
import type { LocalDatabase } from '../local/index.ts';
import { retentionNano } from '../sweep/index.ts';
import { formatAge, judgeStaleness, StaleInstanceError } from './stale/index.ts';

export interface StaleCheck {
  readonly config: Config;
  readonly databaseName: string;
  readonly instanceId: string;
  readonly index: ChainIndex;
  readonly local: LocalDatabase;
  readonly hasLocalData: boolean;
  readonly nowNano: bigint;
  readonly log: Log;
}

/**
 * Deletions that would come back after a long downtime: an instance that was away for longer than they are remembered may
 * not publish what it has.
 * @throws StaleInstanceError
 */
export async function refuseStale(check: StaleCheck): Promise<void> {
  const { config, databaseName, instanceId, index, local, hasLocalData, log } = check;
  const own = index.ownListed().at(-1)?.name;
  const otherInstances = index.instances().filter((instance) => instance !== instanceId).length;
  // Entries tell of the last change, not of the last contact: where nobody sweeps, an old quiet database is no danger.
  const asksEntries = config.sweeper.enabled && hasLocalData && otherInstances > 0 && !own;
  const judged = judgeStaleness({
    now: check.nowNano,
    retentionNano: retentionNano(config.sweeper),
    sweeperEnabled: config.sweeper.enabled,
    ownNewestNano: own?.timestampNano,
    localNewestNano: asksEntries ? timeOfContact(await local.newestNano()) : undefined,
    hasLocalData,
    otherInstances,
    acceptStale: config.acceptStale,
  });
  if (judged.verdict === 'stale') throw new StaleInstanceError(databaseName, instanceId, judged.evidence);
  if (judged.reason !== 'accepted') return;
  const away = judged.evidence && formatAge(judged.evidence.ageNano);
  log.warn('Joining with stale data, as accepted: deleted entries may come back', { away });
}

/** What was here before the first start has 1 ns (decision 5), which is no time: an instance that has nothing else was never in step. */
function timeOfContact(newestNano: bigint | undefined): bigint | undefined {
  return newestNano !== undefined && newestNano > 1n ? newestNano : undefined;
}
